package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/backup"
	"liftalot/plan/journal"
)

func (a *app) rollbackCommand() *cobra.Command {
	var how goingBack
	var dry bool
	var r rollout
	cmd := &cobra.Command{
		Use: "rollback [PATTERN...]", Short: "Take the last upgrade back",
		Long: `Takes the last upgrade of a host back: files three-way, so that what the client has
changed since stays; the very image that ran, without a build; the sidecar gone.
When the database was migrated meanwhile the old server cannot run on it: then
--with-database puts the database back too, from the dump taken with the server
stopped, and keeps the present one under another name. A server that was updated
since, as from its admin panel, goes back only with --from-later.
` + exitHelp,
		RunE: func(cmd *cobra.Command, patterns []string) error {
			policy, err := r.read(cmd.CommandPath())
			if err != nil {
				return err
			}
			return a.onHosts(cmd, patterns, func(ctx context.Context, s *session) error { return s.rollback(ctx, how, dry, policy) })
		},
	}
	cmd.Flags().BoolVarP(&a.flags.yes, "yes", "y", false, "do not ask before it begins")
	cmd.Flags().BoolVar(&how.withDatabase, "with-database", false, "put the database back too, if it was migrated")
	cmd.Flags().BoolVar(&how.fromLater, "from-later", false, "go back also from a release that was installed after the upgrade")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only show what would be done")
	r.addFlags(cmd, false)
	return a.addSelection(cmd, plan.Upgrade, plan.Rollback)
}

// goingBack are the decisions of a way back that a person takes by name.
type goingBack struct {
	withDatabase bool
	fromLater    bool
}

func (s *session) rollback(ctx context.Context, how goingBack, dry bool, policy careful) error {
	jobs := make([]job, len(s.hosts))
	number := s.numbers()
	errs := s.eachOf(ctx, s.hosts, s.lookingAtOnce(), func(ctx context.Context, t *target) (err error) {
		jobs[number[t.host.Name]], err = t.rollbackJob(ctx, how)
		return err
	})
	if dry {
		all := look[plan.Plan]{errs: errs}
		for i, j := range jobs {
			if errs[i] == nil && j.nothing == "" {
				all.found = append(all.found, j.plan)
			}
		}
		return present(s, "plans", all, s.printPlan)
	}
	return s.runAll(ctx, jobs, errs, string(plan.Rollback), policy)
}

// rollbackJob finds what is to be taken back and decides how.
func (t *target) rollbackJob(ctx context.Context, how goingBack) (todo job, err error) {
	runs, err := t.runs()
	if err != nil {
		return job{}, err
	}
	defer func() { todo.head = headOf(runs) }()
	if n := len(runs); n > 0 && runs[n-1].Interrupted() && runs[n-1].Action == journal.Rollback {
		return t.resumeRollback(ctx, runs[n-1])
	}
	if n := len(runs); n > 0 && runs[n-1].Interrupted() && runs[n-1].Action == journal.Restore {
		return job{}, t.unfinishedRun(runs[n-1])
	}
	run, ok := lastUpgrade(runs)
	if !ok {
		return job{}, &nothingToDo{what: t.host.Name + ": this machine knows of no upgrade that could be taken back",
			hint: fmt.Sprintf("a rollback needs the plan and the journal of the machine that did the upgrade: \"liftalot adopt %s\" fetches them from the host", t.host.Name)}
	}
	was, _, err := t.planOf(run.Run)
	if err != nil {
		return job{}, err
	}
	if undone(runs, run.Run) || run.Outcome == journal.RolledBack {
		return job{plan: was, was: was, nothing: fmt.Sprintf("the upgrade of %s was taken back already", run.Begun.Format(time.DateOnly))}, nil
	}
	facts, err := t.look(ctx)
	if err != nil {
		return job{}, err
	}
	id, err := t.newID()
	if err != nil {
		return job{}, err
	}
	p, err := plan.BuildRollback(plan.RollbackInput{
		Plan: was, Facts: facts, ID: id, Now: t.env.Now(), WithDB: how.withDatabase, FromLater: how.fromLater,
		Begun: func(step string) bool {
			st := run.Step(step)
			return st.Do != "" && st.Undo != journal.UndoDone && !takenBack(runs, run.Run, step)
		},
	})
	if err != nil {
		return job{}, err
	}
	if err := t.oldImage(ctx, p, journal.RunState{}); err != nil {
		return job{}, err
	}
	if step, ok := p.Step("restore"); ok {
		if m, err := backup.Load(t.backupFolder(was.ID)); err == nil {
			if err := t.rolesThere(ctx, facts, m); err != nil {
				return job{}, err
			}
		}
		p.Warnings = append(p.Warnings, t.rollbackLoss(ctx, facts, was, run, step)...)
	}
	if run.Outcome == journal.GivenUp {
		p.Warnings = append(p.Warnings, fmt.Sprintf("the upgrade that it takes back was given up at %s: go on only if this is still the same server, and nobody has settled by hand what was left", shortTime(run.Ended)))
	}
	j := job{plan: p, was: was}
	if p.Empty() {
		j.nothing = "the run changed nothing"
		if run.Interrupted() {
			j.ends = run.Run
		}
		return j, nil
	}
	data, err := p.Encode()
	if err != nil {
		return job{}, err
	}
	j.hash = plan.Hash(data)
	return j, nil
}

