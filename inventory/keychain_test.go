package inventory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKeychain asks programs that only say how they were asked.
func TestKeychain(t *testing.T) {
	bin := t.TempDir()
	for _, name := range []string{"security", "secret-tool"} {
		script := "#!/bin/sh\n[ \"$*\" != 'lookup service gone account acme' ] || exit 1\necho \"$0: $*\"\n"
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		goos, rest, path string
		want, fault      string
	}{
		"macOS":         {"darwin", "liftalot/acme", bin, bin + "/security: find-generic-password -w -s liftalot -a acme", ""},
		"Linux":         {"linux", "liftalot/ops@acme/22", bin, bin + "/secret-tool: lookup service liftalot account ops@acme/22", ""},
		"Windows":       {"windows", "liftalot/acme", bin, "", "name one with command:"},
		"not there":     {"linux", "gone/acme", bin, "", "exit status 1"},
		"no program":    {"linux", "liftalot/acme", t.TempDir(), "", "secret-tool is not installed here"},
		"no account":    {"linux", "liftalot", bin, "", "SERVICE/ACCOUNT"},
		"an option":     {"linux", "liftalot/--help", bin, "", "SERVICE/ACCOUNT"},
		"an option too": {"darwin", "-g/acme", bin, "", "SERVICE/ACCOUNT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PATH", tt.path)
			s, err := SecretRef{SchemeKeychain, tt.rest}.fromKeychain(t.Context(), Resolver{}, tt.goos)
			if tt.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fault) {
					t.Errorf("got %v, want %s", err, tt.fault)
				}
				return
			}
			if err != nil || string(s.Reveal()) != tt.want {
				t.Errorf("got %q, %v", s.Reveal(), err)
			}
		})
	}
}

func TestKeychainReference(t *testing.T) {
	inv := mustParse(t, "version: 1\nhosts: {a: {address: h, sudo: keychain:liftalot/acme}}\n", "")
	if got := inv.Hosts()[0].Sudo.Password; got != (SecretRef{SchemeKeychain, "liftalot/acme"}) {
		t.Errorf("got %v", got)
	}
	if _, err := (SecretRef{SchemeKeychain, "liftalot"}).Resolve(t.Context(), Resolver{}); err == nil {
		t.Error("half a reference was resolved")
	}
}
