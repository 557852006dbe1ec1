// Package driver drives [run.Host] against a simulated server, as the commands do: it stands
// where cmd stands, without a screen, an inventory and a vendor. What is worth a test is
// below it.
package driver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/journal"
	"liftalot/plan/run"
	"liftalot/remote"
)

// HostName is the server's name in plans and journals.
const HostName = "web1"

// A Laptop is a workstation with a state folder and a way to the server.
type Laptop struct {
	Dir     string // as liftalot's .liftalot/hosts/web1
	Config  remote.Config
	Release plan.Release
	// Moment is called at each moment at which the tool may be killed; a panic
	// from there passes through. Nil is never called.
	Moment func(Moment)
	Pause  func()          // lets time go by between two looks; nil for none
	Stop   <-chan struct{} // closed by the first interrupt
	FS     journal.FS      // for the journal and the plans; nil is the machine's
	Now    func() time.Time
	Name   string // of the machine; "laptop" when empty
	// Tell is given the sentences about waiting for the lock.
	Tell func(string)
}

// ErrGone as the cause of a context's end means that the laptop is gone, and not
// that its operator has interrupted it.
var ErrGone = errors.New("the laptop is gone")

// A Moment is a place between two effects: "decide" before the lock is held, then "record"
// before a line is added to the journal, or the kind of an event of the engine.
type Moment struct {
	What string
	Step string
}

// Decide is the What of a moment at which nothing is locked yet.
const Decide = "decide"

// A Result is how a command ended.
type Result struct {
	apply.Result
	Run     string
	Nothing string // why there was nothing to do
}

// untouched is how a command ends that never came to a run.
func untouched() Result { return Result{Result: apply.Result{Outcome: journal.Aborted}} }

// on does something with the host. When Moment panics or the laptop is gone, its connection
// is gone too, and nothing is released.
func (l *Laptop) on(ctx context.Context, do func(*run.Host) error) error {
	client := remote.NewClient(l.Config)
	defer client.Close()
	defer context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), ErrGone) {
			client.Close()
		}
	})()
	s := &surroundings{laptop: l, Folder: l.state()}
	return do(&run.Host{
		Name: HostName, Settings: Settings(), By: run.Operator{User: "ann", Machine: cmp.Or(l.Name, "laptop")}, Client: client,
		State: s, Clock: s, Teller: s, Release: offer{l.Release}, Backups: backups{l, client}, Stop: l.Stop, Retry: time.Millisecond,
	})
}

func (l *Laptop) state() run.Folder { return run.Folder{Host: HostName, Dir: l.Dir, FS: l.FS} }

// Interrupted says whether a run stopped half way, and which.
func (l *Laptop) Interrupted() (journal.RunState, bool, error) {
	runs, err := l.state().Runs()
	if err != nil || len(runs) == 0 {
		return journal.RunState{}, false, err
	}
	last := runs[len(runs)-1]
	return last, last.Interrupted(), nil
}

// Runs says how many upgrades the journal knows, and how many runs in all.
func (l *Laptop) Runs() (upgrades, all int, err error) {
	runs, err := l.state().Runs()
	for _, r := range runs {
		if r.Action == journal.Apply {
			upgrades++
		}
	}
	return upgrades, len(runs), err
}

// Plan looks at the server and decides.
func (l *Laptop) Plan(ctx context.Context) (p *plan.Plan, err error) {
	err = l.on(ctx, func(h *run.Host) error {
		p, err = h.Plan(ctx)
		return err
	})
	return p, err
}

// Apply is what the commands plan and apply do: it resumes an interrupted upgrade, or
// makes a plan where the saved one serves no more, and carries it out.
func (l *Laptop) Apply(ctx context.Context) (res Result, err error) {
	res = untouched()
	err = l.on(ctx, func(h *run.Host) error {
		job, err := h.NextApply()
		if !anew(err) {
			res, err = carryOut(ctx, h, job, err)
			if _, stale := errors.AsType[*apply.StaleError](err); !stale || res.Outcome != journal.Aborted || job.Resumes {
				return err
			}
		}
		p, err := h.Plan(ctx)
		if err != nil {
			return err
		}
		if err := h.State.Save(p); err != nil {
			return err
		}
		job, err = h.NextApply()
		res, err = carryOut(ctx, h, job, err)
		return err
	})
	return res, err
}

// anew reports whether a plan is made first.
func anew(err error) bool {
	state, ok := errors.AsType[*run.StateError](err)
	return ok && state.Why != run.Unfinished
}

// Rollback takes the last upgrade back, or resumes doing so.
func (l *Laptop) Rollback(ctx context.Context) (res Result, err error) {
	res = untouched()
	err = l.on(ctx, func(h *run.Host) error {
		job, err := h.NextRollback(ctx, run.RollbackDecisions{WithDatabase: true})
		if state, ok := errors.AsType[*run.StateError](err); ok && state.Why == run.Nothing {
			res = Result{Nothing: err.Error(), Result: apply.Result{Outcome: journal.Completed}}
			return nil
		}
		res, err = carryOut(ctx, h, job, err)
		return err
	})
	return res, err
}

func carryOut(ctx context.Context, h *run.Host, job run.Job, err error) (Result, error) {
	if err != nil {
		return untouched(), err
	}
	if job.Nothing != "" {
		if job.Closes != "" {
			err = h.Close(ctx, job)
		}
		return Result{Nothing: job.Nothing, Result: apply.Result{Outcome: journal.Completed}}, err
	}
	res, err := h.CarryOut(ctx, job)
	return Result{Result: res.Result, Run: job.Plan.ID}, err
}

// Adopt takes over what another laptop has begun on the server.
func (l *Laptop) Adopt(ctx context.Context) error {
	return l.on(ctx, func(h *run.Host) error {
		_, err := h.Adopt(ctx, func(journal.RunState, apply.Operator, time.Time) error { return nil })
		return err
	})
}

// surroundings are the state, the clock and the screen of a laptop that may be killed
// between any two things that it does.
type surroundings struct {
	laptop *Laptop
	run.Folder
	locked bool // a run's plan is kept as soon as the host's lock is held
}

func (s *surroundings) moment(m Moment) {
	if s.laptop.Moment != nil {
		s.laptop.Moment(m)
	}
}

func (s *surroundings) KeepPlan(run string, data []byte) error {
	s.locked = true
	return s.Folder.KeepPlan(run, data)
}

func (s *surroundings) Now() time.Time {
	what := Decide
	if s.locked {
		what = "record"
	}
	s.moment(Moment{What: what})
	return s.laptop.Now()
}

func (s *surroundings) Sleep(context.Context, time.Duration) error {
	if s.laptop.Pause != nil {
		s.laptop.Pause()
	}
	return nil
}

func (s *surroundings) Event(ev apply.Event) {
	if ev.Kind != apply.Output {
		s.moment(Moment{What: fmt.Sprintf("event %d", ev.Kind), Step: ev.Step})
	}
}

func (s *surroundings) Say(sentence string) {
	if s.laptop.Tell != nil {
		s.laptop.Tell(sentence)
	}
}

func (s *surroundings) Secrets([]string) {}

func (s *surroundings) Redact(text string) string { return text }
