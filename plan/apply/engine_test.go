package apply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/plan/statefile"
	"liftalot/remote"
)

// A bench is a host, a journal and a workstation around the engine. Each start opens
// the journal anew, as another process would.
type bench struct {
	t    testing.TB
	host *fakeHost
	plan *plan.Plan
	dir  string
	fsys statefile.FS

	step    string // under way, for faults
	done    []string
	skipped []string
	undone  []string
	backups int
	stop    chan struct{}
	look    func() (*plan.Facts, error)
	verify  error
	redact  func(string) string
	handOff string // folder on the host for another machine
}

func newBench(t testing.TB) *bench {
	t.Helper()
	p, err := plan.Decode(readTest(t, "../testdata/build/unmanaged-public.json"))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, host: newHost(t), plan: p, dir: t.TempDir(), fsys: quickDisk{}, stop: make(chan struct{})}
	b.look = func() (*plan.Facts, error) { return b.host.facts(t), nil }
	return b
}

// run starts the engine on the plan, with the journal as the last start left it.
func (b *bench) run(ctx context.Context) (Result, error) {
	b.t.Helper()
	b.done, b.skipped, b.undone, b.step = nil, nil, nil, ""
	j, err := journal.Open(b.dir, journal.Options{Host: "web1", Purpose: "test", Now: time.Now(), FS: b.fsys})
	if err != nil {
		b.t.Fatal(err)
	}
	defer j.Close()
	e := &Engine{Host: b.host, Watch: b.host, Plan: b.plan, Hash: "h", Journal: j, Stop: b.stop, Pause: time.Millisecond, Workstation: b.workstation(), Handover: b.handOff}
	return e.Run(ctx)
}

func (b *bench) workstation() Workstation {
	return Workstation{
		Look: func(context.Context) (*plan.Facts, error) { return b.look() },
		Backup: func(context.Context, plan.Backup) (BackupNote, error) {
			err := b.host.act("backup", func() error { b.backups++; return nil })
			return BackupNote{ID: "b1", Bytes: 7, SHA256: "ff"}, err
		},
		Original:    func(context.Context, string) ([]byte, error) { return []byte(recordedCompose(b.t)), nil },
		Credentials: func(context.Context) (string, []byte, error) { return "client", []byte("canary"), nil },
		Verify: func(context.Context, plan.Verify) error {
			return b.host.act("verify", func() error { return b.verify })
		},
		Redact: b.redact,
		Tell:   b.tell,
		Now:    time.Now,
	}
}

func (b *bench) tell(ev Event) {
	switch ev.Kind {
	case StepBegun:
		b.step = ev.Step
	case StepDone:
		b.done = append(b.done, ev.Step)
	case StepSkipped:
		b.skipped = append(b.skipped, ev.Step)
	case UndoBegun:
		b.step = "undo-" + ev.Step
	case UndoDone:
		b.undone = append(b.undone, ev.Step)
	}
}

func (b *bench) records() []journal.Record {
	b.t.Helper()
	c, err := journal.Load(b.dir, "web1")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return c.Records
}

func (b *bench) state() journal.RunState { return journal.LastRun(b.records()) }

func stepIDs(p *plan.Plan) []string {
	var out []string
	for _, s := range p.Steps {
		out = append(out, s.ID)
	}
	return out
}

// finished is the world after a whole upgrade.
func finished(t testing.TB) world {
	t.Helper()
	b := newBench(t)
	if _, err := b.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b.host.world.client()
}

