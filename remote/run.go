package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// A Command is a script to be run on the host. The script is constant text of
// the caller's code; data comes by Args and Stdin.
type Command struct {
	Name   string   // for messages: "pull images"
	Script string   // POSIX sh; sees Args as "$1", "$2", …
	Args   []string // visible to every user of the host while the command runs

	// Stdin is sent when the script is about to start, not before. It is read
	// until the command ends; a Read that blocks longer keeps a goroutine. A
	// link that breaks looks to the script like the end of its input, so a
	// script that acts on it must know its length.
	Stdin io.Reader

	Root    bool          // as root, through sudo when the login is not root
	Timeout time.Duration // of the script; 0 means 60 s

	// MaxStdout and MaxStderr bound what is kept, from the beginning; the rest
	// is counted. 0 means 1 MiB and 64 KiB.
	MaxStdout, MaxStderr int64

	// Stdout, when set, takes all of stdout, and Result.Stdout stays empty. Its
	// Write must not block for ever.
	Stdout io.Writer

	// OnLine, when set, is called for each line of output as it comes, stream 1
	// or 2, cut at 4 KiB, never two at a time. The text is foreign.
	OnLine func(stream int, line string)

	live bool // Stdout gets every byte at once: there is a dialogue
}

// A Result is what a command left. After an error it holds what was seen.
type Result struct {
	Stdout, Stderr         []byte
	StdoutLost, StderrLost int64 // bytes beyond the limits
	ExitCode               int
	Duration               time.Duration
}

const (
	defaultMaxStdout = 1 << 20
	defaultMaxStderr = 64 << 10
)

// Run runs a command to its end. The error is nil, or wraps [ErrNotStarted], or
// is an [*ExitError] with the Result filled, or wraps [ErrUnknownOutcome].
func (c *Client) Run(ctx context.Context, cmd Command) (Result, error) {
	release, err := c.slot(ctx)
	if err != nil {
		return Result{}, err
	}
	defer release()
	return c.runAnywhere(ctx, cmd)
}

// runAnywhere takes a connection that has room. A command that was not sent, because one
// was broken or had no room, goes out on another, for the first time.
func (c *Client) runAnywhere(ctx context.Context, cmd Command) (Result, error) {
	for broken := false; ; {
		conn, err := c.connection(ctx)
		if err != nil {
			return Result{}, err
		}
		res, err := c.runOn(ctx, conn, cmd)
		stale := errors.Is(err, errStale)
		if !errors.Is(err, errFull) && (broken || !stale) {
			return res, err
		}
		broken = broken || stale
	}
}

// errStale marks a command that was not sent because the connection had died
// unnoticed since the last call.
var errStale = errors.New("the connection was broken")

func (c *Client) runOn(ctx context.Context, conn *conn, cmd Command) (Result, error) {
	inv, err := c.cfg.invoke(cmd)
	if err != nil {
		return Result{}, err
	}
	begin := time.Now()
	x := newExecution(c.cfg, conn, cmd, inv, c.startTimeout)
	err = x.supervise(ctx)
	res := x.collect(&err)
	res.Duration = time.Since(begin)
	return res, err
}

// output is where the two streams of a command go.
type output struct {
	out, err           capture
	outLines, errLines *lines
	to                 io.Writer
}

func newOutput(cmd Command) *output {
	o := &output{to: cmd.Stdout}
	o.out.limit, o.err.limit = cmd.MaxStdout, cmd.MaxStderr
	if o.out.limit == 0 {
		o.out.limit = defaultMaxStdout
	}
	if o.err.limit == 0 {
		o.err.limit = defaultMaxStderr
	}
	if cmd.OnLine != nil {
		mu := new(sync.Mutex)
		o.outLines = &lines{mu: mu, fn: cmd.OnLine, no: 1}
		o.errLines = &lines{mu: mu, fn: cmd.OnLine, no: 2}
	}
	return o
}

func (o *output) stdout(p []byte) error {
	if o.outLines != nil {
		o.outLines.write(p)
	}
	if o.to != nil {
		if _, err := o.to.Write(p); err != nil {
			return fmt.Errorf("take output: %w", err)
		}
		return nil
	}
	o.out.write(p)
	return nil
}

func (o *output) stderr(p []byte) error {
	if o.errLines != nil {
		o.errLines.write(p)
	}
	o.err.write(p)
	return nil
}

func (o *output) result() Result {
	if o.outLines != nil {
		o.outLines.end()
		o.errLines.end()
	}
	return Result{Stdout: o.out.kept, StdoutLost: o.out.lost, Stderr: o.err.kept, StderrLost: o.err.lost}
}
