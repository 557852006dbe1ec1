package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
)

func noEnv(string) (string, bool) { return "", false }

// ours are the sequences that the package may write.
func ours() *regexp.Regexp {
	return regexp.MustCompile(`\x1b\[(0|1|2|31|32|33|36)m|\x1b\[[0-9]+A\r\x1b\[J`)
}

// checkSink holds F73: nothing but our own sequences, line feeds and safe
// characters is in what was written.
func checkSink(t *testing.T, written string) {
	t.Helper()
	rest := strings.ReplaceAll(ours().ReplaceAllString(written, ""), "\n", "")
	if bad := safe(rest); bad != "" {
		t.Errorf("%q reaches the terminal in %q", bad, written)
	}
}

// hostile is what a server might put into any text it sends.
const hostile = "\x1b[2J\x1b]52;c;eA==\x07\u009b1A\rok\u202e\x9b\xff\x00\x01\x06\n\t\u200b\u2028"

type hostileStringer struct{}

func (hostileStringer) String() string { return hostile }

func TestNothingForeignReachesTheTerminal(t *testing.T) {
	ways := map[string]func(*Console){
		"Printf": func(c *Console) {
			c.Printf("%s %v %q %10.5s %x\n", hostile, errors.New(hostile), hostile, hostile, hostile)
		},
		"Printf odd":  func(c *Console) { c.Printf("%d %z %[3]s\n", hostile, hostileStringer{}, []string{hostile}) },
		"Printf less": func(c *Console) { c.Printf("%s %s\n", hostile) },
		"Printf more": func(c *Console) { c.Printf("\n", hostile, hostile) },
		"format":      func(c *Console) { c.Printf(hostile) },
		"Println":     func(c *Console) { c.Println(hostile, hostileStringer{}, map[string]string{hostile: hostile}) },
		"Text":        func(c *Console) { c.Print(Textf("%s %s", Bold(hostile), Bad(Warn(hostile)))) },
		"Write":       func(c *Console) { _, _ = c.Write([]byte(hostile)) },
		"Write bytes": func(c *Console) {
			for i := range len(hostile) {
				_, _ = c.Write([]byte{hostile[i]})
			}
		},
		"Diff": func(c *Console) { c.Print(Diff([]string{"--- " + hostile, "@@" + hostile, "+" + hostile, hostile})) },
		"JSON": func(c *Console) { _ = c.JSON(map[string]string{hostile: hostile}) },
		"Table": func(c *Console) {
			table := &Table{Columns: []Column{{Title: hostile, Min: 4}, {Title: "b"}}}
			table.Add(hostile, Good(hostile))
			c.Table(table)
		},
		"Progress": func(c *Console) {
			p := NewProgress(c, Normal)
			track := p.Host(hostile)
			track.Begin(hostile)
			track.Say(hostile)
			p.tick()
			c.Println(hostile)
			track.End(Failed, hostile)
			track.Finish(Failed, hostile)
			p.Close()
		},
	}
	for name, print := range ways {
		t.Run(name, func(t *testing.T) {
			for _, colour := range []Colour{ColourNever, ColourAlways} {
				var b bytes.Buffer
				c := New(&b, Options{Width: 40, Height: 10, Colour: colour, LookupEnv: noEnv})
				print(c)
				if err := c.Close(); err != nil {
					t.Fatal(err)
				}
				if b.Len() == 0 {
					t.Error("nothing was printed")
				}
				checkSink(t, b.String())
			}
		})
	}
}

func FuzzSink(f *testing.F) {
	f.Add("%s\n", hostile)
	f.Add("\x01%v\x00", "\x1b[31m")
	f.Fuzz(func(t *testing.T, format, arg string) {
		var b bytes.Buffer
		c := New(&b, Options{Width: 20, Height: 5, Colour: ColourAlways, LookupEnv: noEnv})
		c.Printf(format, arg, Bold(arg))
		_, _ = c.Write([]byte(arg))
		table := &Table{Columns: []Column{{Title: arg, Min: 1}, {}}}
		table.Add(arg, arg)
		c.Table(table)
		_ = c.Close()
		checkSink(t, b.String())
	})
}

func TestWriteKeepsCharactersWhole(t *testing.T) {
	var b bytes.Buffer
	c := New(&b, Options{LookupEnv: noEnv})
	for _, part := range []string{"Z\xc3", "\xbcrich \xe6\x9d", "\xb1 \xf0\x9f\x91", "\x8d \xe6"} {
		if _, err := c.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), `Zürich 東 👍 \xe6`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestColour(t *testing.T) {
	tests := []struct {
		name   string
		opts   Options
		env    map[string]string
		colour bool
		tty    bool
	}{
		{name: "pipe"},
		{name: "terminal", opts: Options{Width: 80, Height: 24}, colour: true, tty: true},
		{name: "NO_COLOR", opts: Options{Width: 80, Height: 24}, env: map[string]string{"NO_COLOR": "1"}, tty: true},
		{name: "NO_COLOR is empty", opts: Options{Width: 80, Height: 24}, env: map[string]string{"NO_COLOR": ""}, colour: true, tty: true},
		{name: "dumb", opts: Options{Width: 80, Height: 24}, env: map[string]string{"TERM": "dumb"}},
		{name: "always", opts: Options{Colour: ColourAlways}, env: map[string]string{"NO_COLOR": "1"}, colour: true},
		{name: "never", opts: Options{Colour: ColourNever, Width: 80, Height: 24}, tty: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.opts.LookupEnv = func(name string) (string, bool) { v, ok := tt.env[name]; return v, ok }
			var b bytes.Buffer
			c := New(&b, tt.opts)
			c.Printf("%s\n", Good("ok"))
			if got := strings.Contains(b.String(), "\x1b"); got != tt.colour {
				t.Errorf("coloured: %v, in %q", got, b.String())
			}
			if c.IsTerminal() != tt.tty {
				t.Errorf("terminal: %v", c.IsTerminal())
			}
		})
	}
}

// TestSecretsAreRedactedBeforeTheyAreCut holds that a narrow table does not
// show the first half of a secret.
func TestSecretsAreRedactedBeforeTheyAreCut(t *testing.T) {
	var b bytes.Buffer
	c := New(&b, Options{Width: 30, Height: 10, Redactor: redactorOf("correct-horse-battery"), LookupEnv: noEnv})
	table := &Table{Columns: []Column{{Title: "HOST"}, {Title: "SAID", Min: 4}}}
	table.Add("acme", "password is correct-horse-battery")
	c.Table(table)
	p := NewProgress(c, Normal)
	track := p.Host("acme")
	track.Begin("log in")
	track.Say("is correct-horse-battery")
	p.tick()
	p.Close()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "corr") {
		t.Errorf("half a secret: %q", b.String())
	}
}

func TestJSONStaysTheSame(t *testing.T) {
	var b bytes.Buffer
	want := map[string]string{"said": hostile[:20] + "\u202e\U000e0041"}
	if err := New(&b, Options{LookupEnv: noEnv}).JSON(want); err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got["said"] != strings.ToValidUTF8(want["said"], "\ufffd") {
		t.Errorf("got %q", got["said"])
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestCloseTellsOfLostOutput(t *testing.T) {
	c := New(brokenWriter{}, Options{LookupEnv: noEnv})
	c.Println("a")
	if err := c.Close(); err == nil {
		t.Error("no error")
	}
}
