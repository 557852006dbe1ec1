package cli

import (
	"context"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/plan"
)

func planCommand(a *app) *cobra.Command {
	return a.addSelection(a.addManifest(&cobra.Command{
		Use: "plan [PATTERN...]", Short: "Show what would be done, with the diff, and save it",
		Long: `Looks at hosts, looks up the release, and decides what would be done: each step with
its reason and its undo, and the difference of every file. The host's own compose
is asked what it makes of the edited file before anything is saved. Nothing is
changed on any host.`,
		Example:     `  liftalot plan acme`,
		Annotations: exitCodes(exitCheck, exitAuth, exitHostKey, exitTrust, exitUnreachable, exitAlgorithms, exitInterrupted, exitState, exitCancelled),
		RunE: func(cmd *cobra.Command, patterns []string) error {
			return a.onHosts(cmd, patterns, func(ctx context.Context, s *session) error { return s.plan(ctx) })
		},
	}), plan.Upgrade)
}

func (s *session) plan(ctx context.Context) error {
	all := collect(ctx, s, "plan", func(ctx context.Context, t *target) (*plan.Plan, error) {
		p, err := t.server(nil).Plan(ctx)
		if err != nil {
			return nil, err
		}
		return p, t.folder.history().Save(p)
	})
	return present(s, "plans", all, s.term.printPlan)
}

func (t *terminal) printPlan(p *plan.Plan) {
	t.out.Printf("\n%s  %s, %s %s %s\n", ui.Bold(p.Host), p.Variant, ui.Bold(p.From), "→", ui.Bold(p.To))
	if p.Empty() {
		t.out.Printf("  nothing to do: it runs %s with managed updates\n", p.To)
		return
	}
	if p.Kind != plan.Restoration {
		t.out.Printf("  %s\n", ui.Dim(p.Release.DescribeVerification()))
	}
	for i, step := range p.Steps {
		t.out.Printf("  %2d. %s\n      %s\n", i+1, ui.Bold(step.Title), ui.Dim(step.Reason))
		switch {
		case step.Undo != nil:
			t.out.Printf("      %s\n", ui.Dim("undo: "+step.Undo.Describe().AsUndo))
		case step.NoUndo != "":
			t.out.Printf("      %s\n", ui.Dim("no undo: "+step.NoUndo))
		}
	}
	for _, m := range p.Model {
		t.out.Printf("\n  compose will see: %s\n", m)
	}
	for _, d := range p.Diffs {
		var lines []string
		for _, l := range d.Lines {
			lines = append(lines, l.String())
		}
		t.out.Printf("\n%s", ui.Diff(lines))
	}
	for _, d := range p.Deviations {
		t.out.Printf("  %s %s\n", ui.Note("differs from the runbook:"), d)
	}
	for _, w := range p.Warnings {
		t.out.Printf("  %s %s\n", ui.Warn("warning:"), w)
	}
}
