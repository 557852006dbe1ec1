package run

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/journal"
	"liftalot/units"
)

// LeftBehind are the checks of what runs may have left on a host. They come before what
// the look itself found, and their hints are the ones to follow: a host that is neither
// as it was nor done would otherwise be told to be settled by hand. stopped is whether
// the look found something that stops.
func (h *Host) LeftBehind(ctx context.Context, v plan.Variant, stopped bool) ([]plan.Check, error) {
	if v == plan.Managed {
		return nil, nil
	}
	own, err := h.State.Runs()
	if err != nil {
		return nil, err
	}
	var all []plan.Check
	begun, err := h.foreignRun(ctx, own)
	if begun != nil {
		all = append(all, *begun)
	}
	if v != plan.Unmanaged {
		all = append(all, h.forgottenRun(own, stopped)...)
	}
	return all, err
}

// foreignRun looks for a run that another machine began and has not finished. A host may
// look untouched in the middle of one: a rollback begins with the client's files. Nil
// says that there is none.
func (h *Host) foreignRun(ctx context.Context, own []journal.RunState) (*plan.Check, error) {
	c, err := apply.FindHandover(ctx, h.Client, h.Name)
	var damaged *journal.DamagedError // as after another name in the inventory
	var newer *journal.NewerError
	if errors.As(err, &damaged) || errors.As(err, &newer) {
		return &plan.Check{
			Name: "unfinished run", Level: plan.Warn, Detail: fmt.Sprintf("whether the last run there is finished cannot be told: %v", err),
			Hint: "ask whoever has worked on the host; a run that is finished is in nobody's way",
		}, nil
	}
	if err != nil || c == nil {
		return nil, err
	}
	theirs := c.State()
	ours := slices.ContainsFunc(own, func(r journal.RunState) bool { return r.Run == theirs.Run && r.Epoch >= theirs.Epoch })
	if ours || !theirs.Interrupted() {
		return nil, nil
	}
	by, since := apply.LastOwner(c.Records, theirs.Run)
	return &plan.Check{
		Name: "unfinished run", Level: plan.Stop,
		Detail: fmt.Sprintf("%s %s, by %s on %s since %s, is not finished", Kind(theirs.Action), theirs.Run, by.User, by.Machine, units.Time(since)),
		Hint:   fmt.Sprintf("let it be finished there, or take it over: liftalot adopt %s", h.Name),
	}, nil
}

// forgottenRun names the rollback of an upgrade that this machine has given up. It stops
// nothing by itself: the server may be another one by now, or settled by hand.
func (h *Host) forgottenRun(own []journal.RunState, stopped bool) []plan.Check {
	last, ok := LastUpgrade(own)
	if !ok || last.Outcome != journal.Forgotten || Undone(own, last.Run) {
		return nil
	}
	c := plan.Check{
		Name: "given up", Level: plan.Warn, Detail: fmt.Sprintf("upgrade %s was given up at %s, and may be what is seen here", last.Run, units.Time(last.Ended)),
		Hint: fmt.Sprintf(`if it is still the same server, "liftalot rollback %s" undoes what it left`, h.Name),
	}
	if stopped {
		c.Level = plan.Stop
	}
	return []plan.Check{c}
}
