package ui

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTextWidthAndCut(t *testing.T) {
	tests := []struct {
		text  Text
		width int
		cut5  string
	}{
		{Plain("abc"), 3, "abc"},
		{Plain("abcdef"), 6, "abcd…"},
		{Plain("東京都庁"), 8, "東京…"},
		{Plain("a東京都"), 7, "a東…"},
		{Plain("e\u0301te\u0301 chaud"), 9, "e\u0301te\u0301 …"},
		{Bold("abcdef"), 6, "abcd…"},
		{Plain("a\tb"), 4, `a\tb`},
		{Text{}, 0, ""},
	}
	for _, tt := range tests {
		if got := tt.text.Width(); got != tt.width {
			t.Errorf("%q is %d wide, want %d", tt.text, got, tt.width)
		}
		if got := tt.text.Cut(5); got.String() != tt.cut5 || got.Width() > 5 {
			t.Errorf("%q is cut to %q, want %q", tt.text, got, tt.cut5)
		}
	}
	if got := Bold("abcdef").Cut(3).render(true); got != "\x1b[0m\x1b[1mab…\x1b[0m" {
		t.Errorf("a cut leaves the tone open: %q", got)
	}
	if got := Plain("abc").Cut(0).String(); got != "" {
		t.Errorf("cut to nothing: %q", got)
	}
}

func TestTextNesting(t *testing.T) {
	inner := Textf("%s of %d", Good("2"), 3)
	got := Bold(inner).render(true)
	want := "\x1b[0m\x1b[1m" + "\x1b[0m\x1b[1m\x1b[32m" + "2" + "\x1b[0m\x1b[1m" + " of 3" + "\x1b[0m"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestTable(t *testing.T) {
	table := func() *Table {
		tb := &Table{Columns: []Column{{Title: "HOST", Min: 6}, {Title: "DOWN", Right: true}, {Title: "RESULT", Min: 6}}}
		tb.Add("acme", Duration(12340*time.Millisecond), Good("done"))
		tb.Add("a-client-with-a-long-name", Duration(800*time.Millisecond), Bad("failed and rolled back"))
		tb.Add("東京")
		return tb
	}
	tests := []struct {
		name  string
		width int
		want  string
	}{
		{"pipe", 0, `
HOST                        DOWN  RESULT
acme                       12.3s  done
a-client-with-a-long-name   0.8s  failed and rolled back
東京
`},
		{"narrow", 40, `
HOST              DOWN  RESULT
acme             12.3s  done
a-client-with-…   0.8s  failed and roll…
東京
`},
		{"too narrow", 10, `
HOST
  DOWN
  RESULT
acme
  12.3s
  done
a-cli…
  0.8s
  faile…
東京
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			height := min(tt.width, 10) // a pipe has neither
			c := New(&b, Options{Width: tt.width, Height: height, Colour: ColourNever, LookupEnv: noEnv})
			c.Table(table())
			var got []string
			for line := range strings.Lines(b.String()) {
				got = append(got, strings.TrimRight(line, " \n"))
			}
			if diff := cmp.Diff(strings.TrimSpace(tt.want), strings.Join(got, "\n")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDiff(t *testing.T) {
	got := Diff([]string{"--- docker-compose.yml\n", "+++ docker-compose.yml", "@@ -1 +1 @@", " a", "--- b", "+++ c", "-d\x1b[2J"}).render(true)
	got = strings.NewReplacer("\x1b[0m\x1b[1m", "<b>", "\x1b[0m\x1b[31m", "<r>", "\x1b[0m\x1b[32m", "<g>", "\x1b[0m\x1b[36m", "<c>", "\x1b[0m", "</>").Replace(got)
	want := `<b>--- docker-compose.yml</>
<b>+++ docker-compose.yml</>
<c>@@ -1 +1 @@</>
 a
<r>--- b</>
<g>+++ c</>
<r>-d\x1b[2J</>
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A line that is too long is broken between words, and what goes over is set in.
func TestWrap(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"short", "short"},
		{"one two three four", "one two\n  three\n  four"},
		{"  indented words here", "  indented\n    words\n    here"},
		{"a  pair of  blanks", "a  pair of\n  blanks"},
		{"averylongwordindeed and", "averylongwordindeed\n  and"},
		{"x averylongwordindeed", "x averylongwordindeed"},
		{"first line is it\n\nnext", "first line\n  is it\n\nnext"},
	} {
		if got := Plain("").wrap(10).s + (Text{tt.in}).wrap(10).s; got != tt.want {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
	if got := Textf("%s and %s", Bold("bold words"), "plain").wrap(10).render(true); got != "\x1b[0m\x1b[1mbold words\x1b[0m\n  and\n  plain" {
		t.Errorf("%q", got)
	}
	// A secret is taken out before it could be torn.
	var b bytes.Buffer
	secret := new(Redactor)
	secret.Add([]byte("hunter two three"))
	c := New(&b, Options{Width: 14, Height: 9, Redactor: secret, LookupEnv: noEnv})
	c.Println("it says hunter two three there")
	if err := c.Close(); err != nil || strings.Contains(b.String(), "hunter") {
		t.Errorf("%q, %v", b.String(), err)
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.0s", 340 * time.Millisecond: "0.3s", 12440 * time.Millisecond: "12.4s",
		59949 * time.Millisecond: "59.9s", 59960 * time.Millisecond: "1m00s",
		62 * time.Second: "1m02s", 59*time.Minute + 59*time.Second: "59m59s",
		time.Hour - time.Millisecond: "1h00m", 2*time.Hour + 3*time.Minute: "2h03m", -time.Second: "-1.0s",
	} {
		if got := Duration(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	if Count(1, "host", "hosts") != "1 host" || Count(0, "host", "hosts") != "0 hosts" {
		t.Error("a count has the wrong noun")
	}
}
