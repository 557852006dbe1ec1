package cli

import (
	"errors"
	"sync"
	"time"

	"liftalot/cmd/internal/ui"
)

// A terminal is where an invocation says things: what was asked for, what goes on
// meanwhile, and the log of both.
type terminal struct {
	out    *ui.Console // what was asked for
	err    *ui.Console // progress, warnings, errors
	secret *ui.Redactor
	flags  *flags
	now    func() time.Time
	events *eventLog // nil: none was asked for

	mu     sync.Mutex
	warned map[string]bool
}

func newTerminal(env Env, f *flags) *terminal {
	t := &terminal{secret: new(ui.Redactor), flags: f, now: env.Now, warned: map[string]bool{}}
	t.out = ui.New(env.Stdout, ui.Options{Redactor: t.secret})
	t.err = ui.New(env.Stderr, ui.Options{Redactor: t.secret})
	return t
}

// close flushes what is left to print.
func (t *terminal) close(code int) int {
	if err := errors.Join(t.out.Close(), t.err.Close(), t.events.close()); err != nil && code == 0 {
		return exitInternal
	}
	return code
}

// warnOnce says what was found at one host of many.
func (t *terminal) warnOnce(sentence string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.warned[sentence] {
		return
	}
	t.warned[sentence] = true
	t.log(logLine{Event: "warning", Text: sentence})
	t.err.Printf("%s %s\n", ui.Warn("warning:"), sentence)
}

// progress shows what is going on, as the flags want it.
func (t *terminal) progress() *ui.Progress {
	switch {
	case t.flags.quiet:
		return ui.NewProgress(t.err, ui.Quiet)
	case t.flags.verbose:
		return ui.NewProgress(t.err, ui.Verbose)
	}
	return ui.NewProgress(t.err, ui.Normal)
}
