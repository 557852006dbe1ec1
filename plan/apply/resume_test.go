package apply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/plan/statefile"
	"liftalot/remote"
)

// quickDisk is the machine's file system without the waiting for the disk.
type quickDisk struct{ statefile.OS }

func (d quickDisk) OpenFile(name string, flag int, perm fs.FileMode) (statefile.File, error) {
	f, err := d.OS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return quickFile{f}, nil
}

func (quickDisk) SyncDir(string) error { return nil }

type quickFile struct{ statefile.File }

func (quickFile) Sync() error { return nil }

// fullDisk lets so many writes through to the journal and then fails every one,
// as a full disk does; the program ends there.
type fullDisk struct {
	quickDisk
	left int
}

func (d *fullDisk) OpenFile(name string, flag int, perm fs.FileMode) (statefile.File, error) {
	f, err := d.quickDisk.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &fullFile{File: f, disk: d}, nil
}

type fullFile struct {
	statefile.File
	disk *fullDisk
}

var errFull = errors.New("no space left on device")

func (f *fullFile) Write(p []byte) (int, error) {
	if f.disk.left--; f.disk.left < 0 {
		return 0, errFull
	}
	return f.File.Write(p)
}

// crash runs the plan until the journal takes no more than n further records.
func (b *bench) crash(n int) {
	b.t.Helper()
	if len(b.records()) == 0 {
		n++ // the journal's own first line
	}
	b.fsys = &fullDisk{left: n}
	res, err := b.run(b.t.Context())
	b.fsys = quickDisk{}
	var write *journal.WriteError
	if !errors.As(err, &write) || !errors.Is(err, errFull) {
		b.t.Fatalf("crash after %d records: %+v, %v", n, res, err)
	}
	if len(b.undone) > 0 {
		b.t.Errorf("crash after %d records: something was undone: %q", n, b.undone)
	}
	// After a write that failed not another step is done, and a run whose end is
	// not on the disk has not ended.
	if res.Outcome != journal.Interrupted && res.Outcome != journal.Aborted {
		b.t.Errorf("crash after %d records: outcome %q", n, res.Outcome)
	}
}

// volatileSteps are looked at again whatever the journal says.
var volatileSteps = []string{"sidecar", "gate", "verify"}

// Wherever a run ends, the next start completes it: what was done is not done
// again, and the host ends as after a run without a crash.
func TestResumeFromEveryRecord(t *testing.T) {
	want := finished(t)
	whole := 2 + 2*len(newBench(t).plan.Steps)
	for n := 1; n < whole; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			b := newBench(t)
			b.crash(n)
			before := b.state()
			if b.state().Outcome == journal.Completed {
				t.Fatal("the run was over")
			}
			var settled []string
			for _, s := range before.Steps {
				if s.Do == journal.Done && !slices.Contains(volatileSteps, s.Step) {
					settled = append(settled, s.Step)
				}
			}
			jobs, backups := b.host.jobs, b.backups
			res, err := b.run(t.Context())
			if err != nil || res.Outcome != journal.Completed {
				t.Fatalf("%+v, %v", res, err)
			}
			if diff := cmp.Diff(settled, b.skipped); diff != "" {
				t.Errorf("skipped (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want, b.host.world.client()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if b.host.jobs > 1 || jobs == 1 && b.host.jobs != 1 {
				t.Errorf("the server was swapped %d times", b.host.jobs)
			}
			if before.Step("backup").Do == journal.Done && b.backups != backups {
				t.Error("a second backup was taken")
			}
			if before.Step("edit").Do != "" && !res.Changed {
				t.Error("the run does not know that it had changed something")
			}
		})
	}
}

// A swap of which nobody has seen the end stays open where the next start does not come
// as far as its job: taken for a failure it would be begun a second time, on the server
// that is the new one already.
func TestASwapStaysOpenUntilItsEndIsSeen(t *testing.T) {
	for name, fault := range map[string]error{
		"the line":   fmt.Errorf("open a channel: %w", remote.ErrNotStarted),
		"the person": fmt.Errorf("not sent: %w", context.Canceled),
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.crash(slices.IndexFunc(b.plan.Steps, func(s plan.Step) bool { return plan.Is[plan.Swap](s.Op) })*2 + 2)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			b.host.fault = func(string, bool) error {
				if b.step != "swap" {
					return nil
				}
				if errors.Is(fault, context.Canceled) {
					cancel()
				}
				return fault
			}
			if res, err := b.run(ctx); res.Outcome != journal.Interrupted || b.state().Step("swap").Do != journal.Unknown {
				t.Errorf("%s: %+v, %v; the swap is %q", name, res, err, b.state().Step("swap").Do)
			}
			b.host.fault = nil
			if res, err := b.run(t.Context()); err != nil || res.Outcome != journal.Completed || b.host.jobs != 1 {
				t.Errorf("%s: %+v, %v; %d jobs", name, res, err, b.host.jobs)
			}
		})
	}
}

func TestRollbackResumesFromEveryRecord(t *testing.T) {
	probe := newBench(t)
	want := probe.host.world.client()
	if _, err := probe.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	rollbackOf(probe)
	whole := 2 + 2*len(probe.plan.Steps)
	for n := 1; n < whole; n++ {
		b := newBench(t)
		if _, err := b.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		rollbackOf(b)
		b.crash(n)
		if res, err := b.run(t.Context()); err != nil || res.Outcome != journal.Completed {
			t.Fatalf("after %d records: %+v, %v", n, res, err)
		}
		if diff := cmp.Diff(want, b.host.world.client()); diff != "" {
			t.Errorf("after %d records (-want +got):\n%s", n, diff)
		}
	}
}

