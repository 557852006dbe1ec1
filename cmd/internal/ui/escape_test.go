package ui

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestEscape(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "acme: done", "acme: done"},
		{"letters of the world", "Zürich 東京 Ελλάδα עברית 👍", "Zürich 東京 Ελλάδα עברית 👍"},
		{"backslash", `C:\x1b`, `C:\x1b`},
		{"colour", "\x1b[31mred", `\x1b[31mred`},
		{"clipboard", "\x1b]52;c;cm0gLXJm\x07", `\x1b]52;c;cm0gLXJm\a`},
		{"title", "\x1b]0;root\x1b\\", `\x1b]0;root\x1b\`},
		{"link", "\x1b]8;;http://x\x1b\\y", `\x1b]8;;http://x\x1b\y`},
		{"8-bit CSI", "\u009b31m", `\u009b31m`},
		{"raw C1 byte", "\x9b31m", `\x9b31m`},
		{"carriage return", "ok\rbad", `ok\rbad`},
		{"line feed", "a\nb", `a\nb`},
		{"tab", "a\tb", `a\tb`},
		{"NUL and DEL", "\x00\x7f", `\x00\x7f`},
		{"turned around", "a\u202eb\u2066c\u200ed", `a\u202eb\u2066c\u200ed`},
		{"zero width", "a\u200bb\u200dc\ufeffd", `a\u200bb\u200dc\ufeffd`},
		{"line separators", "a\u2028b\u2029c\u0085d", `a\u2028b\u2029c\u0085d`},
		{"other blanks", "a\u00a0b\u3000c\u2800d", `a\u00a0b\u3000c\u2800d`},
		{"fillers", "\u3164\u115f\uffa0\u00ad", `\u3164\u115f\uffa0\u00ad`},
		{"variation selectors", "\ufe0f\U000e0100", `\ufe0f\U000e0100`},
		{"tags", "\U000e0041", `\U000e0041`},
		{"overlong", "\xc0\xaf", `\xc0\xaf`},
		{"surrogate", "\xed\xa0\x80", `\xed\xa0\x80`},
		{"torn", "é"[:1], `\xc3`},
		{"replacement itself", "\ufffd", "\ufffd"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Escape(tt.in); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	if got := EscapeLines("a\nb\r"); got != "a\nb\\r" {
		t.Errorf("lines: %q", got)
	}
}

// safe reports the first thing in s that must not reach a terminal. It is
// written by properties of Unicode and not by the code under test.
func safe(s string) string {
	if !utf8.ValidString(s) {
		return "invalid UTF-8"
	}
	for _, r := range s {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Cs, unicode.Co, unicode.Zl, unicode.Zp, unicode.Bidi_Control, unicode.Variation_Selector) ||
			unicode.Is(unicode.Zs, r) && r != ' ' {
			return string(rune(r))
		}
	}
	return ""
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"a", "\x1b[2J", "\u202e\u009b", "\xff\xc0\xaf", "é\n\r\t"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Escape(s)
		if bad := safe(got); bad != "" {
			t.Fatalf("%q passes in %q", bad, got)
		}
		if bad := safe(strings.ReplaceAll(EscapeLines(s), "\n", "")); bad != "" {
			t.Fatalf("%q passes in lines", bad)
		}
		if Escape(got) != got {
			t.Fatalf("escaping twice changes %q", got)
		}
		if got != s && safe(s) == "" && !strings.ContainsFunc(s, invisible) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("harmless %q became %q", s, got)
		}
	})
}

func FuzzEscapeJSON(f *testing.F) {
	f.Add("a\u202eb\U000e0041\"\\ é")
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "?")
		doc, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		escaped := escapeJSON(doc)
		if bad := safe(string(escaped)); bad != "" {
			t.Fatalf("%q passes in %s", bad, escaped)
		}
		var back string
		if err := json.Unmarshal(escaped, &back); err != nil || back != s {
			t.Fatalf("%q became %q, %v", s, back, err)
		}
	})
}
