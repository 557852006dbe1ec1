package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/plan/apply"
	"liftalot/plan/journal"
	"liftalot/remote/lock"
)

func (a *app) adoptCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "adopt HOST", Short: "Take over a run that another machine began",
		Long: `Fetches the plan and the journal of the last run on a host, which the run has left
there for this, and makes them this machine's: "liftalot apply" then goes on with
it and "liftalot rollback" takes it back. The machine that had it is turned away
from then on, also with a command that is still on its way.

A run that somebody is carrying out at this moment cannot be taken over. The backup
stays where it was pulled to; the host has a copy of its own.
` + exitHelp,
		Args: cobra.ExactArgs(1),
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
	if err := t.free(ctx); err != nil {
		return err
	}
	c, err := apply.FindCopy(ctx, t.client, name)
	if err != nil {
		return err
	}
	if c == nil {
		return &nothingToDo{what: name + ": there is no run on it that could be taken over", hint: "liftalot check " + name}
	}
	j, err := journal.Open(t.folder(), journal.Options{Host: name, Purpose: "adopt", Now: t.env.Now()})
	if err != nil {
		return err
	}
	defer j.Close()
	run := c.State()
	if err := t.adoptable(ctx, j.Records(), run); err != nil {
		return err
	}
	by, since := apply.LastOwner(c.Records, run.Run)
	says, next := describe(name, run)
	t.out.Printf("%s  run %s of %s on %s since %s: %s\n", ui.Bold(name), run.Run, by.User, by.Machine, shortTime(since), says)
	if err := t.confirm(ctx, ui.Textf("Take it over? The other machine can then not go on with it.")); err != nil {
		return err
	}
	if err := t.takeOver(ctx, c, j, run); err != nil {
		return err
	}
	t.out.Printf("%s  run %s is this machine's now\n  %s %s\n", name, run.Run, ui.Dim("next:"), next)
	return nil
}

// free makes sure that nobody is at work there.
func (t *target) free(ctx context.Context) error {
	h, held, err := lock.Inspect(ctx, t.client, lockFile)
	if err != nil {
		return err
	}
	if held {
		return &lock.HeldError{Holder: h}
	}
	return nil
}

// adoptable makes sure that there is something to take over, and that nothing of
// this machine's own is in the way.
func (t *target) adoptable(ctx context.Context, own []journal.Record, run journal.RunState) error {
	name := t.host.Name
	for _, r := range journal.Runs(own) {
		if r.Run == run.Run && r.Epoch >= run.Epoch {
			return &nothingToDo{what: fmt.Sprintf("%s: run %s is this machine's already", name, run.Run), hint: "liftalot status " + name}
		}
	}
	last := journal.Summarise(own)
	if last.Interrupted() && last.Run != run.Run && last.Run != run.Undoes {
		lost, err := t.lost(ctx, own, last)
		if err != nil {
			return err
		}
		if lost { // somebody has taken it over, and gone on from there
			return nil
		}
		return &hostError{
			host: name, code: exitInterrupted, err: fmt.Errorf("%s: this machine has an unfinished run %s of its own there", name, last.Run),
			hint: wayOn(name, last.Action),
		}
	}
	return nil
}

// lost reports whether an unfinished run of this machine is in other hands by now.
func (t *target) lost(ctx context.Context, own []journal.Record, r journal.RunState) (bool, error) {
	p, _, err := t.planOf(r.Run)
	if err != nil {
		return false, err
	}
	was := p
	if r.Undoes != "" {
		if was, _, err = t.planOf(r.Undoes); err != nil {
			return false, err
		}
	}
	err = apply.Owned(ctx, t.client, p, apply.HandoverFolder(was), own)
	var lost *apply.AdoptedError
	if errors.As(err, &lost) {
		return true, nil
	}
	return false, err
}

// takeOver makes a run this machine's, under the host's lock.
func (t *target) takeOver(ctx context.Context, c *apply.Copy, j *journal.Journal, run journal.RunState) error {
	name, machine := whoami()
	host := &lock.Host{
		Client: t.client, File: lockFile, Undoes: run.Undoes, Tell: func(s string) { t.err.Printf("%s  %s\n", t.host.Name, s) },
		Holder: lock.Holder{User: name, Machine: machine, RunID: lock.ID(run.Run, run.Epoch+1), Reason: "take over"},
	}
	defer func() { _ = host.Release(ctx) }()
	if _, err := host.Hold(ctx); err != nil {
		return err
	}
	return c.Adopt(ctx, host, j, apply.Operator{User: name, Machine: machine}, t.env.Now(), func(run string, data []byte) error {
		file := t.runPlan(filepath.Base(run))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return fmt.Errorf("save the plan: %w", err)
		}
		return journal.WriteFile(file, data, 0o600)
	})
}
