package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"liftalot/plan/apply"
	"liftalot/plan/journal"
	"liftalot/remote/lock"
)

// Adopt makes the last run on the host this machine's, once agree has accepted it: its
// plan and its journal, which the run has left there for this. The machine that had it is
// turned away from then on, also with a command that is still on its way. A run that
// somebody is carrying out at this moment cannot be taken over.
func (h *Host) Adopt(ctx context.Context, agree func(r journal.RunState, by apply.Operator, since time.Time) error) (journal.RunState, error) {
	var run journal.RunState
	holder, held, err := lock.Inspect(ctx, h.Client, LockFile)
	if err != nil {
		return run, err
	}
	if held {
		return run, &lock.HeldError{Holder: holder}
	}
	c, err := apply.FindHandover(ctx, h.Client, h.Name)
	if err != nil {
		return run, err
	}
	if c == nil {
		return run, nothingToDo(h.Name, "liftalot check "+h.Name, "there is no run on it that could be taken over")
	}
	j, err := h.State.Open("adopt", h.Clock.Now())
	if err != nil {
		return run, err
	}
	defer j.Close()
	run = c.State()
	if err := h.adoptable(ctx, j.Records(), run); err != nil {
		return run, err
	}
	by, since := apply.LastOwner(c.Records, run.Run)
	if err := agree(run, by, since); err != nil {
		return run, err
	}
	return run, h.takeOver(ctx, c, j, run)
}

// adoptable makes sure that there is something to take over, and that nothing of this
// machine's own is in the way.
func (h *Host) adoptable(ctx context.Context, own []Record, run journal.RunState) error {
	for _, r := range journal.Runs(own) {
		if r.Run == run.Run && r.Epoch >= run.Epoch {
			return nothingToDo(h.Name, "liftalot status "+h.Name, "run %s is this machine's already", run.Run)
		}
	}
	last := journal.LastRun(own)
	if !last.Interrupted() || last.Run == run.Run || last.Run == run.Undoes {
		return nil
	}
	lost, err := h.takenOver(ctx, own, last)
	if err != nil || lost { // somebody has taken it over, and gone on from there
		return err
	}
	return &StateError{Unfinished, fmt.Errorf("%s: this machine has an unfinished run %s of its own there", h.Name, last.Run), Resume(h.Name, last.Action)}
}

// takenOver reports whether an unfinished run of this machine is in other hands by now.
func (h *Host) takenOver(ctx context.Context, own []Record, r journal.RunState) (bool, error) {
	p, _, err := h.State.Plan(r.Run)
	if err != nil {
		return false, err
	}
	was := p
	if r.Undoes != "" {
		if was, _, err = h.State.Plan(r.Undoes); err != nil {
			return false, err
		}
	}
	err = apply.CheckOwnership(ctx, h.Client, p, apply.HandoverFolder(was), own)
	if _, ok := errors.AsType[*apply.AdoptedError](err); ok {
		return true, nil
	}
	return false, err
}

// takeOver makes a run this machine's, under the host's lock.
func (h *Host) takeOver(ctx context.Context, c *apply.Handover, j *journal.Journal, run journal.RunState) error {
	host := &lock.Host{
		Client: h.Client, File: LockFile, Undoes: run.Undoes, Tell: h.Teller.Say, Wait: h.Retry,
		Holder: lock.Holder{User: h.By.User, Machine: h.By.Machine, RunID: lock.ID(run.Run, run.Epoch+1), Reason: "take over"},
	}
	if _, err := host.Hold(ctx); err != nil {
		return err
	}
	err := c.Adopt(ctx, host, j, apply.Operator{User: h.By.User, Machine: h.By.Machine}, h.Clock.Now(), h.State.KeepPlan)
	_ = host.Release(ctx)
	return err
}
