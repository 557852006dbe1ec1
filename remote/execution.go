package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// An execution is one command on its way. The goroutines that talk to the host
// report to one supervisor, which alone decides how the command ended; they
// belong to the connection, because only its end wakes them for certain.
type execution struct {
	cfg  Config
	conn *conn
	cmd  Command
	inv  invocation

	start time.Duration // for the host to come to the opening mark

	sink     *output
	out, err *stream

	events  chan event
	gone    chan struct{} // closed when the supervisor has left
	ready   chan struct{} // closed when data may be sent
	answers chan []byte   // sudo's password, at most once

	mu        sync.Mutex
	channel   ssh.Channel
	sent      bool // the exec request may be on the wire
	abandoned bool

	// What follows belongs to the supervisor.

	asked       bool // the password was sent
	interrupted bool
	outEnded    bool
	errEnded    bool
	chanEnded   bool
	hasStatus   bool
	exitStatus  int
}

// An event is what a goroutine has seen.
type event struct {
	kind eventKind
	err  error
	code int
}

type eventKind int

const (
	evNotOpened eventKind = iota // the host gave no channel
	evRefused                    // the exec request was answered with no
	evLost                       // the exec request was not answered
	evPrompt
	evReady
	evOutDone // closing mark seen
	evErrDone
	evOutEnd // end without closing mark
	evErrEnd
	evOutFailed // our side could not take the output
	evInFailed  // our side could not give the input
	evStatus
	evChannelEnd
)

func newExecution(cfg Config, conn *conn, cmd Command, inv invocation, start time.Duration) *execution {
	sink := newOutput(cmd)
	out := newStream(inv.mark, sink.stdout)
	out.live = cmd.live
	return &execution{
		cfg: cfg, conn: conn, cmd: cmd, inv: inv, start: start,
		sink:    sink,
		out:     out,
		err:     newStream(inv.mark, sink.stderr),
		events:  make(chan event),
		gone:    make(chan struct{}),
		ready:   make(chan struct{}),
		answers: make(chan []byte, 1),
	}
}

// supervise starts the command and waits for its end, for its deadline or for
// the caller, whichever comes first.
func (x *execution) supervise(ctx context.Context) error {
	timer := time.NewTimer(x.start)
	defer timer.Stop()
	defer x.release()
	x.conn.tasks.Go(x.open)
	for {
		select {
		case ev := <-x.events:
			done, err := x.handle(ctx, ev, timer)
			if done {
				return err
			}
		case <-timer.C:
			return x.giveUp(os.ErrDeadlineExceeded)
		case <-ctx.Done():
			return x.giveUp(context.Cause(ctx))
		}
	}
}

// handle takes one event and says whether the command is over, and how.
func (x *execution) handle(ctx context.Context, ev event, timer *time.Timer) (done bool, err error) {
	switch ev.kind {
	case evNotOpened, evRefused:
		return true, fmt.Errorf("%s: %w: %w", x.cmd.Name, ErrNotStarted, ev.err)
	case evLost, evInFailed, evOutFailed:
		return true, x.cut(ev.err)
	case evPrompt:
		timer.Stop()
		err := x.answer(ctx)
		timer.Reset(x.start)
		return err != nil, err
	case evReady:
		close(x.ready)
		timer.Reset(x.timeout())
	case evOutDone, evOutEnd:
		x.outEnded = true
	case evErrDone, evErrEnd:
		x.errEnded = true
	case evStatus:
		x.hasStatus, x.exitStatus = true, ev.code
	case evChannelEnd:
		x.chanEnded = true
	}
	if !x.outEnded || !x.errEnded {
		return false, nil
	}
	out, errs := x.out.state(), x.err.state()
	if out.ended && errs.ended {
		return true, x.verdict(out.status)
	}
	if !x.chanEnded {
		return false, nil
	}
	return true, x.checkTruncated(out, errs)
}

func (x *execution) timeout() time.Duration {
	if x.cmd.Timeout > 0 {
		return x.cmd.Timeout
	}
	return defaultCommandTimeout
}

// verdict turns the status of a script that was seen to its end into an error.
func (x *execution) verdict(status int) error {
	if status == 0 {
		return nil
	}
	return &ExitError{Name: x.cmd.Name, Code: status}
}

// checkTruncated judges a channel that ended without both closing marks.
func (x *execution) checkTruncated(out, errs streamState) error {
	switch {
	case out.begun || errs.begun:
		return x.cut(errors.New("the output ended before the script did"))
	case !x.hasStatus:
		return x.cut(errors.New("the connection broke"))
	case x.inv.sudo != SudoNone:
		return x.sudoRefused()
	}
	// The host has reported an end, and nothing of ours was ever said.
	return fmt.Errorf("%s: %w: the login shell ended with status %d and did not start /bin/sh",
		x.cmd.Name, ErrNotStarted, x.exitStatus)
}

// cut is the error for an end that was not seen. Before the exec request was
// sent, it is certain that nothing happened.
func (x *execution) cut(cause error) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.abandoned = true
	if !x.sent {
		return fmt.Errorf("%s: %w: %w", x.cmd.Name, ErrNotStarted, cause)
	}
	return fmt.Errorf("%s: %w: %w", x.cmd.Name, ErrUnknownOutcome, cause)
}