// takenBack reports whether a rollback that ended before its end had taken a step of a
// run back.
func takenBack(runs []journal.RunState, run, step string) bool {
	return slices.ContainsFunc(runs, func(r journal.RunState) bool { return r.Undoes == run && r.Step("undo-"+step).InEffect() })
}

// rollbackLoss says what goes with the database of a rollback: what was written
// since the dump that was taken with the server stopped, or since the backup.
// Where it cannot be counted, that is said too.
func (t *target) rollbackLoss(ctx context.Context, f *plan.Facts, was *plan.Plan, run journal.RunState, step plan.Step) []string {
	m, err := backup.Load(t.backupFolder(was.ID))
	if err != nil {
		return []string{fmt.Sprintf("what would be lost cannot be counted here: %v", err)}
	}
	// The dump of the swap is so much younger than the backup as the one step began
	// after the other: both times are this machine's, and rows have the host's.
	begun, swapped := run.Step("backup").Begun, run.Step("swap").Begun
	if step.Op.Restore.Dump != "" && !begun.IsZero() && swapped.After(begun) {
		later := swapped.Sub(begun)
		m.Taken, m.HostClock = m.Taken.Add(later), m.HostClock.Add(later)
	}
	losses, err := t.losses(ctx, f, m)
	if err != nil {
		return []string{err.Error()}
	}
	return losses
}

// oldImage makes sure, before anything is taken back, that the image it all leads to is
// still on the host. run is what an earlier start of the rollback did.
func (t *target) oldImage(ctx context.Context, p *plan.Plan, run journal.RunState) error {
	for _, s := range p.Steps {
		if s.Op.Swap == nil || run.Step(s.ID).InEffect() {
			continue
		}
		err := apply.OldImage(ctx, t.client, *s.Op.Swap)
		var gone *plan.ImageGone
		if errors.As(err, &gone) {
			gone.Begun, gone.Copy = run.Run != "", t.imageCopy(gone.Image)
		}
		return err
	}
	return nil
}

// imageCopy is where this machine has an image, in the newest backup that was taken with
// it; "" for nowhere.
func (t *target) imageCopy(id string) (file string) {
	all, err := backup.List(t.backups())
	if err != nil {
		return "" // the hint says how else
	}
	for _, b := range all {
		if f, ok := b.File(backup.Image); ok && b.ImageID == id && b.Err == nil {
			file = filepath.Join(b.Dir, f.Name+".age")
		}
	}
	return file
}

func (t *target) resumeRollback(ctx context.Context, run journal.RunState) (job, error) {
	p, hash, err := t.planOf(run.Run)
	if err != nil {
		return job{}, err
	}
	was, _, err := t.planOf(p.Undoes)
	if err == nil {
		err = t.oldImage(ctx, p, run)
	}
	return job{plan: p, was: was, hash: hash, resumes: true}, err
}

// lastUpgrade is the newest upgrade that left something on the host: not one that
// stopped before it changed anything, and not one that was taken back, unless
// there is no other. A run that was given up, and never taken back, ends the search:
// what became of the host then nobody wrote down, and what was begun on it later does
// not lead back there.
func lastUpgrade(runs []journal.RunState) (last journal.RunState, ok bool) {
	for i := len(runs) - 1; i >= 0; i-- {
		r := runs[i]
		if r.Action != journal.Apply || r.Outcome == journal.Abandoned {
			continue
		}
		if ok && r.Outcome == journal.GivenUp && !undone(runs, r.Run) {
			return last, true
		}
		if r.Outcome != journal.RolledBack && !undone(runs, r.Run) {
			return r, true
		}
		if !ok {
			last, ok = r, true
		}
	}
	return last, ok
}

// lastRun finds what a host should look like now, from its history.
func (t *target) lastRun() (was *plan.Plan, run journal.RunState, takenBack bool, err error) {
	runs, err := t.runs()
	if err != nil {
		return nil, journal.RunState{}, false, err
	}
	run, ok := lastUpgrade(runs)
	if !ok {
		return nil, journal.RunState{}, false, nil
	}
	was, _, err = t.planOf(run.Run)
	return was, run, undone(runs, run.Run) || run.Outcome == journal.RolledBack, err
}

// shortTime writes a time for a person.
func shortTime(at time.Time) ui.Text { return ui.Plain(at.UTC().Format("2006-01-02 15:04 UTC")) }
