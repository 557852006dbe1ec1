package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

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
	all := collectLooks(ctx, s, "plan", func(ctx context.Context, t *target) (*plan.Plan, error) {
		p, err := t.server(nil).Plan(ctx)
		if err != nil {
			return nil, err
		}
		return p, t.folder.history().Save(p)
	})
	err := present(s, "plans", all, s.term.printPlan)
	if !s.app.flags.json {
		s.term.summarizePlans(all)
	}
	return err
}

// summarizePlans ends with what a reader of many pages looks for: how many hosts there is
// something to do on, and the next command.
func (t *terminal) summarizePlans(all look[plan.Plan]) {
	var ready []string
	current, stopped, failed := 0, 0, 0
	for _, p := range all.found {
		if p.Empty() {
			current++
		} else {
			ready = append(ready, p.Host)
		}
	}
	for _, err := range all.errs {
		switch _, refused := errors.AsType[*plan.RefusedError](err); {
		case refused:
			stopped++
		case err != nil:
			failed++
		}
	}
	var parts []string
	for _, part := range []struct {
		n    int
		says string
	}{{len(ready), "to upgrade"}, {current, "up to date"}, {stopped, "stopped by a check"}, {failed, "not looked at"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", ui.Count(part.n, "host", "hosts"), part.says))
		}
	}
	t.out.Printf("\n%s\n", strings.Join(parts, ", "))
	const most = 8 // names that anybody would type
	switch {
	case len(ready) > most:
		t.out.Printf("  %s liftalot apply, with the same patterns\n", ui.Dim("next:"))
	case len(ready) > 0:
		t.out.Printf("  %s liftalot apply %s\n", ui.Dim("next:"), strings.Join(ready, " "))
	}
}

func (t *terminal) printPlan(p *plan.Plan) {
	t.out.Printf("\n%s  %s, %s %s %s\n", ui.Bold(p.Host), p.Variant, ui.Bold(p.From), "→", ui.Bold(p.To))
	if p.Empty() {
		t.out.Printf("  nothing to do: it runs %s with managed updates\n", p.To)
		return
	}
	if p.Kind == plan.Upgrade {
		t.out.Printf("  %s\n", ui.Dim(p.Release.DescribeVerification()))
	}
	for i, step := range p.Steps {
		t.out.Printf("  %2d. %s\n      %s\n", i+1, ui.Bold(step.Title), ui.Dim(step.Reason))
		switch {
		case step.Undo != nil:
			t.out.Printf("      %s\n", ui.Dim("undo: "+step.Undo.Describe().AsUndo))
		case step.NoUndo != "" && p.Kind == plan.Upgrade:
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
		t.out.Printf("\n")
		t.out.PrintUnwrapped(ui.Diff(lines))
	}
	for _, d := range p.Deviations {
		t.out.Printf("  %s %s\n", ui.Note("differs from the runbook:"), d)
	}
	for _, w := range p.Warnings {
		t.out.Printf("  %s %s\n", ui.Warn("warning:"), w)
	}
}
