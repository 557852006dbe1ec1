package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/journal"
)

// leftBehind are the checks of what runs may have left on a host. They come before what
// the look itself found, and their hints are the ones to follow: a host that is neither
// as it was nor done would otherwise be told to be settled by hand. stopped is whether
// it found something.
func (t *target) leftBehind(ctx context.Context, v plan.Variant, stopped bool) ([]plan.Check, error) {
	if v == plan.Done {
		return nil, nil
	}
	own, err := t.runs()
	if err != nil {
		return nil, err
	}
	var all []plan.Check
	begun, err := t.elsewhere(ctx, own)
	if begun != nil {
		all = append(all, *begun)
	}
	if v != plan.Full {
		all = append(all, t.gaveUp(own, stopped)...)
	}
	return all, err
}

// elsewhere looks for a run that another machine began and has not finished. A host may
// look untouched in the middle of one: a rollback begins with the client's files. Nil
// says that there is none.
func (t *target) elsewhere(ctx context.Context, own []journal.RunState) (*plan.Check, error) {
	c, err := apply.FindCopy(ctx, t.client, t.host.Name)
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
	run := c.State()
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

// gaveUp names the way back from an upgrade of this machine that was given up. It stops
// nothing by itself: the server may be another one by now, or settled by hand.
func (t *target) gaveUp(own []journal.RunState, stopped bool) []plan.Check {
	run, ok := lastUpgrade(own)
	if !ok || run.Outcome != journal.GivenUp || undone(own, run.Run) {
		return nil
	}
	c := plan.Check{
		Name: "given up", Level: plan.Warn, Detail: fmt.Sprintf("upgrade %s was given up at %s, and may be what is seen here", run.Run, shortTime(run.Ended)),
		Hint: backFromGivenUp(t.host.Name),
	}
	if stopped {
		c.Level = plan.Stop
	}
	return []plan.Check{c}
}

func backFromGivenUp(host string) string {
	return fmt.Sprintf(`if it is still the same server, "liftalot rollback %s" takes back what it left`, host)
}
