package remotetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"liftalot/remote"
	"liftalot/remote/job"
	"liftalot/remote/lock"
)

func lockCases() []testCase {
	return []testCase{
		{"the second operator hears who is first", false, testLockHeld},
		{"it is freed with the connection", true, testLockCut},
		{"never two holders", false, testLockRace},
		{"one who is on the way out does not keep the next one out", false, testLockInstant},
		{"it is broken by run id only", false, testLockBreak},
		{"a fenced command runs only for the holder", false, testLockFence},
		{"an orphan keeps the fence", false, testLockOrphan},
		{"a reader of a dead operator is hung up", false, testLockHangUp},
		{"cancelling frees it", false, testLockCancel},
		{"a host without flock", false, testLockWithoutFlock},
		{"bad names are refused", false, testLockNames},
	}
}

func holder(run string) lock.Holder {
	return lock.Holder{User: "ann", Machine: "laptop", RunID: run, Reason: "upgrade \"web1\"\n"}
}

func (h host) acquire(t *testing.T, run string) *lock.Lock {
	t.Helper()
	l, err := lock.Acquire(t.Context(), h, h.at("lock"), holder(run))
	must(t, err)
	t.Cleanup(func() { _ = l.Release(context.Background()) })
	return l
}

// awaitLoss waits until the lock says that it is lost.
func awaitLoss(t *testing.T, l *lock.Lock) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case <-l.Lost():
	case <-ctx.Done():
		t.Fatal("the lock does not say that it is lost")
	}
}

func testLockHeld(t *testing.T, h host) {
	if _, held, err := lock.Inspect(t.Context(), h, h.at("lock")); held || err != nil {
		t.Errorf("before anybody: held %v, %v", held, err)
	}
	l := h.acquire(t, "run-1")
	second := h.open(t)
	_, err := lock.Acquire(t.Context(), second, h.at("lock"), holder("run-2"))
	loss, ok := errors.AsType[*lock.HeldError](err)
	if !ok || !errors.Is(err, remote.ErrNotStarted) || loss.Orphan {
		t.Fatalf("got %v, want held", err)
	}
	got := loss.Holder
	if got.User != "ann" || got.Machine != "laptop" || got.RunID != "run-1" || got.Reason != "upgrade \"web1\"\n" || got.Since.IsZero() || got.Silent > time.Minute {
		t.Errorf("got %+v", got)
	}
	if seen, held, err := lock.Inspect(t.Context(), second, h.at("lock")); !held || err != nil || seen.RunID != "run-1" {
		t.Errorf("inspect: %+v, %v, %v", seen, held, err)
	}
	must(t, l.Release(t.Context()))
	must(t, l.Release(t.Context()))
	select {
	case <-l.Lost():
	default:
		t.Error("a released lock does not say so")
	}
	if _, held, err := lock.Inspect(t.Context(), second, h.at("lock")); held || err != nil {
		t.Errorf("after the release: held %v, %v", held, err)
	}
	l, err = lock.Acquire(t.Context(), second, h.at("lock"), holder("run-2"))
	must(t, err)
	must(t, l.Release(t.Context()))
}

func testLockCut(t *testing.T, h host) {
	l := h.acquire(t, "run-1")
	h.Cut()
	awaitLoss(t, l)
	second := h.open(t)
	second.await(t, "the lock's end", `f=$1; [ ! -e "$f.holder" ]`, h.at("lock"))
	next, err := lock.Acquire(t.Context(), second, h.at("lock"), holder("run-2"))
	must(t, err)
	must(t, next.Release(t.Context()))
	if err := l.Release(t.Context()); err == nil {
		t.Error("releasing a lost lock hides that it was lost")
	}
}

