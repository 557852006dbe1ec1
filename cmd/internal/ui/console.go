package ui

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/term"
)

// A Colour says whether tones are shown.
type Colour int

const (
	ColourAuto Colour = iota
	ColourNever
	ColourAlways
)

// Options change what [New] finds out by itself.
type Options struct {
	Redactor  *Redactor // nil: nothing to redact
	Colour    Colour
	LookupEnv func(string) (string, bool) // nil: os.LookupEnv

	// Width and Height replace the size of the terminal; 0 asks it, each time
	// anew since people resize. Both set make any writer count as a terminal.
	Width, Height int
}

// A Console is the way out for everything people see. It may be used from any
// goroutine. Errors of writing are kept for [Console.Close], because there is
// nobody left to tell them to.
type Console struct {
	out    *RedactWriter
	redact *Redactor
	colour bool
	tty    bool
	size   func() (width, height int)

	mu      sync.Mutex
	err     error
	torn    []byte // the first bytes of a character that Write has not seen whole
	live    region
	midLine bool // what was printed last has no line end yet
	paused  bool // a question is open, and nothing may be drawn around it
}

// New returns a Console that writes to w.
func New(w io.Writer, o Options) *Console {
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	c := &Console{out: o.Redactor.Writer(w), redact: o.Redactor}
	c.size = func() (int, int) { return o.Width, o.Height }
	f, isFile := w.(*os.File)
	switch {
	case o.Width > 0 && o.Height > 0:
		c.tty = true
	case isFile && term.IsTerminal(int(f.Fd())):
		c.tty = enableSequences(f)
		c.size = func() (int, int) { return terminalSize(f) }
	}
	dumb, _ := o.LookupEnv("TERM")
	if dumb == "dumb" {
		c.tty = false
	}
	noColour, _ := o.LookupEnv("NO_COLOR")
	c.colour = c.tty && noColour == ""
	if o.Colour != ColourAuto {
		c.colour = o.Colour == ColourAlways
	}
	return c
}

// terminalSize assumes the smallest usual terminal where the real one will not
// say.
func terminalSize(f *os.File) (width, height int) {
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		return 80, 24
	}
	return width, height
}

// IsTerminal reports whether lines can be redrawn.
func (c *Console) IsTerminal() bool { return c.tty }

// Width returns the columns to lay text out for; 0 means that lines may be as
// long as they are.
func (c *Console) Width() int {
	if !c.tty {
		return 0
	}
	width, _ := c.size()
	return width
}

// Printf prints [Textf].
func (c *Console) Printf(format string, args ...any) { c.Print(Textf(format, args...)) }

// Println prints its arguments with spaces between, and a line end. Arguments
// that are no Text are escaped, each as one line.
func (c *Console) Println(args ...any) {
	list := make([]Text, len(args))
	for i, a := range args {
		list[i] = Plain(a)
	}
	c.Print(Text{Join(list, " ").s + "\n"})
}

// Print prints text, on a terminal with its lines wrapped between words.
func (c *Console) Print(t Text) {
	if width := c.Width(); width > 0 {
		t = c.cell(t).wrap(width)
	}
	c.PrintUnwrapped(t)
}

// PrintUnwrapped prints text whose lines are to stay what they are, such as those of a
// file: the terminal breaks them where it ends.
func (c *Console) PrintUnwrapped(t Text) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.emit(t.render(c.colour))
}

// Clear empties the screen of a terminal, for what is shown again and again.
func (c *Console) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tty {
		c.write("\x1b[H\x1b[2J")
	}
}

// Write prints foreign text: everything but line feeds is escaped, and a tab is blanks.
// It is there for libraries that want an io.Writer.
func (c *Console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := append(c.torn, p...)
	whole := wholeRunes(text)
	c.torn = append([]byte(nil), text[whole:]...)
	c.emit(EscapeLines(strings.ReplaceAll(string(text[:whole]), "\t", "    ")))
	return len(p), c.err
}

// wholeRunes returns how much of p is left when a character that may still be
// completed is taken off its end.
func wholeRunes(p []byte) int {
	for i := 1; i < utf8.UTFMax && i <= len(p); i++ {
		if start := len(p) - i; utf8.RuneStart(p[start]) {
			if utf8.FullRune(p[start:]) {
				return len(p)
			}
			return start
		}
	}
	return len(p)
}

// JSON prints v as one indented document. It stays the same document for a
// program that reads it, and is safe on a terminal.
func (c *Console) JSON(v any) error {
	doc, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return c.document(doc)
}

// JSONLine prints v as one document on one line, as [Console.JSON] does on many.
func (c *Console) JSONLine(v any) error {
	doc, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return c.document(doc)
}

func (c *Console) document(doc []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.emit(string(escapeJSON(doc)) + "\n")
	return c.err
}

// Close lets go what was held back as a possible secret, and returns the first
// error of writing. It leaves the writer beneath open.
func (c *Console) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draw(nil)
	c.emit(EscapeLines(string(c.torn)))
	c.torn = nil
	c.flush()
	return c.err
}

// emit writes text that has become bytes, above the live region if there is
// one. It needs the lock.
func (c *Console) emit(s string) {
	if s == "" {
		return
	}
	if !c.live.shown() {
		c.write(s)
		c.midLine = s[len(s)-1] != '\n'
		return
	}
	if s[len(s)-1] != '\n' {
		s += "\n"
	}
	width, _ := c.size()
	c.write(c.live.erase(width) + s + c.live.text)
}

func (c *Console) write(s string) {
	if _, err := io.WriteString(c.out, s); c.err == nil {
		c.err = err
	}
}

func (c *Console) flush() {
	if err := c.out.Flush(); c.err == nil {
		c.err = err
	}
}

// cell redacts a text that is about to be cut or wrapped, since half a secret would not be
// known for one later.
func (c *Console) cell(t Text) Text { return Text{c.redact.String(t.s)} }
