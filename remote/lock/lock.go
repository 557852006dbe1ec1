// Package lock keeps two operators from changing one host at the same time.
//
// [Acquire] takes the lock or returns a [*HeldError] that names who has it.
// The lock is a kernel lock on a file, held by a small process on the host
// that waits for the end of its input. It is freed by [Lock.Release], and by
// itself when the connection ends for any reason, a closed laptop included.
// The operator sends a heartbeat, so that a loser sees by the host's clock how
// long the holder has been silent; a link that is dead without either end
// knowing is the one case in which a lock outlives its holder, and [Break] is
// for that.
//
// # The fence
//
// A connection may be gone while its last command still runs. [Fence] makes a
// command hold a second, shared lock for as long as it or any of its children
// lives, and refuses to start it when the lock is not held by the very [Acquire]
// it belongs to. Nobody acquires the lock while a fenced command runs, and the
// late command of a connection that has lost its lock does not start, though the
// same run may hold the lock again by then.
//
// A run that changed hands has another name in each, see [ID].
//
// # The files
//
// Beside the lock file F, whose folder must belong to root alone, there are
// F.holder, with the run id, the process id, its start time and the token of
// the hold, the time on the host and the holder as JSON, a line each, and F.fence, a copy of it that
// stays, so that an orphan has a name. F.input names the process that last read
// from the operator: should it still wait for input when nobody holds the lock,
// whoever may wait for the orphan ends it. A host without flock(1) gets a folder F.d
// instead of the kernel lock, which is stale when the last heartbeat is older
// than two minutes by the host's clock; it has no fence. Nothing in them is
// secret.
package lock

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"liftalot/remote"
)

// A Runner is the part of [remote.Client] that locks need.
type Runner interface {
	Run(ctx context.Context, cmd remote.Command) (remote.Result, error)
}

// A Holder is who has the lock, as shown to whoever does not get it.
type Holder struct {
	User    string    `json:"user"`
	Machine string    `json:"machine"`
	RunID   string    `json:"run_id"`
	Reason  string    `json:"reason"`
	Since   time.Time `json:"-"` // by the host's clock
	// Silent is how long ago the last heartbeat came, by the host's clock.
	Silent time.Duration `json:"-"`
}

// ID returns the name of a run in a lock: another one after each adoption, of which epoch is
// the number.
func ID(run string, epoch int) string {
	if epoch == 0 {
		return run
	}
	return run + "~" + strconv.Itoa(epoch)
}

// runOf is the run that an ID names, whoever's hands it is in.
func runOf(id string) string {
	run, _, _ := strings.Cut(id, "~")
	return run
}

// A HeldError means that somebody else has the lock. Nothing was changed.
type HeldError struct {
	Holder Holder
	// Orphan means that no operator holds the lock, but a command of one still
	// runs on the host. It ends by itself.
	Orphan bool
}

func (e *HeldError) Error() string {
	h := e.Holder
	if e.Orphan {
		return fmt.Sprintf("a command of run %q still runs on the host", h.RunID)
	}
	return fmt.Sprintf("locked by %q on %q since %s: run %q: %q",
		h.User, h.Machine, h.Since.UTC().Format(time.RFC3339), h.RunID, h.Reason)
}

// Unwrap returns ErrNotStarted: nothing was changed.
func (e *HeldError) Unwrap() error { return remote.ErrNotStarted }

// Transient is false: asking again is of no use.
func (*HeldError) Transient() bool { return false }

const (
	heartbeat   = 20 * time.Second
	lockLife    = 24 * time.Hour
	releaseTime = 10 * time.Second
)

// statuses of our own scripts
const (
	exitAbsent = 44
	exitFenced = 93
	exitOther  = 94 // Break: another run holds it
	exitOrphan = 96
	exitHeld   = 97
)

// A Lock is held until it is released or lost.
type Lock struct {
	path  string
	token string // no other hold has it

	in     *io.PipeWriter
	cancel context.CancelFunc
	ended  chan struct{} // closed when the holding process has ended
	result remote.Result
	err    error // of the holding process
	freed  sync.Once
	beat   sync.WaitGroup
}

