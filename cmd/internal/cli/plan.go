package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/plan/probe"
)

func (a *app) planCommand() *cobra.Command {
	return a.addSelection(a.addManifest(&cobra.Command{
		Use: "plan [PATTERN...]", Short: "Show what would be done, with the diff, and save it",
		Long: `Looks at hosts, looks up the release, and decides what would be done: each step with
its reason and its undo, and the difference of every file. The host's own compose
is asked what it makes of the edited file before anything is saved. Nothing is
changed on any host.
` + exitHelp,
		RunE: func(cmd *cobra.Command, patterns []string) error {
			return a.onHosts(cmd, patterns, func(ctx context.Context, s *session) error { return s.plan(ctx) })
		},
	}), plan.Upgrade)
}

func (s *session) plan(ctx context.Context) error {
	all := collect(ctx, s, "plan", func(ctx context.Context, t *target) (*plan.Plan, error) {
		p, err := t.plan(ctx)
		if err == nil {
			_, err = savePlan(t.planFile(), p)
		}
		return p, err
	})
	return present(s, "plans", all, s.printPlan)
}

// plan decides for one host, and holds the decision against the host's own
// compose before anyone sees it.
func (t *target) plan(ctx context.Context) (*plan.Plan, error) {
	if err := t.unfinished(); err != nil {
		return nil, err
	}
	f, err := t.look(ctx)
	if err != nil {
		return nil, err
	}
	stop := plan.Stopped(plan.Checks(f, t.settings(), nil))
	// Only with the release a host that is done is known from one that was left half way.
	rel, err := t.resolve(ctx, f)
	if err != nil && len(stop) == 0 {
		return nil, err
	}
	left, lerr := t.leftBehind(ctx, plan.VariantOf(f, &rel), len(stop) > 0)
	if lerr != nil {
		return nil, lerr
	}
	if stop = slices.Concat(plan.Stopped(left), stop); len(stop) > 0 {
		return nil, &plan.Refused{Host: t.host.Name, Checks: stop}
	}
	id, err := t.newID()
	if err != nil {
		return nil, err
	}
	p, edited, err := plan.Build(plan.Input{Facts: f, Settings: t.settings(), Release: rel, ID: id, Now: t.env.Now()})
	if err != nil {
		if refused, ok := errors.AsType[*plan.Refused](err); ok {
			t.hintsOfRun(refused.Checks)
		}
		return nil, err
	}
	if !p.Empty() {
		p.Warnings = append(p.Warnings, warnings(left)...)
	}
	if len(edited) == 0 {
		return p, nil
	}
	files := map[string][]byte{}
	for _, e := range edited {
		files[e.Path] = e.Result.After
	}
	after, err := probe.Candidate(ctx, t.client, t.host.Name, f.Project, files)
	if err != nil {
		return nil, err
	}
	words, err := plan.Guard(t.host.Name, f.Model, after, edited)
	if err != nil {
		return nil, err
	}
	if stop := plan.Stopped(plan.Occupied(f, after)); len(stop) > 0 {
		return nil, &plan.Refused{Host: t.host.Name, Checks: stop}
	}
	if words != "" {
		p.Model = []string{words}
	}
	return p, nil
}

// unfinished refuses a new plan over a run that stopped half way: its own plan
// is the only one that fits the host as it is.
func (t *target) unfinished() error {
	runs, err := t.runs()
	if err != nil {
		return err
	}
	if n := len(runs); n > 0 && runs[n-1].Interrupted() {
		return t.unfinishedRun(runs[n-1])
	}
	return nil
}

// unfinishedRun refuses what cannot begin before a run that stopped has ended.
func (t *target) unfinishedRun(r journal.RunState) error {
	return &hostError{
		host: t.host.Name, code: exitInterrupted, err: named(t.host.Name, &unfinishedError{action: r.Action, run: r.Run}),
		hint: wayOn(t.host.Name, r.Action),
	}
}

// wayOn is what to type after a run that was interrupted: an upgrade can be taken
// back as well, the others can only be gone on with.
func wayOn(host string, action journal.Action) string {
	if action == journal.Apply {
		return fmt.Sprintf(`"liftalot apply %s" goes on with it, "liftalot rollback %s" takes it back`, host, host)
	}
	return fmt.Sprintf(`"liftalot %s %s" goes on with it`, action, host)
}

type unfinishedError struct {
	action journal.Action
	run    string
}

func (e *unfinishedError) Error() string {
	return fmt.Sprintf("%s %s was interrupted and is not finished", e.action, e.run)
}

func (s *session) printPlan(p *plan.Plan) {
	s.out.Printf("\n%s  %s, %s %s %s\n", ui.Bold(p.Host), p.Variant, ui.Bold(p.From), "→", ui.Bold(p.To))
	if p.Empty() {
		s.out.Printf("  nothing to do: it runs %s with managed updates\n", p.To)
		return
	}
	if p.Kind != plan.Restoration {
		s.out.Printf("  %s\n", ui.Dim(p.Release.Vouched()))
	}
	for i, step := range p.Steps {
		s.out.Printf("  %2d. %s\n      %s\n", i+1, ui.Bold(step.Title), ui.Dim(step.Reason))
		switch {
		case step.Undo != nil:
			s.out.Printf("      %s\n", ui.Dim("undo: "+undoWords(*step.Undo)))
		case step.NoUndo != "":
			s.out.Printf("      %s\n", ui.Dim("no undo: "+step.NoUndo))
		}
	}
	for _, m := range p.Model {
		s.out.Printf("\n  compose will see: %s\n", m)
	}
	for _, d := range p.Diffs {
		var lines []string
		for _, l := range d.Lines {
			lines = append(lines, l.String())
		}
		s.out.Printf("\n%s", ui.Diff(lines))
	}
	for _, d := range p.Deviations {
		s.out.Printf("  %s %s\n", ui.Note("differs from the runbook:"), d)
	}
	for _, w := range p.Warnings {
		s.out.Printf("  %s %s\n", ui.Warn("warning:"), w)
	}
}

// undoWords says how a step is taken back.
func undoWords(op plan.Op) string {
	switch {
	case op.Names != nil:
		return "the tags go back to the images that had them; one that nothing had stays"
	case op.Mode != nil:
		return "the folder's mode as it was"
	case op.Unsecret != nil && op.Unsecret.Was.Missing:
		return "remove the file"
	case op.Unsecret != nil:
		return "the file as it was"
	case op.Unedit != nil:
		return "take exactly these lines out again; what the client changes meanwhile stays"
	case op.Down != nil && len(op.Down.Back) > 0:
		return "the sidecar as it was: what ran before runs again, the rest is removed; volumes stay"
	case op.Down != nil:
		return "stop and remove the two containers; volumes stay"
	case op.Return != nil:
		return "the former database gets its name back, the restored one is kept aside, and the server starts"
	case op.Swap != nil:
		return "the old container's image again, by its id, without a build"
	}
	return op.Kind()
}