// A rollback that stopped goes on though docker was renewed meanwhile: no other command
// would lead on. One that was not begun is decided anew.
func TestARollbackThatWasBegunIsNotHeldUp(t *testing.T) {
	b := newBench(t)
	want := b.host.world.client()
	if _, err := b.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	rollbackOf(b)
	b.look = func() (*plan.Facts, error) {
		f := b.host.facts(t)
		f.Docker.Version = "99.0"
		return f, nil
	}
	var stale *StaleError
	if res, err := b.run(t.Context()); !errors.As(err, &stale) || res.Outcome != journal.Aborted {
		t.Fatalf("not begun: %+v, %v", res, err)
	}
	moved := b.look
	b.look = func() (*plan.Facts, error) { return b.host.facts(t), nil }
	b.crash(6)
	b.look = func() (*plan.Facts, error) { return nil, remote.ErrNotStarted }
	if res, err := b.run(t.Context()); err == nil || res.Outcome != journal.Interrupted {
		t.Errorf("half done, and not to be looked at: %+v, %v", res, err)
	}
	b.look = moved
	if res, err := b.run(t.Context()); err != nil || res.Outcome != journal.Completed {
		t.Fatalf("%+v, %v", res, err)
	}
	if diff := cmp.Diff(want, b.host.world.client()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A half-done upgrade is rolled back by its own plan, whatever the record it
// ended with.
func TestRollbackFromEveryRecordOfAnUpgrade(t *testing.T) {
	whole := 2 + 2*len(newBench(t).plan.Steps)
	for n := 1; n < whole; n++ {
		b := newBench(t)
		want := b.host.world.client()
		b.crash(n)
		rollbackOf(b)
		if b.plan.Empty() {
			continue
		}
		if res, err := b.run(t.Context()); err != nil || res.Outcome != journal.Completed {
			t.Fatalf("after %d records: %+v, %v", n, res, err)
		}
		if diff := cmp.Diff(want, b.host.world.client()); diff != "" {
			t.Errorf("after %d records (-want +got):\n%s", n, diff)
		}
	}
}

// A run that was rolling itself back when it ended is rolled back to its end: the
// journal says done of steps that are half undone.
func TestAnUndoResumesFromEveryRecord(t *testing.T) {
	for _, failing := range []string{"gate", "verify"} {
		for n := 1; ; n++ {
			b := newBench(t)
			want := b.host.world.client()
			b.host.fault = func(_ string, after bool) error {
				if b.step == failing && !after {
					return errExit
				}
				return nil
			}
			b.fsys = &fullDisk{left: n + 1}
			res, err := b.run(t.Context())
			b.fsys = quickDisk{}
			if !errors.Is(err, errFull) {
				break // the disk was large enough
			}
			if res.Outcome == journal.RolledBack {
				t.Errorf("%s, after %d records: it says %q, and its journal does not", failing, n, res.Outcome)
			}
			b.host.fault = func(_ string, after bool) error {
				if b.step == failing && !after {
					return errExit
				}
				return nil
			}
			res, err = b.run(t.Context())
			if err == nil || res.Outcome != journal.RolledBack || b.state().Outcome != journal.RolledBack || res.Failed != failing {
				t.Fatalf("%s, after %d records: %+v, %v", failing, n, res, err)
			}
			if diff := cmp.Diff(want, b.host.world.client()); diff != "" {
				t.Errorf("%s, after %d records (-want +got):\n%s", failing, n, diff)
			}
			if b.host.jobs > 2 {
				t.Errorf("%s, after %d records: %d jobs for one swap and one rollback", failing, n, b.host.jobs)
			}
		}
	}
}

// A line that dies while the run is rolled back is no reason to call a person:
// the next start reverts the rest.
func TestADeadLineInAnUndoIsAnInterruption(t *testing.T) {
	for _, cut := range []string{"undo-edit", "undo-swap", "undo-sidecar", "undo-secret-cosign_pub"} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			want := b.host.world.client()
			b.verify = errors.New("not as promised")
			b.host.fault = func(_ string, after bool) error {
				if b.step == cut && !after {
					return fmt.Errorf("link: %w", remote.ErrUnknownOutcome)
				}
				return nil
			}
			res, err := b.run(t.Context())
			if err == nil || res.Outcome != journal.Interrupted || !b.state().Interrupted() {
				t.Fatalf("%s: %+v, %v", cut, res, err)
			}
			if s := b.state().Step(strings.TrimPrefix(cut, "undo-")); s.Undo != journal.UndoUnknown {
				t.Errorf("%s: the journal says %+v", cut, s)
			}
			b.host.fault = nil
			if res, err := b.run(t.Context()); !errors.Is(err, ErrFailedBefore) || res.Outcome != journal.RolledBack {
				t.Fatalf("%s, again: %+v, %v", cut, res, err)
			}
			if diff := cmp.Diff(want, b.host.world.client()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", cut, diff)
			}
		})
	}
}

func TestACancelledUndoStopsAtOnce(t *testing.T) {
	b := newBench(t)
	want := b.host.world.client()
	ctx, cancel := context.WithCancel(t.Context())
	b.verify = errors.New("not as promised")
	b.host.fault = func(what string, after bool) error {
		if b.step == "undo-edit" && after && strings.HasPrefix(what, "write") {
			cancel()
		}
		return nil
	}
	res, err := b.run(ctx)
	if !errors.Is(err, context.Canceled) || res.Outcome != journal.Interrupted || len(b.undone) != 1 {
		t.Fatalf("%+v, %v; undone %q", res, err, b.undone)
	}
	if res, err := b.run(t.Context()); err == nil || res.Outcome != journal.RolledBack {
		t.Fatalf("again: %+v, %v", res, err)
	}
	if diff := cmp.Diff(want, b.host.world.client()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
