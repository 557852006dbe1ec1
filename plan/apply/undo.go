package apply

import (
	"context"
	"errors"
	"fmt"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/remote"
)

// endFailed ends a run whose step did not succeed: an interruption stays where it
// is, and so does a run whose host lets nobody in any more; everything else is
// rolled back.
func (e *Engine) endFailed(ctx context.Context, s plan.Step, err error) (Result, error) {
	e.result.Failed = s.ID
	var write *journal.WriteError
	if errors.As(err, &write) {
		// What is on the disk is in doubt: not another step.
		e.result.Outcome = journal.Interrupted
		return e.result, err
	}
	// Nor is anything rolled back from under a job that may still be at work, as when
	// the way to it is refused since.
	if errors.Is(err, ErrStopped) || ctx.Err() != nil || remote.Unanswered(err) || errors.Is(err, remote.ErrUnknownOutcome) {
		e.result.Outcome = journal.Interrupted
		return e.result, err
	}
	var moved *MigratedError
	if errors.As(err, &moved) {
		// The run ends here: carried on with, it would find the new container and
		// put the old server on a database it refuses. A rollback ends too: the next
		// one is another, with the database in it.
		e.result.Outcome = journal.NeedsPerson
		return e.result, errors.Join(err, e.endMigrated(ctx, moved))
	}
	rollback := e.Plan.Kind == plan.Rollback
	switch {
	case remote.Denied(err) && !rollback && !e.result.Changed:
		// There is nothing to resume. To tidy up would be refused too.
		e.tell(Event{Kind: Output, Text: "the folder of this run may stay on the host, which lets nobody in"})
		return e.result, errors.Join(err, e.write(journal.Record{Kind: journal.RunEnded, Outcome: journal.Aborted}))
	case remote.Denied(err):
		e.result.Outcome = journal.Interrupted
		return e.result, err
	case rollback:
		// A rollback has no rollback of its own: it can only be resumed.
		e.result.Outcome = journal.NeedsPerson
		return e.result, err
	case !e.result.Changed:
		return e.result, errors.Join(err, e.Abandon(ctx))
	}
	return e.rollBack(ctx, err)
}

// ErrFailedBefore stands for a failure that an earlier start saw: it had begun to
// roll the run back and was interrupted at that.
var ErrFailedBefore = errors.New("failed at an earlier start, and the run was being rolled back")

// rollingBack reports whether an earlier start was rolling the run back, and which
// step had failed. Such a run is not carried on forward: what of it is still on
// the host is not what its journal says was done.
func (e *Engine) rollingBack() (plan.Step, bool) {
	var failed plan.Step
	undoing := false
	for _, s := range e.Plan.Steps {
		st := e.state.Step(s.ID)
		undoing = undoing || st.Undo != ""
		if st.Do != "" {
			failed = s // the last one that was begun
		}
	}
	return failed, undoing
}

// rollBack ends a failed run by undoing what it began.
func (e *Engine) rollBack(ctx context.Context, err error) (Result, error) {
	uerr := e.oldImage(ctx)
	if uerr == nil {
		uerr = e.undoAll(ctx)
	}
	if uerr != nil {
		e.result.Outcome, e.result.Undo = journal.NeedsPerson, uerr
		var moved *MigratedError
		if errors.As(uerr, &moved) {
			return e.result, errors.Join(err, uerr, e.endMigrated(ctx, moved))
		}
		var write *journal.WriteError
		if ctx.Err() != nil || remote.Unanswered(uerr) || remote.Denied(uerr) || errors.Is(uerr, remote.ErrUnknownOutcome) || errors.As(uerr, &write) {
			e.result.Outcome = journal.Interrupted
		}
		return e.result, errors.Join(err, uerr)
	}
	if terr := e.removeLeftovers(ctx); terr != nil {
		e.result.Outcome = journal.Interrupted
		return e.result, errors.Join(err, terr)
	}
	return e.endWith(ctx, journal.RolledBack, err)
}

// undoAll reverts every step that was begun. It goes on past a step that
// cannot be reverted, so that the host is as near to what it was as can be; but
// not past a database that moved on: what is left of the upgrade goes together
// with it, when a person says so. Nor does it knock on where nobody is let in.
func (e *Engine) undoAll(ctx context.Context) error {
	var all []error
	for _, s := range plan.UndoOrder(e.Plan.Steps) {
		if s.Undo == nil || !e.begun(s.ID) {
			continue
		}
		if ctx.Err() != nil {
			return errors.Join(append(all, context.Cause(ctx))...)
		}
		if err := e.undo(ctx, s); err != nil {
			all = append(all, err)
			var moved *MigratedError
			if errors.As(err, &moved) || remote.Denied(err) {
				break
			}
		}
	}
	return errors.Join(all...)
}

func (e *Engine) undo(ctx context.Context, s plan.Step) error {
	was := e.state.Step(s.ID).Undo
	e.again, e.open = was == journal.UndoFailed, was == journal.UndoIntent || was == journal.UndoUnknown
	if err := e.write(journal.Record{Kind: journal.UndoIntent, Step: s.ID}); err != nil {
		return err
	}
	e.tell(Event{Step: s.ID, Title: s.Title, Kind: UndoBegun})
	began := e.Workstation.Now()
	if _, err := e.withHandover(ctx, "undo-"+s.ID, s.Undo, false); err != nil {
		e.tell(Event{Step: s.ID, Title: s.Title, Kind: UndoFailed, Err: err})
		kind := journal.UndoFailed
		if e.outcomeUnknown(err) {
			kind = journal.UndoUnknown
		}
		data := failureData(e.describeFailure(ctx, s.Undo, err))
		return errors.Join(fmt.Errorf("revert %q: %w", s.Title, err), e.write(journal.Record{Kind: kind, Step: s.ID, Data: data}))
	}
	e.tell(Event{Step: s.ID, Title: s.Title, Kind: UndoDone, Took: e.Workstation.Now().Sub(began)})
	return e.write(journal.Record{Kind: journal.UndoDone, Step: s.ID})
}
