package cli

import (
	"context"

	"github.com/spf13/cobra"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/plan/verify"
)

func verifyCommand(a *app) *cobra.Command {
	var accept bool
	cmd := &cobra.Command{
		Use: "verify [PATTERN...]", Short: "Look again and compare with what was promised",
		Long: `Looks at hosts and compares them with what should run there now: what the last run
promised, or a later release that was installed since, as from the admin panel. It
holds health, version and image of the server, the updater and all it must reach, the
image and the volumes of the other containers, and after a rollback the files too. A
server that runs less than it was seen to run before is one that was lowered, as by a
plain "docker compose up -d" after an update from the panel. Nothing is changed.
--accept takes the release and the containers that run now as right from here on: on
this machine, nothing is written on the host.`,
		Example: `  liftalot verify acme
  liftalot verify acme --accept`,
		Annotations: exitCodes(exitCheck, exitLocked, exitAuth, exitHostKey, exitUnreachable, exitAlgorithms, exitState, exitCancelled),
		RunE: func(cmd *cobra.Command, patterns []string) error {
			return a.onHosts(cmd, patterns, func(ctx context.Context, s *session) error { return s.verify(ctx, accept) })
		},
	}
	cmd.Flags().BoolVar(&accept, "accept", false, "take the release and the containers that run now as right")
	return cmd
}

func (s *session) verify(ctx context.Context, accept bool) error {
	all := collectLooks(ctx, s, "look again", func(ctx context.Context, t *target) (*checked, error) {
		c, err := t.verify(ctx, accept)
		if err != nil {
			return nil, err
		}
		return c, verify.Failed(t.host.Name, c.Checks)
	})
	return present(s, "hosts", all, s.term.printChecks)
}

func (t *target) verify(ctx context.Context, accept bool) (*checked, error) {
	h := t.server(nil)
	was, last, back, err := h.Last()
	if err != nil {
		return nil, err
	}
	f, err := h.Look(ctx)
	if err != nil {
		return nil, err
	}
	if accept {
		if err := t.folder.accept(f); err != nil {
			return nil, err
		}
	}
	want, err := t.expectation(f, was, last, back)
	if err != nil {
		return nil, err
	}
	c := &checked{Host: t.host.Name, Variant: plan.VariantOf(f, releaseOf(was))}
	c.Version, _ = plan.RunningVersion(f)
	needed := ""
	if was != nil && !back {
		needed = was.ID
	}
	c.Checks = append(h.Compare(ctx, f, want), verify.Leftovers(ctx, t.client, f, needed)...)
	h.Hints(c.Checks)
	if err := t.folder.addSeen(f); err != nil || verify.Failed(t.host.Name, c.Checks) != nil {
		return c, err
	}
	return c, t.folder.addVerified()
}

// expectation is what should run on the host now, as far as this machine knows.
func (t *target) expectation(f *plan.Facts, was *plan.Plan, run journal.RunState, back bool) (verify.Expectation, error) {
	want := verify.ExpectUnknown(f)
	switch {
	case was != nil && back:
		want = verify.ExpectRollback(was)
	case was != nil && run.Outcome == journal.Completed:
		want = verify.ExpectUpgrade(was)
	}
	seen, err := t.folder.seenBefore()
	want.Highest = seen.Highest
	if !seen.At.IsZero() {
		want.Untouched = seen.Accepted
		want.Version, want.Image, want.ImageID = "", "", "" // another release was accepted
	}
	return want, err
}

func releaseOf(p *plan.Plan) *plan.Release {
	if p == nil {
		return nil
	}
	return &p.Release
}
