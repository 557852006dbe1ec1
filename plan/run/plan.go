package run

import (
	"context"
	"errors"
	"slices"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/plan/probe"
)

// Plan decides an upgrade, and holds the decision against the host's own compose before
// anyone sees it. Nothing is changed and nothing is saved. It refuses to plan over a run
// that stopped half way: its own plan is the only one that fits the host as it is.
func (h *Host) Plan(ctx context.Context) (*plan.Plan, error) {
	runs, err := h.State.Runs()
	if err != nil {
		return nil, err
	}
	if last, ok := interrupted(runs); ok {
		return nil, unfinished(h.Name, last)
	}
	f, err := h.Look(ctx)
	if err != nil {
		return nil, err
	}
	stop := plan.Stopped(plan.Checks(f, h.Settings, nil))
	// Only with the release a host that is done is known from one that was left half way.
	rel, err := h.Release.Resolve(ctx, f)
	if err != nil && len(stop) == 0 {
		return nil, err
	}
	left, lerr := h.LeftBehind(ctx, plan.VariantOf(f, &rel), len(stop) > 0)
	if lerr != nil {
		return nil, lerr
	}
	if stop = slices.Concat(plan.Stopped(left), stop); len(stop) > 0 {
		h.Hints(stop)
		return nil, &plan.RefusedError{Host: h.Name, Checks: stop}
	}
	id, err := NewID(h.Clock.Now())
	if err != nil {
		return nil, err
	}
	p, edited, err := plan.Build(plan.BuildInput{Facts: f, Settings: h.Settings, Release: rel, ID: id, Now: h.Clock.Now()})
	if err != nil {
		if refused, ok := errors.AsType[*plan.RefusedError](err); ok {
			h.Hints(refused.Checks)
		}
		return nil, err
	}
	if !p.Empty() {
		again, err := h.failedBefore(p)
		if err != nil {
			return nil, err
		}
		p.Warnings = slices.Concat(p.Warnings, warnings(left), again)
	}
	if len(edited) == 0 {
		return p, nil
	}
	return p, h.guard(ctx, f, p, edited)
}

// guard asks the host's own compose what it makes of the edited files.
func (h *Host) guard(ctx context.Context, f *plan.Facts, p *plan.Plan, edited []plan.EditedFile) error {
	files := map[string][]byte{}
	for _, e := range edited {
		files[e.Path] = e.Result.After
	}
	after, err := probe.RenderModel(ctx, h.Client, h.Name, f.Project, files)
	if err != nil {
		return err
	}
	words, err := plan.Guard(h.Name, f.Model, after, edited)
	if err != nil {
		return err
	}
	if stop := plan.Stopped(plan.Occupied(f, after)); len(stop) > 0 {
		return &plan.RefusedError{Host: h.Name, Checks: stop}
	}
	if words != "" {
		p.Model = []string{words}
	}
	p.Baseline.Edited = plan.ConfigDigests(after, p.ID)
	return nil
}

// Hints replaces the hint of the check for a stopped server where an unfinished run of ours
// may have stopped it. Nobody should start it by hand then: it may be the new release, with
// nothing that watches it.
func (h *Host) Hints(checks []plan.Check) {
	runs, err := h.State.Runs()
	if err != nil || len(runs) == 0 {
		return
	}
	last := runs[len(runs)-1]
	if !last.Interrupted() && last.Outcome != journal.NeedsPerson {
		return
	}
	for i := range checks {
		if checks[i].Name == "server" && checks[i].Level == plan.Stop {
			advice := Advise(h.Name, last)
			checks[i].Detail += "; " + advice.Says
			checks[i].Hint = advice.Next()
		}
	}
}

// warnings are what checks warn of, in sentences.
func warnings(checks []plan.Check) (list []string) {
	for _, c := range checks {
		if c.Level != plan.Warn {
			continue
		}
		text := c.Name + ": " + c.Detail
		if c.Hint != "" {
			text += " (" + c.Hint + ")"
		}
		list = append(list, text)
	}
	return list
}
