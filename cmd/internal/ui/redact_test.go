package ui

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

const secret = `s3cr3t 'q"$` + "`" + `\&<pä%/+`

func redactorOf(secrets ...string) *Redactor {
	r := &Redactor{}
	for _, s := range secrets {
		r.Add([]byte(s))
	}
	return r
}

// TestRedactForms writes the secret as other programs would, and looks for
// anything left of it.
func TestRedactForms(t *testing.T) {
	r := redactorOf(secret)
	asJSON, err := json.Marshal(map[string]string{"password": secret})
	if err != nil {
		t.Fatal(err)
	}
	login := func(user string) string { return user + ":" + secret }
	for name, text := range map[string]string{
		"plain":            "password " + secret + ".",
		"JSON":             string(asJSON),
		"Go":               strconv.Quote(secret),
		"query":            "https://h/?p=" + url.QueryEscape(secret) + "&x",
		"path":             "https://h/" + url.PathEscape(secret),
		"lower percent":    "p=" + lowerPercent(url.QueryEscape(secret)),
		"userinfo":         "https://u:" + url.QueryEscape(secret) + "@h",
		"shell":            "echo '" + strings.ReplaceAll(secret, "'", `'\''`) + "'",
		"double quotes":    `echo "` + doubleQuoted(secret) + `"`,
		"YAML":             "p: '" + strings.ReplaceAll(secret, "'", "''") + "'",
		"Compose":          "P=" + strings.ReplaceAll(secret, "$", "$$"),
		"HTML":             "<td>" + html.EscapeString(secret) + "</td>",
		"hex":              hex.EncodeToString([]byte(secret)),
		"base64":           base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64 URL":       base64.URLEncoding.EncodeToString([]byte(secret)),
		"base64 raw":       base64.RawURLEncoding.EncodeToString([]byte(secret)),
		"login, aligned":   base64.StdEncoding.EncodeToString([]byte(login("ab"))),
		"login, by one":    base64.StdEncoding.EncodeToString([]byte(login("abc"))),
		"login, by two":    base64.StdEncoding.EncodeToString([]byte(login("abcd") + "\n")),
		"two in a row":     secret + secret,
		"escaped":          Escape(secret),
		"in the next line": "password:\n" + secret + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			got := r.String(text)
			if !strings.Contains(got, mask) {
				t.Fatalf("not found in %s", text)
			}
			for _, f := range forms(secret) {
				if strings.Contains(got, f) {
					t.Errorf("%s is left in %s", f, got)
				}
			}
		})
	}
}

func TestRedactPartsOfKeys(t *testing.T) {
	key := "-----BEGIN KEY-----\nAAAAB3NzaC1yc2EAAAADAQAB\n-----END KEY-----\n"
	got := redactorOf(key).String("line 2 is AAAAB3NzaC1yc2EAAAADAQAB")
	if got != "line 2 is "+mask {
		t.Errorf("got %s", got)
	}
}

func TestRedactOverlaps(t *testing.T) {
	tests := []struct {
		secrets  []string
		in, want string
	}{
		{[]string{"abcd", "abcdefgh"}, "xabcdefghx", "x" + mask + "x"},
		{[]string{"abXcd", "cdEfgh"}, "-abXcdEfgh-", "-" + mask + "-"},
		{[]string{"abcabc"}, "abcabcabc", mask},
		{[]string{"abc"}, "abc", "abc"}, // too short to look for
		{nil, "abc", "abc"},
	}
	for _, tt := range tests {
		r := redactorOf(tt.secrets...)
		for cut := range len(tt.in) + 1 {
			var b bytes.Buffer
			w := r.Writer(&b)
			for _, part := range []string{tt.in[:cut], tt.in[cut:]} {
				if _, err := w.Write([]byte(part)); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			if b.String() != tt.want {
				t.Errorf("%v cut at %d: got %s, want %s", tt.secrets, cut, b.String(), tt.want)
			}
		}
	}
}

func TestRedactHoldsBackOnlyWhatItMust(t *testing.T) {
	var b bytes.Buffer
	w := redactorOf("hunter2hunter2").Writer(&b)
	fmt.Fprint(w, "password for hunt")
	if got := b.String(); got != "password for " {
		t.Errorf("written so far: %q", got)
	}
	fmt.Fprint(w, "ing")
	if got := b.String(); got != "password for hunting" {
		t.Errorf("written so far: %q", got)
	}
}

func TestNilRedactor(t *testing.T) {
	var r *Redactor
	if got := r.String("abc"); got != "abc" {
		t.Errorf("got %q", got)
	}
}

// FuzzRedactor holds that no form of a secret passes, and that where the writes
// cut the stream makes no difference.
func FuzzRedactor(f *testing.F) {
	f.Add("hunter2", "abcabc", "xx hunter2 abcabcabc aHVudGVyMg== yy", uint8(3))
	f.Add("aaaa", "aaaab", "aaaaaaab", uint8(1))
	f.Add("a'b\"c$", "line one\nline two", "line two a'b\"c$", uint8(5))
	f.Fuzz(func(t *testing.T, one, two, text string, step uint8) {
		// A secret made of parts of the mask would be found in the mask.
		if strings.ContainsAny(one+two, "[]redact") {
			return
		}
		r := redactorOf(one, two)
		whole := r.String(text)
		for _, s := range []string{one, two} {
			if len(s) >= minSecret && strings.Contains(whole, s) {
				t.Fatalf("%q is left in %q", s, whole)
			}
		}
		var b bytes.Buffer
		w := r.Writer(&b)
		for rest := text; rest != ""; {
			n := min(int(step)+1, len(rest))
			if _, err := w.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if b.String() != whole {
			t.Fatalf("in steps of %d: %q, at once: %q", step, b.String(), whole)
		}
	})
}

func BenchmarkRedactor(b *testing.B) {
	r := &Redactor{}
	for i := range 40 {
		r.Add(fmt.Appendf(nil, "client-%d-token-%x", i, i*7919))
	}
	line := strings.Repeat("2026-11-23 server: request from 203.0.113.7 took 12ms\n", 20)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		_ = r.String(line)
	}
}