func testLockRace(t *testing.T, h host) {
	const operators, turns = 4, 3
	var holders, gained atomic.Int32
	var group sync.WaitGroup
	for i := range operators {
		mine := h.open(t)
		group.Go(func() {
			for turn := range turns {
				l, err := lock.Acquire(t.Context(), mine, h.at("lock"), holder(fmt.Sprintf("run-%d-%d", i, turn)))
				if _, lost := errors.AsType[*lock.HeldError](err); lost {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				gained.Add(1)
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d holders at once", n)
				}
				_, _ = mine.Run(t.Context(), remote.Command{Name: "work", Script: "sleep 0.02"})
				holders.Add(-1)
				if err := l.Release(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if gained.Load() == 0 {
		t.Error("nobody got the lock")
	}
}

// For an instant a lock is held and its holder has no name: the one before has
// removed it and not ended yet, or a late command asks whether it may start.
func testLockInstant(t *testing.T, h host) {
	h.sh(t, `printf 'run-0\n1 1 dead\n1\n{}\n' >"$1.holder"
exec 9>"$1"
flock 9
(sleep 0.5) >/dev/null 2>&1 &`, h.at("lock"))
	h.acquire(t, "run-1")
}

func testLockBreak(t *testing.T, h host) {
	l := h.acquire(t, "run-1")
	second := h.open(t)
	err := lock.Break(t.Context(), second, h.at("lock"), "run-0")
	if loss, ok := errors.AsType[*lock.HeldError](err); !ok || loss.Holder.RunID != "run-1" {
		t.Errorf("the wrong run: got %v", err)
	}
	must(t, lock.Break(t.Context(), second, h.at("lock"), "run-1"))
	awaitLoss(t, l)
	next, err := lock.Acquire(t.Context(), second, h.at("lock"), holder("run-2"))
	must(t, err)
	must(t, next.Release(t.Context()))
	must(t, lock.Break(t.Context(), second, h.at("lock"), "run-1"))
}

func testLockFence(t *testing.T, h host) {
	l := h.acquire(t, "run-1")
	touch := l.Fence(remote.Command{Name: "touch", Script: `touch "$1"`, Args: []string{h.at("x")}, Root: true})
	_, err := h.Run(t.Context(), touch)
	must(t, err)
	must(t, h.Remove(t.Context(), h.at("x")))
	must(t, l.Release(t.Context()))
	if _, err := h.Run(t.Context(), touch); !lock.Fenced(err) {
		t.Errorf("after the release: got %v", err)
	}
	second := h.open(t)
	next, err := lock.Acquire(t.Context(), second, h.at("lock"), holder("run-2"))
	must(t, err)
	if _, err := h.Run(t.Context(), touch); !lock.Fenced(err) {
		t.Errorf("under another's lock: got %v", err)
	}
	must(t, next.Release(t.Context()))
	h.acquire(t, "run-1")
	if _, err := h.Run(t.Context(), touch); !lock.Fenced(err) {
		t.Errorf("under a later lock of the same run: got %v", err)
	}
	h.sh(t, `[ ! -e "$1" ]`, h.at("x"))
}

// fenced is a runner whose commands carry the fence.
type fenced struct {
	host
	l *lock.Lock
}

func (f fenced) Run(ctx context.Context, cmd remote.Command) (remote.Result, error) {
	return f.host.Run(ctx, f.l.Fence(cmd))
}

func testLockOrphan(t *testing.T, h host) {
	l := h.acquire(t, "run-1")
	spec := job.Spec{
		Dir: h.at("job"), Timeout: 20 * time.Second, Args: []string{h.at("go")},
		Script: `while [ ! -e "$1" ]; do sleep 0.05; done`,
	}
	must(t, job.Start(t.Context(), fenced{h, l}, spec))
	must(t, l.Release(t.Context()))
	_, err := lock.Acquire(t.Context(), h, h.at("lock"), holder("run-2"))
	loss, ok := errors.AsType[*lock.HeldError](err)
	if !ok || !loss.Orphan || loss.Holder.RunID != "run-1" || loss.Holder.User != "ann" {
		t.Errorf("while a fenced job of run-1 runs: got %v", err)
	}
	h.sh(t, `touch "$1"`, h.at("go"))
	h.finish(t, spec.Dir)
	h.await(t, "the fence's end", `flock -n "$1.fence" true`, h.at("lock"))
	next, err := lock.Acquire(t.Context(), h, h.at("lock"), holder("run-2"))
	must(t, err)
	must(t, next.Release(t.Context()))
}

// A command waits for input from an operator who is gone without the host's
// knowledge. Whoever resumes the run ends it, not before it has been silent
// for long; a job that the same run has started goes on.
func testLockHangUp(t *testing.T, h host) {
	l := h.acquire(t, "run-1")
	in, never := io.Pipe()
	reads, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = h.Run(t.Context(), l.Fence(remote.Command{
			Name: "read", Script: `echo reads; cat; echo over > "$1"`, Args: []string{h.at("over")}, Root: true, Stdin: in,
			OnLine: func(int, string) { close(reads) },
		}))
	}()
	select {
	case <-reads:
	case <-ended:
		t.Fatal("the command ended before it read")
	}
	must(t, l.Release(t.Context()))
	told := 0
	again := &lock.Host{Client: h.open(t).Client, File: h.at("lock"), Holder: holder("run-1"), Wait: look, Tell: func(string) {
		if told++; told == 2 {
			h.sh(t, `touch -d '2 minutes ago' "$1"`, h.at("lock.input"))
		}
	}}
	_, err := again.Hold(t.Context())
	must(t, err)
	must(t, again.Release(t.Context()))
	if told < 2 {
		t.Errorf("it was not waited for: told %d times", told)
	}
	never.Close()
	<-ended
	if said := h.sh(t, `[ ! -e "$1" ] || cat "$1"`, h.at("over")); said != "" {
		t.Error("the command went on after its input was cut")
	}
}

func testLockCancel(t *testing.T, h host) {
	ctx, cancel := context.WithCancel(t.Context())
	l, err := lock.Acquire(ctx, h, h.at("lock"), holder("run-1"))
	must(t, err)
	cancel() // the lock is of the run, not of the call that took it
	select {
	case <-l.Lost():
		t.Error("the lock went with the context")
	default:
	}
	must(t, l.Release(ctx))
	if _, err := lock.Acquire(ctx, h, h.at("lock"), holder("run-2")); !errors.Is(err, remote.ErrNotStarted) {
		t.Errorf("got %v, want not started", err)
	}
	h.acquire(t, "run-3")
}

// flockless is a runner on whose host no script finds flock.
type flockless struct{ host }

func (h flockless) Run(ctx context.Context, cmd remote.Command) (remote.Result, error) {
	cmd.Script = "command() { return 1; }\n" + cmd.Script
	return h.host.Run(ctx, cmd)
}

func testLockWithoutFlock(t *testing.T, h host) {
	first, second, file := flockless{h}, flockless{h.open(t)}, h.at("lock")
	l, err := lock.Acquire(t.Context(), first, file, holder("run-1"))
	must(t, err)
	_, err = lock.Acquire(t.Context(), second, file, holder("run-2"))
	if loss, ok := errors.AsType[*lock.HeldError](err); !ok || loss.Holder.RunID != "run-1" {
		t.Fatalf("got %v, want held", err)
	}
	if seen, held, err := lock.Inspect(t.Context(), second, file); !held || err != nil || seen.RunID != "run-1" {
		t.Errorf("inspect: %+v, %v, %v", seen, held, err)
	}
	must(t, l.Release(t.Context()))
	if left := h.sh(t, `ls -A "$1"`, h.Dir); left != "" {
		t.Errorf("left behind: %s", left)
	}
	// A holder that the host has forgotten: the folder stays, the heartbeat grows old.
	h.sh(t, `mkdir "$1.d"; printf 'run-0\n1 1\n1\n{}\n' > "$1.holder"`, file)
	if _, err := lock.Acquire(t.Context(), second, file, holder("run-2")); !errors.Is(err, remote.ErrNotStarted) {
		t.Errorf("while the heartbeat is young: got %v", err)
	}
	h.sh(t, `touch -d '10 minutes ago' "$1.holder"`, file)
	l, err = lock.Acquire(t.Context(), second, file, holder("run-2"))
	must(t, err)
	must(t, lock.Break(t.Context(), first, file, "run-2"))
	awaitLoss(t, l)
}

func testLockNames(t *testing.T, h host) {
	for _, c := range []struct{ file, run string }{{"relative", "r"}, {"/", "r"}, {h.at("l"), ""}, {h.at("l"), "two words"}} {
		if _, err := lock.Acquire(t.Context(), h, c.file, holder(c.run)); !errors.Is(err, remote.ErrNotStarted) {
			t.Errorf("%+v: got %v, want not started", c, err)
		}
	}
}
