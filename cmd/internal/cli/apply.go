package cli

import (
	"context"

	"github.com/spf13/cobra"

	"liftalot/plan"
	"liftalot/plan/run"
)

func applyCommand(a *app) *cobra.Command {
	var r rollout
	cmd := &cobra.Command{
		Use: "apply [PATTERN...]", Short: "Carry out the saved plans",
		Long: `Carries out the plans that "liftalot plan" has saved, after asking once. A run that
was interrupted is resumed. A step that fails is reverted with all before it.
The first interrupt (Ctrl-C) ends after the step under way, the second at once;
both can be resumed.

With several hosts one goes first, alone; then one of each variant, one after the
other; the rest follows when these are through. When one fails, nothing more is
begun with its release until you say so, or with --keep-going, other variants only.
Two hosts with the same label "client" are never changed at once. --retry-failed
and --pending resume the last batch; a host that was rolled back needs a new plan
first: liftalot plan --retry-failed.`,
		Example: `  liftalot apply acme
  liftalot apply @eu --wave 25% --max-failures 1
  liftalot apply --pending --yes`,
		Annotations: exitCodes(exitCheck, exitLocked, exitAuth, exitStale, exitHostKey, exitTrust, exitBackup, exitUnreachable, exitAlgorithms, exitInterrupted, exitRolledBack, exitPerson, exitState, exitCancelled),
		RunE: func(cmd *cobra.Command, patterns []string) error {
			how, err := r.read(cmd.CommandPath())
			if err != nil {
				return err
			}
			return a.onHosts(cmd, patterns, func(ctx context.Context, s *session) error { return s.apply(ctx, how) })
		},
	}
	cmd.Flags().BoolVarP(&a.flags.yes, "yes", "y", false, "do not ask before it begins")
	r.addFlags(cmd, true)
	return a.addSelection(cmd, plan.Upgrade)
}

func (s *session) apply(ctx context.Context, how rolloutOptions) error {
	jobs := make([]run.Job, len(s.hosts))
	errs := make([]error, len(s.hosts))
	for i, h := range s.hosts {
		t := s.target(h)
		jobs[i], errs[i] = t.server(nil).NextApply()
		t.close()
	}
	return s.runAll(ctx, jobs, errs, string(plan.Upgrade), how)
}
