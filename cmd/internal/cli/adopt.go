package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/plan/apply"
	"liftalot/plan/journal"
	"liftalot/plan/run"
	"liftalot/units"
)

func adoptCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "adopt HOST", Short: "Take over a run that another machine began",
		Long: `Fetches the plan and the journal of the last run on a host, which the run has left
there for this, and makes them this machine's: "liftalot apply" then resumes
it and "liftalot rollback" undoes it. The machine that had it is turned away
from then on, also with a command that is still on its way.

A run that somebody is carrying out at this moment cannot be taken over. The backup
stays where it was pulled to; the host has a copy of its own.`,
		Example:     `  liftalot adopt acme     # then: liftalot apply acme, or liftalot rollback acme`,
		Annotations: exitCodes(exitLocked, exitAuth, exitHostKey, exitUnreachable, exitAlgorithms, exitInterrupted, exitState, exitCancelled),
		Args:        cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, patterns []string) error {
			return a.onHosts(cmd, patterns, func(ctx context.Context, s *session) error {
				return s.each(ctx, func(ctx context.Context, t *target) error { return t.adopt(ctx) })
			})
		},
	}
	cmd.Flags().BoolVarP(&a.flags.yes, "yes", "y", false, "do not ask")
	return cmd
}

func (t *target) adopt(ctx context.Context) error {
	name := t.host.Name
	taken, err := t.server(nil).Adopt(ctx, func(r journal.RunState, by apply.Operator, since time.Time) error {
		says := run.Advise(name, r).Says
		t.term.out.Printf("%s  run %s of %s on %s since %s: %s\n", ui.Bold(name), r.Run, by.User, by.Machine, units.Time(since), says)
		return t.dialog.confirm(ctx, ui.Textf("Take it over? The other machine can then not resume it."))
	})
	if err != nil {
		return err
	}
	next := run.Advise(name, taken).Next()
	t.term.out.Printf("%s  run %s is this machine's now\n  %s %s\n", name, taken.Run, ui.Dim("next:"), next)
	return nil
}
