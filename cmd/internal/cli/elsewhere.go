package cli

import (
	"context"
	"fmt"
	"slices"

	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/journal"
)

// elsewhere looks for a run that another machine began and has not finished: a host that
// is neither as it was nor done would otherwise be told to be settled by hand. Nil says
// that there is none.
func (t *target) elsewhere(ctx context.Context, v plan.Variant) (*plan.Check, error) {
	if v == plan.Full || v == plan.Done {
		return nil, nil
	}
	c, err := apply.FindCopy(ctx, t.client, t.host.Name)
	if err != nil || c == nil {
		return nil, err
	}
	run := c.State()
	own, err := t.runs()
	if err != nil {
		return nil, err
	}
	ours := slices.ContainsFunc(own, func(r journal.RunState) bool { return r.Run == run.Run && r.Epoch >= run.Epoch })
	if ours || !run.Interrupted() {
		return nil, nil
	}
	by, since := apply.LastOwner(c.Records, run.Run)
	return &plan.Check{
		Name: "unfinished run", Level: plan.Stop,
		Detail: fmt.Sprintf("%s %s, by %s on %s since %s, is not finished", kindOf(run.Action), run.Run, by.User, by.Machine, shortTime(since)),
		Hint:   fmt.Sprintf("let it be finished there, or take it over: liftalot adopt %s", t.host.Name),
	}, nil
}
