package ui

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// ErrNobody reports a question asked where nobody can answer.
var ErrNobody = errors.New("nobody to ask: the input is not a terminal")

// An Asker asks a person, one question at a time. A read from a terminal cannot
// be called off, so after a question that was, no other is asked: the read left
// behind would take the answer, or give an old one to a new question.
type Asker struct {
	console  *Console
	terminal *os.File // nil: no terminal
	in       *bufio.Reader

	asking sync.Mutex
	spent  bool
}

type answer struct {
	text []byte
	err  error
}

// NewAsker asks through console and reads from in. Where in is a file and no
// terminal there is nobody to ask; other readers are taken for a person.
func NewAsker(console *Console, in io.Reader) *Asker {
	a := &Asker{console: console, in: bufio.NewReader(in)}
	if f, ok := in.(*os.File); ok {
		if !term.IsTerminal(int(f.Fd())) {
			a.in = nil
		} else {
			a.terminal = f
		}
	}
	return a
}

// Confirm asks a question that is answered by yes or no; nothing is no. The
// end of the input is ErrNobody.
func (a *Asker) Confirm(ctx context.Context, question Text) (bool, error) {
	return a.ConfirmOr(ctx, question, "", func(string) bool { return false })
}

// ConfirmOr is Confirm with one more answer, called other in the question, that is a yes
// where takes says so of what was typed.
func (a *Asker) ConfirmOr(ctx context.Context, question Text, other string, takes func(string) bool) (bool, error) {
	choices, please := "y/N", "Please answer y or n."
	if other != "" {
		choices, please = "y/N/"+other, "Please answer y, n or with the "+other+"."
	}
	for {
		line, err := a.line(ctx, Textf("%s [%s] ", question, choices))
		if err != nil {
			return false, err
		}
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			return true, nil
		case "", "n", "no":
			return false, nil
		}
		if takes(line) {
			return true, nil
		}
		question = Plain(please)
	}
}

// Password asks for something that is not shown while it is typed.
func (a *Asker) Password(ctx context.Context, question Text) ([]byte, error) {
	if a.terminal == nil {
		return nil, ErrNobody
	}
	fd := int(a.terminal.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("asking for a password: %w", err)
	}
	defer a.console.ask(Text{"\n"})
	typed, err := a.question(ctx, Text{question.s + " "}, func() ([]byte, error) { return term.ReadPassword(fd) })
	if ctx.Err() != nil {
		// The read stays behind; the terminal must not stay without echo.
		err = errors.Join(err, term.Restore(fd, before))
	}
	return typed, err
}

func (a *Asker) line(ctx context.Context, prompt Text) (string, error) {
	if a.in == nil {
		return "", ErrNobody
	}
	line, err := a.question(ctx, prompt, func() ([]byte, error) { return a.in.ReadBytes('\n') })
	if errors.Is(err, io.EOF) {
		if err = nil; len(line) == 0 {
			err = ErrNobody
		}
	}
	return strings.TrimRight(string(line), "\r\n"), err
}

// question shows the prompt, with nothing drawn around it, and waits for what
// read returns or for the context.
func (a *Asker) question(ctx context.Context, prompt Text, read func() ([]byte, error)) ([]byte, error) {
	a.asking.Lock()
	defer a.asking.Unlock()
	if a.spent {
		return nil, ErrNobody
	}
	a.console.pause()
	defer a.console.resume()
	a.console.ask(prompt)
	got := make(chan answer, 1)
	go func() {
		text, err := read()
		got <- answer{text, err}
	}()
	select {
	case answer := <-got:
		return answer.text, answer.err
	case <-ctx.Done():
		a.spent = true
		return nil, context.Cause(ctx)
	}
}

// ask prints a question at once, even if its end could begin a secret.
func (c *Console) ask(t Text) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write(t.render(c.colour))
	c.flush()
}