// giveUp ends a command that is still running, as far as the host lets us.
func (x *execution) giveUp(cause error) error {
	x.interrupted = true
	err := x.cut(cause)
	if errors.Is(err, ErrNotStarted) && errors.Is(cause, os.ErrDeadlineExceeded) {
		x.conn.close() // it could not even open a channel
	}
	return err
}

// release lets go of everything that still waits for the host. A command that
// was given up is asked to stop; many hosts cannot pass that on, none must.
func (x *execution) release() {
	x.mu.Lock()
	x.abandoned = true
	ch := x.channel
	x.mu.Unlock()
	close(x.gone)
	if ch == nil {
		return
	}
	x.conn.tasks.Go(func() {
		if x.interrupted {
			_, _ = ch.SendRequest("signal", false, ssh.Marshal(struct{ Signal string }{string(ssh.SIGTERM)}))
		}
		_ = ch.Close()
	})
}

// collect gathers the output, and completes an ExitError with it.
func (x *execution) collect(err *error) Result {
	_, outErr := x.out.close()
	_, _ = x.err.close()
	if outErr != nil && *err == nil {
		*err = x.cut(outErr)
	}
	res := x.sink.result()
	var exit *ExitError
	if errors.As(*err, &exit) {
		res.ExitCode = exit.Code
		exit.Stderr = res.Stderr
	}
	return res
}

// report hands an event to the supervisor, if it is still there.
func (x *execution) report(ev event) {
	select {
	case x.events <- ev:
	case <-x.gone:
	}
}

// open asks for a channel and sends the exec request.
func (x *execution) open() {
	ch, requests, err := x.conn.openSession()
	if err != nil {
		x.report(event{kind: evNotOpened, err: err})
		return
	}
	x.mu.Lock()
	if x.abandoned {
		x.mu.Unlock()
		_ = ch.Close()
		ssh.DiscardRequests(requests)
		x.conn.sessionEnded()
		return
	}
	x.channel, x.sent = ch, true
	x.mu.Unlock()
	x.conn.tasks.Go(func() {
		x.listen(requests)
		x.conn.sessionEnded()
		x.report(event{kind: evChannelEnd})
	})
	ok, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{x.inv.exec}))
	switch {
	case err != nil: // io.EOF too: the request may have arrived
		x.report(event{kind: evLost, err: fmt.Errorf("the connection broke: %w", err)})
	case !ok:
		x.report(event{kind: evRefused, err: errors.New("the host refuses to run commands")})
	default:
		x.conn.tasks.Go(func() { x.read(ch, x.out, evOutDone, evOutEnd) })
		x.conn.tasks.Go(func() { x.read(ch.Stderr(), x.err, evErrDone, evErrEnd) })
		go x.write(ch) // not a task: it may wait for the caller's Stdin
	}
}

// listen waits for the status that the host reports.
func (x *execution) listen(requests <-chan *ssh.Request) {
	for req := range requests {
		switch req.Type {
		case "exit-status":
			var status struct{ Code uint32 }
			if ssh.Unmarshal(req.Payload, &status) == nil {
				x.report(event{kind: evStatus, code: int(status.Code)})
			}
		case "exit-signal":
			x.report(event{kind: evStatus, code: -1})
		}
		if req.WantReply {
			_ = req.Reply(false, nil)
		}
	}
}

// read feeds one stream. When the supervisor has left it stops reading, so
// that a host that goes on talking runs out of window.
func (x *execution) read(r io.Reader, s *stream, done, end eventKind) {
	buf := make([]byte, 32<<10)
	var seen streamState
	for {
		n, readErr := r.Read(buf)
		now, err := s.feed(buf[:n])
		if err != nil {
			x.report(event{kind: evOutFailed, err: err})
			return
		}
		if s == x.err {
			for ; seen.prompts < now.prompts; seen.prompts++ {
				x.report(event{kind: evPrompt})
			}
			if now.begun && !seen.begun {
				x.report(event{kind: evReady})
			}
		}
		seen = now
		switch {
		case now.ended:
			x.report(event{kind: done})
			return
		case readErr != nil:
			x.report(event{kind: end})
			return
		}
		select {
		case <-x.gone:
			return
		default:
		}
	}
}

// write answers sudo, waits for the opening mark, and sends the input.
func (x *execution) write(ch ssh.Channel) {
	if x.inv.sudo != SudoPassword && x.cmd.Stdin == nil {
		_ = ch.CloseWrite()
		return
	}
	for waiting := true; waiting; {
		select {
		case answer := <-x.answers:
			_, _ = ch.Write(answer)
			clear(answer)
		case <-x.ready:
			waiting = false
		case <-x.gone:
			return
		}
	}
	if x.cmd.Stdin != nil {
		in := &readSide{r: x.cmd.Stdin}
		_, _ = io.Copy(ch, in) // a script may end before its input does
		if in.err != nil {
			// Closing the stream would make half the input look whole.
			x.report(event{kind: evInFailed, err: fmt.Errorf("read input: %w", in.err)})
			return
		}
	}
	_ = ch.CloseWrite()
}

// readSide tells an error of the reader from one of the writer.
type readSide struct {
	r   io.Reader
	err error
}

func (s *readSide) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}
