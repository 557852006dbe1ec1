package inventory

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

const canary = "c4n4ry-0f-th3-t3st"

// TestSecretNeverShows puts a secret through everything that turns values into
// text, alone, in a struct, behind a pointer and in an unexported field, which
// fmt prints without asking the value.
func TestSecretNeverShows(t *testing.T) {
	s := NewSecret([]byte(canary))
	type holder struct {
		S      Secret
		P      *Secret
		hidden Secret
	}
	values := []any{s, &s, holder{s, &s, s}, &holder{s, &s, s}, []Secret{s}, map[string]Secret{"k": s}}
	verbs := []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%p", "%T", "%10.3s"}
	for i, v := range values {
		var shown []string
		for _, verb := range verbs {
			shown = append(shown, fmt.Sprintf(verb, v))
		}
		shown = append(shown, fmt.Sprint(v), fmt.Errorf("with %v", v).Error())
		if text, err := json.Marshal(v); err == nil {
			shown = append(shown, string(text))
		}
		if text, err := yaml.Marshal(v); err == nil {
			shown = append(shown, string(text))
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "v", v)
		shown = append(shown, log.String())
		for _, text := range shown {
			for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprint([]byte(canary)), canary[:3]} {
				if strings.Contains(text, form) {
					t.Errorf("value %d shows the secret: %s", i, text)
				}
			}
		}
	}
	for _, text := range []string{s.String(), s.GoString(), fmt.Sprintf("%x", s), s.LogValue().String()} {
		if text != redacted {
			t.Errorf("form is %q", text)
		}
	}
	if text, _ := s.MarshalText(); string(text) != redacted {
		t.Errorf("text form is %q", text)
	}
	if text, _ := json.Marshal(s); string(text) != `"[redacted]"` {
		t.Errorf("JSON form is %s", text)
	}
}

func TestSecretReveal(t *testing.T) {
	source := []byte(canary)
	s := NewSecret(source)
	source[0] = 'X'
	s.Reveal()[1] = 'X'
	if got := string(s.Reveal()); got != canary {
		t.Errorf("revealed %q", got)
	}
	if !s.Equal(NewSecret([]byte(canary))) || s.Equal(Secret{}) || !(Secret{}).IsEmpty() {
		t.Error("comparison is wrong")
	}
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	from := Resolver{
		What: "sudo password for acme",
		LookupEnv: func(name string) (string, bool) {
			v, ok := map[string]string{"SET": "value\n", "EMPTY": ""}[name]
			return v, ok
		},
		Prompt: func(_ context.Context, what string) (Secret, error) {
			return NewSecret([]byte("typed for " + what)), nil
		},
	}
	tests := []struct {
		name        string
		ref         SecretRef
		want, fault string
	}{
		{"env", SecretRef{SchemeEnv, "SET"}, "value\n", ""},
		{"env unset", SecretRef{SchemeEnv, "UNSET"}, "", "reading secret env:UNSET: the variable is not set"},
		{"env empty", SecretRef{SchemeEnv, "EMPTY"}, "", "reading secret env:EMPTY: is empty"},
		{"file", SecretRef{SchemeFile, file("ok", "value\n", 0o600)}, "value", ""},
		{"file with two line ends", SecretRef{SchemeFile, file("two", "value\n\r\n", 0o400)}, "value\n", ""},
		{"file for the group", SecretRef{SchemeFile, file("group", "value", 0o640)}, "", "mode 0640; chmod 600 makes it private"},
		{"file for the world", SecretRef{SchemeFile, file("world", "value", 0o604)}, "", "mode 0604; chmod 600 makes it private"},
		{"file too long", SecretRef{SchemeFile, file("long", strings.Repeat("x", maxSecret+1), 0o600)}, "", "is longer than 64 KiB"},
		{"no file", SecretRef{SchemeFile, filepath.Join(dir, "none")}, "", "no such file or directory"},
		{"folder", SecretRef{SchemeFile, dir}, "", "not a regular file"},
		{"device", SecretRef{SchemeFile, "/dev/zero"}, "", "not a regular file"},
		{"command", SecretRef{SchemeCommand, "echo value | cat"}, "value", ""},
		{"command fails", SecretRef{SchemeCommand, "echo " + canary + " >&2; exit 3"}, "", "the command: exit status 3"},
		{"command without end", SecretRef{SchemeCommand, "head -c 1000000 /dev/zero"}, "", "is longer than 64 KiB"},
		{"command prints nothing", SecretRef{SchemeCommand, "true"}, "", "is empty"},
		{"prompt", SecretRef{Scheme: SchemePrompt}, "typed for sudo password for acme", ""},
		{"nothing", SecretRef{}, "", "no such kind of reference"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := tt.ref.Resolve(t.Context(), from)
			if tt.fault == "" {
				if err != nil || string(s.Reveal()) != tt.want {
					t.Errorf("got %q, %v", s.Reveal(), err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("got %v, want %s", err, tt.fault)
			}
			var typed *SecretError
			if !errors.As(err, &typed) {
				t.Errorf("error is %T", err)
			}
		})
	}
}

func TestResolveWithoutTerminal(t *testing.T) {
	_, err := SecretRef{Scheme: SchemePrompt}.Resolve(t.Context(), Resolver{})
	if !errors.Is(err, ErrNoPrompt) {
		t.Errorf("got %v", err)
	}
}

func TestResolveStopsTheCommand(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	ref := SecretRef{SchemeCommand, "mkfifo " + pipe + "; read x < " + pipe}
	_, err := ref.Resolve(ctx, Resolver{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestSecretRefText(t *testing.T) {
	inv := mustParse(t, "version: 1\nhosts: {a: {address: h, sudo: prompt, registry: {password: \"command:pass show a\"}}}\n", "")
	text, err := json.Marshal(inv.Hosts()[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"password":"prompt"`, `"password":"command:pass show a"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}