func TestRunDoesEveryStepInOrderAndWritesItDown(t *testing.T) {
	b := newBench(t)
	res, err := b.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if res.Outcome != journal.Completed || !res.Changed || !res.Swapped || res.Backup == nil || res.Downtime == nil || res.Downtime.Millis != 2000 {
		t.Errorf("%+v", res)
	}
	if diff := cmp.Diff(stepIDs(b.plan), b.done); diff != "" {
		t.Errorf("steps (-plan +done):\n%s", diff)
	}
	want := []string{"run-begun"}
	for _, id := range stepIDs(b.plan) {
		want = append(want, "intent "+id, "done "+id)
	}
	want = append(want, "run-ended completed")
	var got []string
	for _, r := range b.records() {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s%s", r.Kind, r.Step, r.Outcome)))
		if strings.Contains(string(r.Data), "canary") {
			t.Errorf("a secret is in the journal: %s", r.Data)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
	if b.host.world["file /srv/chatalot/secrets/db_password"] != "canary" {
		t.Error("db_password is not the running server's")
	}
	if last := b.host.ran[len(b.host.ran)-1]; last != "remove the run's folder" {
		t.Errorf("the last thing done is %q", last)
	}
}

func TestBeginsWithTheBackup(t *testing.T) {
	b := newBench(t)
	b.host.fault = func(what string, _ bool) error {
		if what == "backup" {
			return errors.New("unproven")
		}
		return nil
	}
	before := b.host.world.client()
	res, err := b.run(t.Context())
	if err == nil || res.Outcome != journal.Aborted || res.Changed || res.Failed != "backup" {
		t.Errorf("%+v, %v", res, err)
	}
	if diff := cmp.Diff(before, b.host.world.client()); diff != "" || !slices.Equal(b.host.ran, []string{"backup", "remove temporary files", "remove the run's folder", "remove the backup of the run"}) {
		t.Errorf("without a proven backup something was done: %q\n%s", b.host.ran, diff)
	}
	if b.state().Outcome != journal.Aborted {
		t.Errorf("journal: %q", b.state().Outcome)
	}
}

// Every step may fail. What was begun is then undone, in the plan's order, and
// the client's things are as they were.
func TestAFailedStepIsRevertedWithAllBeforeIt(t *testing.T) {
	p := newBench(t).plan
	for i, s := range p.Steps {
		t.Run(s.ID, func(t *testing.T) {
			b := newBench(t)
			before := b.host.world.client()
			b.host.fault = func(_ string, after bool) error {
				if b.step == s.ID && !after {
					return errExit
				}
				return nil
			}
			res, err := b.run(t.Context())
			var step *StepError
			if !errors.As(err, &step) || step.Step.ID != s.ID || res.Failed != s.ID {
				t.Fatalf("%+v, %v", res, err)
			}
			changed := slices.ContainsFunc(p.Steps[:i+1], func(s plan.Step) bool { return s.Undo != nil })
			want, ended := journal.Aborted, journal.Aborted
			if changed {
				want, ended = journal.RolledBack, journal.RolledBack
			}
			if res.Outcome != want || b.state().Outcome != ended {
				t.Errorf("outcome %q, journal %q; want %q, %q", res.Outcome, b.state().Outcome, want, ended)
			}
			if diff := cmp.Diff(before, b.host.world.client()); diff != "" {
				t.Errorf("not as before (-before +after):\n%s", diff)
			}
			var order []string
			for _, u := range plan.UndoOrder(p.Steps[:i+1]) {
				if u.Undo != nil {
					order = append(order, u.ID)
				}
			}
			if diff := cmp.Diff(order, b.undone); diff != "" {
				t.Errorf("undone (-want +got):\n%s", diff)
			}
		})
	}
}

// A command that ran and whose answer was lost is not run blindly again: the
// engine asks the host, and comes to the same end.
func TestAnUnknownOutcomeIsFoundByLooking(t *testing.T) {
	want := finished(t)
	for _, s := range newBench(t).plan.Steps {
		t.Run(s.ID, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				lost := 0
				b.host.fault = func(_ string, after bool) error {
					if b.step == s.ID && after && lost < 2 {
						lost++
						return fmt.Errorf("link: %w", remote.ErrUnknownOutcome)
					}
					return nil
				}
				res, err := b.run(t.Context())
				if err != nil || res.Outcome != journal.Completed || lost == 0 {
					t.Fatalf("%+v, %v; %d answers lost", res, err, lost)
				}
				if diff := cmp.Diff(want, b.host.world.client()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if b.host.jobs != 1 {
					t.Errorf("the swap was started %d times", b.host.jobs)
				}
			})
		})
	}
}

