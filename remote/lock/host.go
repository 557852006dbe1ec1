package lock

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"liftalot/remote"
)

// A Host is a host whose every command runs under the lock, and keeps a share of
// it for as long as it lives: a command that outlives its connection keeps others
// out. When the connection broke the lock is taken anew before the next command.
// The fields are set before the first call.
type Host struct {
	*remote.Client
	File   string // where the lock is on the host
	Holder Holder
	// Undoes is the run that is rolled back, if one is: its orphans are ours to
	// wait for too.
	Undoes string
	// Check is asked each time the lock was taken, before anything is done under
	// it, by commands that only look. Its error gives the lock up again. Nil is
	// never asked.
	Check func(ctx context.Context, r Runner) error
	// Tell is given sentences about waiting, Wait is how long one turn of it is;
	// nil and 0 for silence and 2 seconds.
	Tell func(string)
	Wait time.Duration

	mu  sync.Mutex
	cur *Lock
}

// Hold returns the lock, taking it when it is not held. It waits for a command
// of this very run that is still under way, and for our own lock on a connection
// that died without the host's knowledge, which is then freed; for another
// operator it does not wait, and returns a [*HeldError].
func (h *Host) Hold(ctx context.Context) (*Lock, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cur != nil {
		select {
		case <-h.cur.Lost():
			h.cur = nil
		default:
			return h.cur, nil
		}
	}
	giveUp := time.Now().Add(2 * silence)
	for {
		got, err := Acquire(ctx, h.Client, h.File, h.Holder)
		if err == nil {
			return h.checked(ctx, got)
		}
		var held *HeldError
		switch {
		case !errors.As(err, &held):
			return nil, err
		case held.Orphan && h.isOwnRun(held.Holder.RunID):
			h.tell("a command of an earlier start is still under way on the host; waiting for it")
			if err := hangUp(ctx, h.Client, h.File); err != nil {
				return nil, err
			}
		case held.Orphan || !h.isOwn(held.Holder) || time.Now().After(giveUp):
			return nil, err
		case held.Holder.Silent < silence:
			h.tell("the host still holds our lock for a connection that is gone; waiting until it has been silent long enough")
		default:
			if err := Break(ctx, h.Client, h.File, h.Holder.RunID); err != nil {
				return nil, err
			}
			continue
		}
		if err := remote.Sleep(ctx, cmp.Or(h.Wait, 2*time.Second)); err != nil {
			return nil, err
		}
	}
}

// silence is how long a holder that lives is never silent: two heartbeats and
// their way.
const silence = 2*heartbeat + 5*time.Second

// hangUp ends what waits on the host for input from an operator who is gone.
func hangUp(ctx context.Context, r Runner, file string) error {
	_, err := r.Run(ctx, remote.Command{
		Name: "hang up", Script: hangUpScript, Root: true, Args: []string{file, strconv.Itoa(int(silence / time.Second))},
	})
	if errors.Is(err, remote.ErrUnknownOutcome) { // nothing was done under the lock
		return fmt.Errorf("lock: %w: %v", remote.ErrNotStarted, err)
	}
	return err
}

// isOwn reports whether a lock is our own: of this run, in these hands, on this
// machine. The journal's lock keeps a second process here from the same run.
func (h *Host) isOwn(by Holder) bool {
	return by.RunID == h.Holder.RunID && by.User == h.Holder.User && by.Machine == h.Holder.Machine
}

// checked keeps a lock that was just taken, if it may be kept.
func (h *Host) checked(ctx context.Context, got *Lock) (*Lock, error) {
	if h.Check != nil {
		if err := h.Check(ctx, h.Client); err != nil {
			_ = got.Release(ctx)
			if errors.Is(err, remote.ErrUnknownOutcome) { // of a look: nothing was done under the lock
				err = fmt.Errorf("lock: %w: %v", remote.ErrNotStarted, err)
			}
			return nil, err
		}
	}
	h.cur = got
	return got, nil
}

func (h *Host) tell(sentence string) {
	if h.Tell != nil {
		h.Tell(sentence)
	}
}

// isOwnRun reports whether a command that outlived its connection belongs to this
// run, or to the one it rolls back.
func (h *Host) isOwnRun(run string) bool {
	return runOf(run) == runOf(h.Holder.RunID) || h.Undoes != "" && runOf(run) == h.Undoes
}

// Release frees the lock, if it is held.
func (h *Host) Release(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cur == nil {
		return nil
	}
	err := h.cur.Release(ctx)
	h.cur = nil
	return err
}

// Run runs a command under the lock. A command that the fence turned away never
// started: the lock is taken anew and it is asked again, unless by now somebody
// else holds it.
func (h *Host) Run(ctx context.Context, cmd remote.Command) (remote.Result, error) {
	for tries := 1; ; tries++ {
		l, err := h.Hold(ctx)
		if err != nil {
			return remote.Result{}, err
		}
		try := l.Fence(cmd)
		var again bool
		try.Stdin, again = unreadInput(cmd.Stdin)
		res, err := h.Client.Run(ctx, try)
		if !Fenced(err) {
			return res, err
		}
		if tries == maxFenced || !again {
			return res, fmt.Errorf("%s: %w: the lock on the host is not ours any more", cmd.Name, remote.ErrNotStarted)
		}
		h.drop(ctx, l)
	}
}

const maxFenced = 3

// unreadInput returns input from its beginning, and whether it can be had again. Each
// try reads on its own: what still sends the input of the one before must not
// take bytes from its successor's.
func unreadInput(in io.Reader) (r io.Reader, again bool) {
	if in == nil {
		return nil, true
	}
	whole, ok := in.(interface {
		io.ReaderAt
		Size() int64
	})
	if !ok {
		return in, false
	}
	return io.NewSectionReader(whole, 0, whole.Size()), true
}

// drop gives up a lock that the host does not take for ours.
func (h *Host) drop(ctx context.Context, l *Lock) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cur == l {
		_ = l.Release(ctx)
		h.cur = nil
	}
}

// WriteFile writes a file under the lock.
func (h *Host) WriteFile(ctx context.Context, path string, data []byte, opt remote.WriteOptions) error {
	if _, err := h.Hold(ctx); err != nil {
		return err
	}
	return h.Client.WriteFile(ctx, path, data, opt)
}

// Remove removes a file under the lock.
func (h *Host) Remove(ctx context.Context, path string) error {
	if _, err := h.Hold(ctx); err != nil {
		return err
	}
	return h.Client.Remove(ctx, path)
}
