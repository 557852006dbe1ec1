package remote_test

import (
	"context"
	"errors"
	"os"
	"runtime/metrics"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"liftalot/remote"
)

// A behaviour is one way for a server to be hostile or broken, and how an
// action on it must end. Whatever the server does, the action ends in time, in
// little memory, with an error that is safe to show, and leaves nothing on this
// machine.
type behaviour struct {
	name string
	set  func(f *faulty)        // how the server behaves
	cfg  func(c *remote.Config) // nil: as it comes
	do   func(ctx context.Context, c *remote.Client) error
	want string // see kindOf

	// timely says that the answer decides, and not the test's deadline.
	timely bool
}

const (
	// hostileTime bounds an action: far above the deadlines that the tests
	// set, far below those of the package.
	hostileTime = 20 * time.Second
	// hostileMemory bounds the heap of both ends together.
	hostileMemory = 128 << 20
	// short is a deadline that is meant to pass.
	short = 250 * time.Millisecond
	// maxErrorText bounds what an error says.
	maxErrorText = 4 << 10
)

func TestHostileServers(t *testing.T) {
	all := hostileTransports()
	all = append(all, hostileLogins()...)
	all = append(all, hostileSessions()...)
	all = append(all, hostileFiles()...)
	if len(all) < 40 {
		t.Errorf("there are only %d behaviours", len(all))
	}
	for _, b := range all {
		t.Run(b.name, func(t *testing.T) { b.run(t) })
	}
}

func (b behaviour) run(t *testing.T) {
	f := newFaulty(t)
	f.onExec = func(s served) { s.begin(); s.end("0"); s.exit(0) }
	b.set(f)
	empty := t.TempDir()
	t.Chdir(empty)
	t.Setenv("TMPDIR", empty)
	c := f.client(b.cfg)
	c.SetStartTimeout(2 * time.Second)
	do := b.do
	switch {
	case do == nil && b.want == "done":
		do = aCommand(hostileTime / 2) // no deadline is meant to pass
	case do == nil:
		do = aCommand(time.Second)
	}
	peak := watchHeap(t)
	ctx, cancel := context.WithTimeout(t.Context(), hostileTime)
	defer cancel()
	began := time.Now()
	err := do(ctx, c)
	c.Close()
	if took := time.Since(began); took >= hostileTime {
		t.Errorf("it took %s", took)
	}
	if p := peak(); p > hostileMemory {
		t.Errorf("it took %d MiB", p>>20)
	}
	if got := kindOf(err); got != b.want {
		t.Errorf("got %q (%v), want %q", got, err, b.want)
	}
	if b.timely && errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("only the deadline ended it: %v", err)
	}
	if err != nil && !showable(err.Error()) {
		t.Errorf("the error is not fit to be shown: %.300q", err.Error())
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("left on this machine: %v, %v", left, err)
	}
}

func aCommand(timeout time.Duration) func(context.Context, *remote.Client) error {
	return func(ctx context.Context, c *remote.Client) error {
		_, err := c.Run(ctx, remote.Command{Name: "step", Script: "true", Timeout: timeout})
		return err
	}
}

// kindOf names what an error is, the most telling word first.
func kindOf(err error) string {
	var (
		key         *remote.HostKeyError
		auth        *remote.AuthError
		unreachable *remote.UnreachableError
		exit        *remote.ExitError
		large       *remote.TooLargeError
		changed     *remote.ChangedError
		sudo        *remote.SudoError
		algorithms  *remote.AlgorithmError
		turned      *remote.TurnedAwayError
	)
	switch {
	case err == nil:
		return "done"
	case errors.As(err, &key):
		return "host key"
	case errors.As(err, &auth):
		return "login"
	case errors.As(err, &unreachable):
		return "unreachable"
	case errors.As(err, &turned):
		return "turned away"
	case errors.As(err, &algorithms):
		return "algorithms"
	case errors.As(err, &exit):
		return "exit"
	case errors.As(err, &large):
		return "too large"
	case errors.As(err, &changed):
		return "changed"
	case errors.As(err, &sudo):
		return "sudo"
	case errors.Is(err, os.ErrNotExist):
		return "absent"
	case errors.Is(err, os.ErrPermission):
		return "forbidden"
	case errors.Is(err, remote.ErrUnknownOutcome):
		return "unknown"
	case errors.Is(err, remote.ErrNotStarted):
		return "not started"
	}
	return "untyped"
}

// showable reports whether a text is short and could do nothing to a terminal.
func showable(text string) bool {
	if len(text) > maxErrorText || !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// watchHeap measures until peak is called.
func watchHeap(t *testing.T) (peak func() uint64) {
	t.Helper()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	start := sample[0].Value.Uint64()
	highest := start
	over := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			metrics.Read(sample)
			highest = max(highest, sample[0].Value.Uint64())
			select {
			case <-over:
				return
			case <-tick.C:
			}
		}
	})
	end := sync.OnceFunc(func() { close(over); watching.Wait() })
	t.Cleanup(end)
	return func() uint64 { end(); return highest - start }
}
