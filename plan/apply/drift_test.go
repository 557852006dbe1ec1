package apply

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/remote"
)

// Whatever the plan rests on moves while the run is under way, it is noticed
// before the next thing of its kind is changed, and the run is rolled back.
func TestWhatMovesDuringTheRunStopsIt(t *testing.T) {
	for _, tt := range []struct {
		name   string
		during string // the step in which it moves
		before string // the step that must not begin
		move   func(*plan.Facts)
	}{
		{"a secret's mode", "pull", "secrets-folder", func(f *plan.Facts) { f.Secrets[0].Mode ^= 0o007 }},
		{"a secret's owner", "tag", "secrets-folder", func(f *plan.Facts) { f.Secrets[0].UID++ }},
		{"docker", "tag", "secrets-folder", func(f *plan.Facts) { f.Docker.Version = "99" }},
		{"the file's owner", "db-login", "edit", func(f *plan.Facts) { f.Files[0].UID++ }},
		{"the file's mode", "db-login", "edit", func(f *plan.Facts) { f.Files[0].Mode ^= 0o007 }},
		{".env", "db-login", "edit", func(f *plan.Facts) { f.Files[1].SHA256 = digest("x") }},
		{"compose", "edit", "sidecar", func(f *plan.Facts) { f.Compose = "99" }},
		{".env, after the edit", "edit", "sidecar", func(f *plan.Facts) { f.Files[1].SHA256 = digest("x") }},
		{"the server's container", "gate", "swap", func(f *plan.Facts) { f.Services[serverOf(f)].ID = "theirs" }},
		{"the server's image", "gate", "swap", func(f *plan.Facts) { f.Services[serverOf(f)].ImageID = "sha256:theirs" }},
		{"the migrations", "gate", "swap", func(f *plan.Facts) {
			f.Database.Migrated = append(slices.Clone(f.Database.Migrated), plan.Migration{Version: 9999, Success: true})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			before := b.host.world.client()
			moved := false
			b.host.fault = func(string, bool) error {
				moved = moved || b.step == tt.during
				return nil
			}
			look := b.look
			b.look = func() (*plan.Facts, error) {
				f, err := look()
				if moved {
					tt.move(f)
				}
				return f, err
			}
			res, err := b.run(t.Context())
			var stale *StaleError
			if !errors.As(err, &stale) || len(stale.Drift) != 1 || res.Failed != tt.before || b.state().Step(tt.before).Do != "" {
				t.Fatalf("%+v, %v", res, err)
			}
			if res.Swapped || b.host.jobs > 0 {
				t.Error("the server was touched")
			}
			if res.Changed && (res.Outcome != journal.RolledBack || b.state().Outcome != journal.RolledBack) {
				t.Errorf("%+v", res)
			}
			if diff := cmp.Diff(before, b.host.world.client()); diff != "" {
				t.Errorf("(-before +after):\n%s", diff)
			}
		})
	}
}

func serverOf(f *plan.Facts) int {
	return slices.IndexFunc(f.Services, func(c plan.Container) bool { return c.Service == "chatalot" })
}

// A machine that went back to a snapshot taken before the edit is not resumed: the
// journal here tells of steps that are not done there.
func TestAMachineThatWentBackIsNotGoneOnWith(t *testing.T) {
	b := newBench(t)
	b.crash(slices.IndexFunc(b.plan.Steps, func(s plan.Step) bool { return plan.Is[plan.Edit](s.Op) })*2 + 3)
	edit, _ := plan.Find[plan.Edit](b.plan.Steps)
	look := b.look
	b.look = func() (*plan.Facts, error) {
		f, err := look()
		i := slices.IndexFunc(f.Files, func(x plan.File) bool { return x.Path == edit.Path })
		f.Files[i].SHA256 = edit.Before
		return f, err
	}
	before := b.state()
	res, err := b.run(t.Context())
	var stale *StaleError
	if !errors.As(err, &stale) || len(stale.Drift) != 1 || res.Outcome != journal.Interrupted {
		t.Fatalf("%+v, %v", res, err)
	}
	if diff := cmp.Diff(before, b.state()); diff != "" {
		t.Errorf("the run went on:\n%s", diff)
	}
}

