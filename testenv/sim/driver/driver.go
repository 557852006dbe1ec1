// Package driver drives [run.Host] against a simulated server, as the commands do: it stands
// where cmd stands, without a screen, an inventory and a vendor. What is worth a test is
// below it.
package driver

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"time"

	"filippo.io/age"

	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/backup"
	"liftalot/plan/journal"
	"liftalot/plan/run"
	"liftalot/plan/statefile"
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
	FS     statefile.FS    // for the journal and the plans; nil is the machine's
	Now    func() time.Time
	Name   string // of the machine; "laptop" when empty
	// Tell is given the sentences about waiting for the lock.
	Tell func(string)
}

// ErrGone as the cause of a context's end means that the laptop is gone, and not
// that its operator has interrupted it.
var ErrGone = errors.New("the laptop is gone")

// A Result is how a command ended.
type Result struct {
	apply.Result
	Run     string
	Nothing string // why there was nothing to do
}

// end is the result of a command that came to no run.
func end(o journal.Outcome, nothing string) Result {
	return Result{Result: apply.Result{Outcome: o}, Nothing: nothing}
}

// on does something with the host. When Moment panics or the laptop is gone, its connection
// is gone too, and nothing is released.
func (l *Laptop) on(ctx context.Context, do func(*run.Host) (Result, error)) (Result, error) {
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
		State: s, Clock: s, Teller: s, Release: offer{l.Release}, Backups: l.backups(client), Stop: l.Stop, Retry: time.Millisecond,
	})
}

func (l *Laptop) state() run.Folder { return run.Folder{Host: HostName, Dir: l.Dir, FS: l.FS} }

// key is the laptop's own, which opens its backups.
func (l *Laptop) key(context.Context) (*age.X25519Identity, error) {
	id, _, err := backup.OwnIdentity(filepath.Join(l.Dir, "key"), nil)
	return id, err
}

// backups are those in the laptop's folder. It restores none but with a rollback, from the
// host's own copy.
func (l *Laptop) backups(watch *remote.Client) run.BackupFolder {
	return run.BackupFolder{
		Host: HostName, Dir: filepath.Join(l.Dir, "backups"), Key: l.key,
		Creator: func(ctx context.Context, host backup.Runner) (*backup.Creator, error) {
			key, err := l.key(ctx)
			return &backup.Creator{Host: host, Watch: watch, Name: HostName, Keys: backup.Keys{Identity: key}, Now: l.Now}, err
		},
	}
}

// Runs are those that the journal knows, oldest first.
func (l *Laptop) Runs() ([]journal.RunState, error) { return l.state().Runs() }

// Last is the newest run, a zero one where there is none.
func (l *Laptop) Last() (last journal.RunState, err error) {
	runs, err := l.Runs()
	if len(runs) > 0 {
		last = runs[len(runs)-1]
	}
	return last, err
}

// Prove reads every backup on the laptop to its end.
func (l *Laptop) Prove() error {
	all, err := backup.List(l.backups(nil).Dir)
	if err != nil || len(all) == 0 {
		return err
	}
	key, err := l.key(context.Background())
	for _, e := range all {
		err = errors.Join(err, e.Err)
		if err == nil {
			err = e.Verify(e.Dir, key)
		}
	}
	return err
}

// Plan looks at the server and decides.
func (l *Laptop) Plan(ctx context.Context) (p *plan.Plan, err error) {
	_, err = l.on(ctx, func(h *run.Host) (res Result, err error) {
		p, err = h.Plan(ctx)
		return res, err
	})
	return p, err
}

// Apply is what the commands plan and apply do: it resumes an interrupted upgrade, or
// makes a plan where the saved one serves no more, and carries it out.
func (l *Laptop) Apply(ctx context.Context) (Result, error) {
	return l.on(ctx, func(h *run.Host) (Result, error) {
		job, err := h.NextApply()
		if state, ok := errors.AsType[*run.StateError](err); !ok || state.Why == run.Unfinished {
			res, err := carryOut(ctx, h, job, err)
			if _, stale := errors.AsType[*apply.StaleError](err); !stale || res.Outcome != journal.Aborted || job.Resumes {
				return res, err
			}
		}
		p, err := h.Plan(ctx)
		if err == nil {
			err = h.State.Save(p)
		}
		if err == nil {
			job, err = h.NextApply()
		}
		return carryOut(ctx, h, job, err)
	})
}

// Rollback rolls the last upgrade back, or resumes doing so.
func (l *Laptop) Rollback(ctx context.Context) (Result, error) {
	return l.on(ctx, func(h *run.Host) (Result, error) {
		job, err := h.NextRollback(ctx, run.RollbackDecisions{WithDatabase: true})
		if state, ok := errors.AsType[*run.StateError](err); ok && state.Why == run.Nothing {
			return end(journal.Completed, err.Error()), nil
		}
		return carryOut(ctx, h, job, err)
	})
}

func carryOut(ctx context.Context, h *run.Host, job run.Job, err error) (Result, error) {
	switch {
	case err != nil:
		return end(journal.Aborted, ""), err
	case job.Closes != "":
		return end(journal.Completed, job.Nothing), h.Close(ctx, job)
	case job.Nothing != "":
		return end(journal.Completed, job.Nothing), nil
	}
	res, err := h.CarryOut(ctx, job)
	return Result{Result: res.Result, Run: job.Plan.ID}, err
}

// Adopt takes over what another laptop has begun on the server.
func (l *Laptop) Adopt(ctx context.Context) error {
	_, err := l.on(ctx, func(h *run.Host) (res Result, err error) {
		_, err = h.Adopt(ctx, func(journal.RunState, apply.Operator, time.Time) error { return nil })
		return res, err
	})
	return err
}