// Acquire takes the lock at file on the host, or returns a [*HeldError].
func Acquire(ctx context.Context, r Runner, file string, h Holder) (*Lock, error) {
	about, err := describe(file, h)
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("lock: %w: %w", remote.ErrNotStarted, err)
	}
	inR, inW := io.Pipe()
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l := &Lock{path: file, token: rand.Text(), in: inW, cancel: cancel, ended: make(chan struct{})}
	taken := make(chan struct{})
	announce := sync.OnceFunc(func() { close(taken) })
	go func() {
		defer close(l.ended)
		defer cancel()
		l.result, l.err = r.Run(life, remote.Command{
			Name: "hold lock", Script: holdScript, Args: []string{file, h.RunID, about, l.token},
			Root: true, Stdin: inR, Timeout: lockLife,
			OnLine: func(stream int, line string) {
				if stream == 1 && line == "locked" {
					announce()
				}
			},
		})
		inR.CloseWithError(io.ErrClosedPipe)
	}()
	select {
	case <-taken:
		l.beat.Go(l.keepBeating)
		return l, nil
	case <-l.ended:
		return nil, refusalError(l.result, l.err)
	case <-ctx.Done():
		inW.Close()
		cancel()
		<-l.ended
		return nil, fmt.Errorf("lock: %w: %w", remote.ErrNotStarted, context.Cause(ctx))
	}
}

func describe(file string, h Holder) (string, error) {
	if !path.IsAbs(file) || path.Clean(file) != file || file == "/" {
		return "", fmt.Errorf("%q is not an absolute, clean path", file)
	}
	if h.RunID == "" || strings.ContainsAny(h.RunID, " \t\r\n") {
		return "", fmt.Errorf("%q is no run id", h.RunID)
	}
	b, err := json.Marshal(h) // one line, since JSON escapes line ends
	return string(b), err
}

// refusalError explains why the holding process has ended before it held anything.
func refusalError(res remote.Result, err error) error {
	exit, ok := errors.AsType[*remote.ExitError](err)
	switch {
	case ok && (exit.Code == exitHeld || exit.Code == exitOrphan):
		return &HeldError{Holder: parseHolder(res.Stdout), Orphan: exit.Code == exitOrphan}
	case err == nil:
		return fmt.Errorf("lock: %w: the host let go of it at once", remote.ErrNotStarted)
	case errors.Is(err, remote.ErrUnknownOutcome):
		// Whatever was taken is freed with the connection it was taken on.
		return fmt.Errorf("lock: %w: %v", remote.ErrNotStarted, err)
	}
	return fmt.Errorf("lock: %w", err)
}

// keepBeating tells the host that the operator is there.
func (l *Lock) keepBeating() {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-l.ended:
			return
		case <-tick.C:
			if _, err := io.WriteString(l.in, "\n"); err != nil {
				return
			}
		}
	}
}

// Lost is closed when the lock is held no more, by our release or because the
// connection or the holding process ended. Whoever changes the host must stop.
func (l *Lock) Lost() <-chan struct{} { return l.ended }

// Release frees the lock. It is safe to call more than once, and works within
// a short time of its own after ctx has ended.
func (l *Lock) Release(ctx context.Context) error {
	l.freed.Do(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
		defer cancel()
		l.in.Close()
		select {
		case <-l.ended:
		case <-ctx.Done():
			l.cancel() // closing the channel frees it too
			<-l.ended
		}
		l.beat.Wait()
	})
	if l.err != nil {
		return fmt.Errorf("release lock: %w", l.err)
	}
	return nil
}

// Fence returns cmd with the fence of this lock around it.
func (l *Lock) Fence(cmd remote.Command) remote.Command {
	fence := fenceScript
	if cmd.Stdin != nil {
		fence += inputScript
	}
	cmd.Script = fence + "unset lock_file\n" + cmd.Script
	cmd.Args = append([]string{l.path, l.token}, cmd.Args...)
	return cmd
}

// Fenced reports whether a fenced command was refused because its lock is held
// no more.
func Fenced(err error) bool {
	exit, ok := errors.AsType[*remote.ExitError](err)
	return ok && exit.Code == exitFenced
}
