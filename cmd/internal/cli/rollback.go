package cli

import (
	"context"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/plan"
	"liftalot/plan/run"
)

func rollbackCommand(a *app) *cobra.Command {
	var how run.RollbackDecisions
	var dry bool
	var r rollout
	cmd := &cobra.Command{
		Use: "rollback [PATTERN...]", Short: "Undo the last upgrade",
		Long: `Takes the last upgrade of a host back: files three-way, so that what the client has
changed since stays; the very image that ran, without a build; the sidecar gone.
When the database was migrated meanwhile the old server cannot run on it: then
--with-database puts the database back too, from the dump taken with the server
stopped, and keeps the present one under another name. A server that was updated
since, as from its admin panel, goes back only with --from-later.`,
		Example: `  liftalot rollback acme --dry-run
  liftalot rollback acme`,
		Annotations: exitCodes(exitCheck, exitLocked, exitAuth, exitStale, exitHostKey, exitBackup, exitUnreachable, exitAlgorithms, exitInterrupted, exitPerson, exitState, exitCancelled),
		RunE: func(cmd *cobra.Command, patterns []string) error {
			policy, err := r.read(cmd.CommandPath())
			if err != nil {
				return err
			}
			return a.onHosts(cmd, patterns, func(ctx context.Context, s *session) error { return s.rollback(ctx, how, dry, policy) })
		},
	}
	cmd.Flags().BoolVarP(&a.flags.yes, "yes", "y", false, "do not ask before it begins")
	cmd.Flags().BoolVar(&how.WithDatabase, "with-database", false, "put the database back too, if it was migrated")
	cmd.Flags().BoolVar(&how.FromLater, "from-later", false, "go back also from a release that was installed after the upgrade")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only show what would be done")
	r.addFlags(cmd, false)
	return a.addSelection(cmd, plan.Upgrade, plan.Rollback)
}

func (s *session) rollback(ctx context.Context, how run.RollbackDecisions, dry bool, policy rolloutOptions) error {
	jobs := make([]run.Job, len(s.hosts))
	number := s.positions()
	errs := s.eachOf(ctx, s.hosts, s.lookingAtOnce(), func(ctx context.Context, t *target) (err error) {
		jobs[number[t.host.Name]], err = t.server(nil).NextRollback(ctx, how)
		return err
	})
	if dry {
		return showRollbacks(s, jobs, errs)
	}
	return s.runAll(ctx, jobs, errs, string(plan.Rollback), policy)
}

// showRollbacks shows what rollbacks would do, and of which hosts there is nothing to take
// back.
func showRollbacks(s *session, jobs []run.Job, errs []error) error {
	all := look[plan.Plan]{errs: errs}
	for i, j := range jobs {
		switch {
		case errs[i] != nil:
		case j.Nothing == "":
			all.found = append(all.found, j.Plan)
		case !s.app.flags.json:
			s.term.out.Printf("%s  nothing to do: %s\n", ui.Bold(s.hosts[i].Name), j.Nothing)
		}
	}
	return present(s, "plans", all, s.term.printPlan)
}
