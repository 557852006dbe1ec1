package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/plan/journal"
	"liftalot/plan/run"
	"liftalot/remote/lock"
	"liftalot/units"
)

func unlockCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "unlock HOST", Short: "Free a lock whose owner is gone",
		Long: `Shows who holds the lock of a host and, once you agree, frees it. A lock frees
itself when its owner's connection ends; this is for one that is dead without
either side knowing, or for a laptop that sleeps. "liftalot adopt" then takes the
run over.`,
		Example:     `  liftalot unlock acme`,
		Annotations: exitCodes(exitLocked, exitAuth, exitHostKey, exitUnreachable, exitAlgorithms, exitState, exitCancelled),
		Args:        cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, patterns []string) error {
			return a.onHosts(cmd, patterns, func(ctx context.Context, s *session) error {
				return s.each(ctx, func(ctx context.Context, t *target) error { return t.unlock(ctx) })
			})
		},
	}
	cmd.Flags().BoolVarP(&a.flags.yes, "yes", "y", false, "do not ask")
	renamedFlag(cmd, "forget-run", `"liftalot forget HOST"`)
	return cmd
}

func (t *target) unlock(ctx context.Context) error {
	h, held, err := lock.Inspect(ctx, t.client, run.LockFile)
	if err != nil {
		return err
	}
	if !held {
		t.term.out.Printf("%s  is not locked\n", t.host.Name)
		return nil
	}
	t.term.out.Printf("%s  locked by %s on %s since %s, last heard of %s ago: run %s, %s\n",
		ui.Bold(t.host.Name), h.User, h.Machine, units.Time(h.Since), ui.Duration(h.Silent), h.RunID, h.Reason)
	if err := t.dialog.confirm(ctx, ui.Textf("Free it? A run that is still alive takes it again, unless somebody is faster.")); err != nil {
		return err
	}
	// A run of this machine that is alive has the journal, and is left alone.
	j, err := journal.Open(t.folder.dir, journal.Options{Host: t.host.Name, Purpose: "unlock", Now: t.now()})
	if err != nil {
		return err
	}
	defer j.Close()
	whose, err := json.Marshal(map[string]lock.Holder{"unlock": h})
	if err != nil {
		return fmt.Errorf("write down whose lock it was: %w", err)
	}
	if err := j.Append(journal.Record{Kind: journal.Note, Run: h.RunID, Time: t.now().UTC(), Data: whose}); err != nil {
		return err
	}
	if err := lock.Break(ctx, t.client, run.LockFile, h.RunID); err != nil {
		return err
	}
	t.term.out.Printf("%s  is free\n", t.host.Name)
	return nil
}
