package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/plan/journal"
	"liftalot/plan/run"
)

func forgetCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "forget HOST...", Short: "Give up a run that nothing else can end",
		Long: `Gives up the unfinished run of this machine on a host and does nothing on the host: for
a server that was rebuilt or is gone, or where somebody has settled by hand what the
run had left. Plan and apply work again then. What the run has changed on the host
stays changed; its plan and its backup stay on this machine, and while it is the newest
upgrade there "liftalot rollback" undoes it.`,
		Example:     `  liftalot forget acme`,
		Annotations: exitCodes(exitLocked, exitState, exitCancelled),
		Args:        cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, patterns []string) error {
			return a.onHosts(cmd, patterns, func(ctx context.Context, s *session) error {
				errs := make([]error, len(s.hosts))
				for i, h := range s.hosts { // one question after the other
					errs[i] = s.one(ctx, h, func(ctx context.Context, t *target) error { return t.forget(ctx) })
				}
				return gather(s.hosts, errs)
			})
		},
	}
	cmd.Flags().BoolVarP(&a.flags.yes, "yes", "y", false, "do not ask")
	return cmd
}

// forget gives up an unfinished run of this machine.
func (t *target) forget(ctx context.Context) error {
	name := t.host.Name
	gone, err := t.server(nil).Forget(func(r journal.RunState) error {
		says := run.Advise(name, r).Says
		t.term.out.Printf("%s  run %s: %s\n", ui.Bold(name), r.Run, says)
		return t.dialog.confirm(ctx, ui.Textf("Give it up as it is? Nothing is done on the host: what the run has changed there stays changed. Its plan and its backup stay here."))
	})
	if err != nil {
		return err
	}
	next := run.Advise(name, gone).Next()
	t.term.out.Printf("%s  run %s is given up\n  %s %s\n", name, gone.Run, ui.Dim("next:"), next)
	return nil
}

// lastResort names the way on of last resort.
func lastResort(host, resume string) string {
	return fmt.Sprintf(`%s; if it is another server by now: "liftalot forget %s"`, resume, host)
}
