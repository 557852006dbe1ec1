package cli

import (
	"context"

	"github.com/spf13/cobra"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/plan/verify"
)

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "verify [PATTERN...]", Short: "Look again and compare with what was promised",
		Long: `Looks at hosts and compares them with what the last run promised: health, version
and image of the server, the updater and all it must reach, containers that must
not have been touched; after a rollback the files too. Nothing is changed.
` + exitHelp,
		RunE: func(cmd *cobra.Command, patterns []string) error {
			return a.onHosts(cmd, patterns, func(ctx context.Context, s *session) error { return s.verify(ctx) })
		},
	}
}

func (s *session) verify(ctx context.Context) error {
	all := collect(ctx, s, "look again", func(ctx context.Context, t *target) (*checked, error) {
		c, err := t.verify(ctx)
		if err != nil {
			return nil, err
		}
		return c, verify.Failed(t.host.Name, c.Checks)
	})
	return present(s, "hosts", all, s.printChecks)
}

func (t *target) verify(ctx context.Context) (*checked, error) {
	was, run, back, err := t.lastRun()
	if err != nil {
		return nil, err
	}
	f, err := t.look(ctx)
	if err != nil {
		return nil, err
	}
	want := verify.Anything(f)
	switch {
	case was != nil && back:
		want = verify.RolledBack(was)
	case was != nil && run.Outcome == journal.Completed:
		want = verify.Upgraded(was)
	}
	c := &checked{Host: t.host.Name, Variant: plan.VariantOf(f, releaseOf(was))}
	c.Version, _ = plan.RunningVersion(f)
	c.Checks = verify.Host(ctx, t.client, f, want)
	if t.host.PublicURL != "" {
		c.Checks = append(c.Checks, publicCheck(ctx, t.host.PublicURL))
	}
	return c, nil
}

func releaseOf(p *plan.Plan) *plan.Release {
	if p == nil {
		return nil
	}
	return &p.Release
}