// A line that stays dead leaves the run where it is; the next start goes on.
func TestADeadLineIsAnInterruption(t *testing.T) {
	want := finished(t)
	for _, s := range newBench(t).plan.Steps {
		t.Run(s.ID, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.host.fault = func(string, bool) error {
					if b.step == s.ID {
						return fmt.Errorf("link: %w", remote.ErrNotStarted)
					}
					return nil
				}
				res, err := b.run(t.Context())
				if err == nil || res.Outcome != journal.Interrupted || len(b.undone) > 0 || !b.state().Interrupted() {
					t.Fatalf("%+v, %v; undone %q", res, err, b.undone)
				}
				b.host.fault = nil
				if res, err := b.run(t.Context()); err != nil || res.Outcome != journal.Completed {
					t.Fatalf("again: %+v, %v", res, err)
				}
				if diff := cmp.Diff(want, b.host.world.client()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A job that was started goes on while nobody can look at it. That its looker was
// refused, or gave up, is not its failure: nothing is rolled back, and the next start
// reads how it ended.
func TestAJobOutlivesWhoeverLooksAtIt(t *testing.T) {
	want := finished(t)
	for name, refusal := range map[string]error{
		"login": &remote.AuthError{Host: "web1"}, "host key": &remote.HostKeyError{Host: "web1"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.host.fault = func(what string, _ bool) error {
					if b.step == "swap" && what == "look at job" {
						return refusal
					}
					return nil
				}
				res, err := b.run(t.Context())
				if !errors.Is(err, refusal) || res.Outcome != journal.Interrupted || len(b.undone) > 0 {
					t.Fatalf("%+v, %v; undone %q", res, err, b.undone)
				}
				if st := b.state().Step("swap"); st.Do != journal.Unknown {
					t.Errorf("the journal says %q", st.Do)
				}
				b.host.fault = nil
				if res, err := b.run(t.Context()); err != nil || res.Outcome != journal.Completed {
					t.Fatalf("again: %+v, %v", res, err)
				}
				if diff := cmp.Diff(want, b.host.world.client()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestAStalePlanIsRefusedBeforeAnything(t *testing.T) {
	b := newBench(t)
	b.host.world["file "+composePath] += "# changed\n"
	res, err := b.run(t.Context())
	var stale *StaleError
	if !errors.As(err, &stale) || res.Outcome != journal.Aborted || len(stale.Drift) != 1 || !strings.HasPrefix(err.Error(), "web1: the plan is stale") {
		t.Errorf("%+v, %v", res, err)
	}
	if len(b.host.ran) > 0 || len(b.records()) > 0 {
		t.Errorf("ran %q, journal %v", b.host.ran, b.records())
	}
}

func TestAHostThatCannotBeLookedAtIsLeftAlone(t *testing.T) {
	b := newBench(t)
	b.look = func() (*plan.Facts, error) { return nil, remote.ErrNotStarted }
	if res, err := b.run(t.Context()); err == nil || res.Outcome != journal.Aborted || len(b.records()) > 0 {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestStopEndsBetweenTwoStepsAndTheNextStartGoesOn(t *testing.T) {
	b := newBench(t)
	b.host.fault = func(what string, after bool) error {
		if what == "look at job" && b.step == "pull" && after {
			close(b.stop)
		}
		return nil
	}
	res, err := b.run(t.Context())
	if !errors.Is(err, ErrStopped) || res.Outcome != journal.Interrupted || len(b.undone) > 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	if diff := cmp.Diff([]string{"backup", "record", "pull"}, b.done); diff != "" {
		t.Errorf("done:\n%s", diff)
	}
	b.stop, b.host.fault = make(chan struct{}), nil
	if res, err := b.run(t.Context()); err != nil || res.Outcome != journal.Completed || !slices.Equal(b.skipped, []string{"backup", "record", "pull"}) || b.backups != 1 {
		t.Errorf("%+v, %v; skipped %q, %d backups", res, err, b.skipped, b.backups)
	}
}

func TestACancelledStepIsAnInterruption(t *testing.T) {
	for _, s := range newBench(t).plan.Steps {
		b := newBench(t)
		ctx, cancel := context.WithCancel(t.Context())
		b.host.fault = func(_ string, after bool) error {
			if b.step == s.ID && !after {
				cancel()
				return errors.Join(remote.ErrUnknownOutcome, ctx.Err())
			}
			return nil
		}
		res, err := b.run(ctx)
		cancel()
		if err == nil || res.Outcome != journal.Interrupted || len(b.undone) > 0 || !b.state().Interrupted() {
			t.Errorf("%s: %+v, %v; undone %q", s.ID, res, err, b.undone)
		}
	}
}

// What cannot be rolled back does not keep the rest from going back.
func TestAnUndoThatFailsNeedsAPersonAndTheOthersGoOn(t *testing.T) {
	b := newBench(t)
	b.host.fault = func(_ string, after bool) error {
		if (b.step == "gate" || b.step == "undo-sidecar") && !after {
			return errExit
		}
		return nil
	}
	res, err := b.run(t.Context())
	if err == nil || res.Outcome != journal.NeedsPerson || res.Undo == nil || !strings.Contains(res.Undo.Error(), "start socket proxy") {
		t.Fatalf("%+v, %v", res, err)
	}
	if b.host.world["file "+composePath] != recordedCompose(t) || b.host.world["mode /srv/chatalot/secrets"] != "0755" {
		t.Error("the rest was not reverted")
	}
	if s := b.state().Step("sidecar"); s.Undo != journal.UndoFailed {
		t.Errorf("%+v", s)
	}
}

// A database that moved on is a person's decision: the old server must not be
// started on it, neither now nor by another apply.
func TestAMigratedDatabaseIsNotRevertedByItself(t *testing.T) {
	b := newBench(t)
	b.host.log = "stage stop\nnote not healthy\nend migrated\n"
	res, err := b.run(t.Context())
	var migrated *MigratedError
	if !errors.As(err, &migrated) || res.Outcome != journal.NeedsPerson || len(b.undone) > 0 {
		t.Fatalf("%+v, %v; undone %q", res, err, b.undone)
	}
	if b.state().Outcome != journal.NeedsPerson {
		t.Errorf("the run can be carried on with: %q", b.state().Outcome)
	}
}

// The job was killed, and the rollback finds what it had done: what is left of the
// upgrade waits for a person too.
func TestADatabaseFoundMigratedStopsARollback(t *testing.T) {
	b := newBench(t)
	b.host.log, b.host.back = "stage start\n", "note the database was migrated by the new version\nend migrated\n"
	res, err := b.run(t.Context())
	var migrated *MigratedError
	if !errors.As(err, &migrated) || res.Outcome != journal.NeedsPerson || b.state().Outcome != journal.NeedsPerson {
		t.Fatalf("%+v, %v; state %q", res, err, b.state().Outcome)
	}
	if s := b.state().Step("sidecar"); s.Undo != "" {
		t.Errorf("the sidecar was reverted: %+v", s)
	}
}

func TestASwapThatWentBackByItselfIsRevertedWhole(t *testing.T) {
	for end, word := range map[string]string{"back": "rolled back by itself", "kept": "nothing was changed", "lost": "could not bring the old server back"} {
		b := newBench(t)
		before := b.host.world.client()
		b.host.log = "note not healthy within 90 seconds\nend " + end + "\n"
		res, err := b.run(t.Context())
		var swap *SwapError
		if !errors.As(err, &swap) || swap.Result != end || res.Outcome != journal.RolledBack || !strings.Contains(err.Error(), word) || !strings.Contains(err.Error(), "not healthy within 90") {
			t.Errorf("%s: %+v, %v", end, res, err)
		}
		if diff := cmp.Diff(before, b.host.world.client()); diff != "" {
			t.Errorf("%s (-before +after):\n%s", end, diff)
		}
	}
}

func TestAJobThatEndsWithoutAWordIsAFailure(t *testing.T) {
	b := newBench(t)
	b.host.log = "stage stop\n"
	var swap *SwapError
	if res, err := b.run(t.Context()); !errors.As(err, &swap) || swap.Result != "died" || res.Outcome != journal.RolledBack {
		t.Errorf("%+v, %v", res, err)
	}
}

// rollbackOf turns a bench whose upgrade is done into one that rolls it back.
func rollbackOf(b *bench) {
	b.t.Helper()
	was := b.state()
	p, err := plan.BuildRollback(plan.RollbackInput{
		Plan: b.plan, Facts: b.host.facts(b.t), ID: "back", Now: time.Unix(0, 0),
		Begun: func(id string) bool { return was.Step(id).Do != "" && was.Step(id).Undo != journal.UndoDone },
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.plan = p
}

func TestRollbackGoesThroughTheSameEngine(t *testing.T) {
	b := newBench(t)
	before := b.host.world.client()
	if _, err := b.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	upgraded := b.plan.ID
	rollbackOf(b)
	res, err := b.run(t.Context())
	if err != nil || res.Outcome != journal.Completed {
		t.Fatalf("%+v, %v", res, err)
	}
	if diff := cmp.Diff(before, b.host.world.client()); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if s := b.state(); s.Action != journal.Rollback || s.Undoes != upgraded || s.Outcome != journal.Completed {
		t.Errorf("%+v", s)
	}
}

// A rollback has no rollback of its own: it can only be resumed.
func TestAFailedRollbackStaysAndGoesOn(t *testing.T) {
	b := newBench(t)
	before := b.host.world.client()
	if _, err := b.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	rollbackOf(b)
	for _, s := range b.plan.Steps {
		b.host.fault = func(_ string, after bool) error {
			if b.step == s.ID && !after {
				return errExit
			}
			return nil
		}
		if res, err := b.run(t.Context()); err == nil || res.Outcome != journal.NeedsPerson || len(b.undone) > 0 {
			t.Fatalf("%s: %+v, %v", s.ID, res, err)
		}
	}
	b.host.fault = nil
	if res, err := b.run(t.Context()); err != nil || res.Outcome != journal.Completed {
		t.Fatalf("%+v, %v", res, err)
	}
	if diff := cmp.Diff(before, b.host.world.client()); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// The new version may migrate the database between the look of a rollback and its
// swap. To go on would say the same for ever: it ends, and a rollback that takes the
// database too can be made.
func TestARollbackThatFindsTheDatabaseMigratedEnds(t *testing.T) {
	b := newBench(t)
	if _, err := b.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	rollbackOf(b)
	b.host.back = "note the database was migrated by the new version\nend migrated\n"
	res, err := b.run(t.Context())
	var migrated *MigratedError
	if !errors.As(err, &migrated) || res.Outcome != journal.NeedsPerson {
		t.Fatalf("%+v, %v", res, err)
	}
	if s := b.state(); s.Outcome != journal.NeedsPerson || !s.Step("undo-edit").InEffect() || s.Step("undo-swap").Do != journal.Failed {
		t.Errorf("%+v", s)
	}
}

// What a client changed elsewhere in the file stays; in the same place a person
// must look, and nothing is written.
func TestRollbackKeepsTheClientsLaterEdits(t *testing.T) {
	b := newBench(t)
	if _, err := b.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	edited := maps.Clone(b.host.world)
	b.host.world["file "+composePath] += "# a line of the client's\n"
	rollbackOf(b)
	if res, err := b.run(t.Context()); err != nil || res.Outcome != journal.Completed {
		t.Fatalf("%+v, %v", res, err)
	}
	if got := b.host.world["file "+composePath]; got != recordedCompose(t)+"# a line of the client's\n" {
		t.Errorf("%s", cmp.Diff(recordedCompose(t), got))
	}

	c := newBench(t)
	if _, err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	both := strings.Replace(edited["file "+composePath], "chatalot@sha256:", "chatalot:edge # sha256:", 1)
	c.host.world["file "+composePath] = both
	rollbackOf(c)
	var refused *RefusedByHostError
	if res, err := c.run(t.Context()); !errors.As(err, &refused) || res.Outcome != journal.NeedsPerson || c.host.world["file "+composePath] != both {
		t.Errorf("%+v, %v", res, err)
	}
}
