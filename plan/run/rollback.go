package run

import (
	"context"
	"errors"
	"fmt"

	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/journal"
	"liftalot/units"
)

// RollbackDecisions are those of a rollback that a person takes by name.
type RollbackDecisions struct {
	WithDatabase bool // it goes back too, if it was migrated
	FromLater    bool // also from a release that was installed after the upgrade
}

// NextRollback finds what is to be rolled back, and decides how: the rollback that was
// interrupted, else a new one of the last upgrade.
func (h *Host) NextRollback(ctx context.Context, how RollbackDecisions) (Job, error) {
	runs, err := h.State.Runs()
	if err != nil {
		return Job{}, err
	}
	job, err := h.nextRollback(ctx, runs, how)
	job.head = headOf(runs)
	return job, err
}

func (h *Host) nextRollback(ctx context.Context, runs []journal.RunState, how RollbackDecisions) (Job, error) {
	last, half := interrupted(runs)
	if half && last.Action == journal.Rollback {
		return h.resumeRollback(ctx, last)
	}
	if half && last.Action == journal.Restore {
		return Job{}, unfinished(h.Name, last)
	}
	upgrade, ok := LastUpgrade(runs)
	if !ok {
		return Job{}, nothingToDo(h.Name, fmt.Sprintf("a rollback needs the plan and the journal of the machine that did the upgrade: \"liftalot adopt %s\" fetches them from the host", h.Name),
			"this machine knows of no upgrade that could be rolled back")
	}
	was, _, err := h.State.Plan(upgrade.Run)
	if err != nil {
		return Job{}, err
	}
	if Undone(runs, upgrade.Run) || upgrade.Outcome == journal.RolledBack {
		return Job{Plan: was, Was: was, Nothing: fmt.Sprintf("the upgrade of %s was rolled back already", units.Time(upgrade.Begun))}, nil
	}
	p, err := h.planRollback(ctx, runs, upgrade, was, how)
	if err != nil {
		return Job{}, err
	}
	job, err := jobOf(p)
	job.Was = was
	if p.Empty() {
		job.Nothing = "the run changed nothing"
		if upgrade.Interrupted() {
			job.Closes = upgrade.Run
		}
	}
	return job, err
}

func (h *Host) planRollback(ctx context.Context, runs []journal.RunState, upgrade journal.RunState, was *plan.Plan, how RollbackDecisions) (*plan.Plan, error) {
	facts, err := h.Look(ctx)
	if err != nil {
		return nil, err
	}
	id, err := NewID(h.Clock.Now())
	if err != nil {
		return nil, err
	}
	p, err := plan.BuildRollback(plan.RollbackInput{
		Plan: was, Facts: facts, ID: id, Now: h.Clock.Now(), WithDB: how.WithDatabase, FromLater: how.FromLater,
		Begun: func(step string) bool { return inEffect(runs, upgrade, step) },
	})
	if err != nil {
		return nil, err
	}
	if err := h.oldImage(ctx, p, journal.RunState{}); err != nil {
		return nil, err
	}
	if step, ok := p.Step("fill"); ok {
		if m, err := h.Backups.Load(was.ID); err == nil {
			if err := h.RolesThere(ctx, facts, m); err != nil {
				return nil, err
			}
		}
		p.Warnings = append(p.Warnings, h.rollbackLoss(ctx, facts, was, upgrade, step)...)
	}
	if upgrade.Outcome == journal.Forgotten {
		p.Warnings = append(p.Warnings, fmt.Sprintf("the upgrade that it rolls back was given up at %s: go on only if this is still the same server, and nobody has settled by hand what was left", units.Time(upgrade.Ended)))
	}
	return p, nil
}

func (h *Host) resumeRollback(ctx context.Context, last journal.RunState) (Job, error) {
	p, hash, err := h.State.Plan(last.Run)
	if err != nil {
		return Job{}, err
	}
	was, _, err := h.State.Plan(p.Undoes)
	if err == nil {
		err = h.oldImage(ctx, p, last)
	}
	return Job{Plan: p, Was: was, Hash: hash, Resumes: true}, err
}

// rollbackLoss says what goes with the database of a rollback: what was written since the
// dump that was taken with the server stopped, or since the backup. Where it cannot be
// counted, that is said too.
func (h *Host) rollbackLoss(ctx context.Context, f *plan.Facts, was *plan.Plan, upgrade journal.RunState, step plan.Step) []string {
	m, err := h.Backups.Load(was.ID)
	if err != nil {
		return []string{fmt.Sprintf("what would be lost cannot be counted here: %v", err)}
	}
	// The dump of the swap is so much younger than the backup as the one step began
	// after the other: both times are this machine's, and rows have the host's.
	begun, swapped := upgrade.Step("backup").Begun, upgrade.Step("swap").Begun
	if op, ok := step.Op.(plan.Fill); ok && op.Dump != "" && !begun.IsZero() && swapped.After(begun) {
		later := swapped.Sub(begun)
		m.Taken, m.HostClock = m.Taken.Add(later), m.HostClock.Add(later)
	}
	losses, err := h.losses(ctx, f, m)
	if err != nil {
		return []string{err.Error()}
	}
	return losses
}

// oldImage makes sure, before anything is rolled back, that the image it all leads to is
// still on the host. begun is what an earlier start of the rollback did.
func (h *Host) oldImage(ctx context.Context, p *plan.Plan, begun journal.RunState) error {
	for _, s := range p.Steps {
		back, ok := s.Op.(plan.Swap)
		if !ok || begun.Step(s.ID).InEffect() {
			continue
		}
		err := apply.OldImage(ctx, h.Client, back)
		if gone, ok := errors.AsType[*plan.ImageGoneError](err); ok {
			gone.Begun, gone.Copy = begun.Run != "", h.Backups.ImageFile(gone.Image)
		}
		return err
	}
	return nil
}
