package shell

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

// shells lists the login shells at hand, each as the words before the script.
func shells(tb testing.TB) [][]string {
	tb.Helper()
	var found [][]string
	for _, argv := range [][]string{{"sh"}, {"dash"}, {"bash"}, {"busybox", "sh"}, {"zsh"}, {"fish"}} {
		if path, err := exec.LookPath(argv[0]); err == nil {
			found = append(found, append([]string{path}, argv[1:]...))
		}
	}
	if len(found) == 0 {
		tb.Fatal("no shell at all on this machine")
	}
	return found
}

// say lets a login shell hand its words to a program, as sshd would.
func say(tb testing.TB, sh []string, words ...string) []byte {
	tb.Helper()
	script := "exec /bin/sh -c 'printf %s. \"$@\"' sh " + Join(words...)
	argv := append(append([]string{}, sh[1:]...), "-c", script)
	out, err := exec.Command(sh[0], argv...).Output()
	if err != nil {
		tb.Fatalf("%v: %q: %v", sh, script, err)
	}
	return out
}

func TestQuote(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"", `''`},
		{"plain-word_1.yml", "plain-word_1.yml"},
		{"two words", `'two words'`},
		{"it's", `'it'"'"'s'`},
		{`a\b`, `'a'"\\"'b'`},
		{`\`, `"\\"`},
		{"$HOME `id` !x", "'$HOME `id` !x'"},
		{"=ls", "'=ls'"},
	} {
		if got := Quote(tc.in); got != tc.want {
			t.Errorf("Quote(%q) = %s, want %s", tc.in, got, tc.want)
		}
	}
}

func TestQuotable(t *testing.T) {
	if Quotable("a\x00b") || !Quotable("a\nb\xff") {
		t.Error("only a NUL makes a text unfit to be a word")
	}
}

func TestEveryByteInEveryShell(t *testing.T) {
	var all bytes.Buffer
	for c := 1; c < 256; c++ {
		all.WriteByte(byte(c))
	}
	words := []string{all.String(), "", "*", "~root", "-n", "#x", `\\'\''`, "\n", "trailing\n", "'", "%{}[]"}
	want := strings.Join(words, ".") + "."
	for _, sh := range shells(t) {
		if got := string(say(t, sh, words...)); got != want {
			t.Errorf("%v: got %q, want %q", sh, got, want)
		}
	}
}

func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "a b", `'\'`, "\xff\xfe", "$(id)", "a\nb", "!!", "\x01"} {
		f.Add(s)
	}
	all := shells(f)
	f.Fuzz(func(t *testing.T, s string) {
		if !Quotable(s) || len(s) > 4096 {
			return
		}
		for _, sh := range all {
			if got := string(say(t, sh, s)); got != s+"." {
				t.Errorf("%v: %q came back as %q", sh, s, got)
			}
		}
	})
}