// What is gone after a swap that ended well was put back by others: the run does not go
// on as if nothing were, whenever it ended.
func TestFilesThatOthersPutBackAfterTheSwap(t *testing.T) {
	for further := range 4 { // records after the swap's intent
		b := newBench(t)
		swap := slices.IndexFunc(b.plan.Steps, func(s plan.Step) bool { return plan.Is[plan.Swap](s.Op) })
		b.crash(swap*2 + 2 + further)
		b.host.world["file "+composePath] = recordedCompose(t)
		for range 2 {
			res, err := b.run(t.Context())
			var stale *StaleError
			if !errors.As(err, &stale) || res.Outcome != journal.Interrupted || b.state().Outcome != "" || b.host.jobs != 1 {
				t.Errorf("%d records later: %+v, %v; %d jobs", further, res, err, b.host.jobs)
			}
		}
	}
}

// Nothing but the swap is asked then: the sidecar of a start that ended before it came
// to the swap would be started on the old file, which knows of none.
func TestASwapThatWentBackIsAskedBeforeTheSidecar(t *testing.T) {
	for further := range 4 { // records of a second start
		b := newBench(t)
		b.host.log = "stage stop\nstage start\nnote not healthy within 90 seconds\nstage back\naway 100 300\nend back\n"
		swap := slices.IndexFunc(b.plan.Steps, func(s plan.Step) bool { return plan.Is[plan.Swap](s.Op) })
		b.crash(swap*2 + 2)
		b.crash(1 + further)
		b.host.world["file "+composePath] = recordedCompose(t)
		b.host.fault = func(string, bool) error {
			if b.step == "sidecar" && b.state().Step("swap").Undo == "" {
				return errors.New("no such service: chatalot-updater")
			}
			return nil
		}
		res, err := b.run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "rolled back by itself") || res.Failed != "swap" || res.Outcome != journal.RolledBack {
			t.Errorf("%d records later: %+v, %v", further, res, err)
		}
	}
}

// A swap that was seen to fail is not carried out again on files that it has put back.
func TestASwapThatFailedIsNotCarriedOutOnTheOldFiles(t *testing.T) {
	b := newBench(t)
	before := b.host.world.client()
	b.host.log = "stage stop\nstage start\nnote not healthy within 90 seconds\nstage back\naway 100 300\nend back\n"
	swap := slices.IndexFunc(b.plan.Steps, func(s plan.Step) bool { return plan.Is[plan.Swap](s.Op) })
	b.crash(swap*2 + 3) // its failure is written, and nothing of the rollback
	b.host.world["file "+composePath] = recordedCompose(t)
	res, err := b.run(t.Context())
	if !errors.Is(err, ErrFailedBefore) || res.Outcome != journal.RolledBack || res.Failed != "swap" || b.host.jobs != 2 {
		t.Errorf("%+v, %v; %d jobs", res, err, b.host.jobs)
	}
	if diff := cmp.Diff(before, b.host.world.client()); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// Nor is one begun that the machine knows nothing of.
func TestASwapThatIsNotThereIsNotBegunOnTheOldFiles(t *testing.T) {
	b := newBench(t)
	swap := slices.IndexFunc(b.plan.Steps, func(s plan.Step) bool { return plan.Is[plan.Swap](s.Op) })
	b.host.fault = func(what string, _ bool) error {
		if b.step == "swap" && strings.Contains(what, "job") {
			return remote.ErrUnknownOutcome
		}
		return nil
	}
	b.crash(swap*2 + 2)
	b.host.fault = nil
	b.host.world["file "+composePath] = recordedCompose(t)
	jobs := b.host.jobs
	res, err := b.run(t.Context())
	var stale *StaleError
	if !errors.As(err, &stale) || res.Outcome != journal.RolledBack || b.host.jobs != jobs+1 {
		t.Errorf("%+v, %v; %d jobs, then %d", res, err, jobs, b.host.jobs)
	}
}

// A swap that went back while nobody looked has put the file back itself: the next start
// reads its verdict before anything else, and reverts the rest.
func TestASwapThatWentBackUnseenIsReverted(t *testing.T) {
	b := newBench(t)
	before := b.host.world.client()
	b.host.log = "stage stop\nstage start\nnote not healthy within 90 seconds\nstage back\naway 100 300\nend back\n"
	swap := slices.IndexFunc(b.plan.Steps, func(s plan.Step) bool { return plan.Is[plan.Swap](s.Op) })
	b.crash(swap*2 + 2) // its intent is written, its outcome is not
	b.host.world["file "+composePath] = recordedCompose(t)
	res, err := b.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "rolled back by itself") || res.Outcome != journal.RolledBack || res.Failed != "swap" {
		t.Fatalf("%+v, %v", res, err)
	}
	if diff := cmp.Diff(before, b.host.world.client()); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}
