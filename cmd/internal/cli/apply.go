package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/plan"
	"liftalot/plan/journal"
)

func (a *app) applyCommand() *cobra.Command {
	var r rollout
	cmd := &cobra.Command{
		Use: "apply [PATTERN...]", Short: "Carry out the saved plans",
		Long: `Carries out the plans that "liftalot plan" has saved, after asking once. A run that
was interrupted is resumed. A step that fails is taken back with all before it.
The first interrupt (Ctrl-C) ends after the step under way, the second at once;
both can be resumed.

With several hosts the first of each variant goes ahead as a canary; the others
follow when it is through. A variant that fails is held back, the others go on.
Two hosts with the same label "client" are never changed at once. --retry-failed
and --left go on with the last batch; a host that was rolled back needs a new plan
first: liftalot plan --retry-failed.
` + exitHelp,
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

// job is what is to be carried out on one host.
type job struct {
	plan    *plan.Plan
	was     *plan.Plan // what a rollback takes back; else plan itself
	hash    string
	nothing string // why there is nothing to do
	ends    string // a run that changed nothing and is closed
	resumes bool
	head    string // what the journal said when this was decided
}

// headOf tells a journal from the same one after somebody else was at work.
func headOf(runs []journal.RunState) string {
	if len(runs) == 0 {
		return ""
	}
	last := runs[len(runs)-1]
	return fmt.Sprintf("%d %s %s %d", len(runs), last.Run, last.Outcome, last.Epoch)
}

// unchanged refuses what was decided before somebody else was at work on the host
// from this machine: between the decision and the journal's lock a person thinks, and
// other hosts have their turn.
func (j job) unchanged(host string, records []journal.Record) error {
	if headOf(journal.Runs(records)) == j.head {
		return nil
	}
	return &hostError{
		host: host, code: exitStale, err: fmt.Errorf("%s: another liftalot on this machine was at work there since this was decided; nothing was changed", host),
		hint: fmt.Sprintf("liftalot status %s says where it stands", host),
	}
}

func (s *session) apply(ctx context.Context, how careful) error {
	jobs := make([]job, len(s.hosts))
	errs := make([]error, len(s.hosts))
	for i, h := range s.hosts {
		t := s.target(h)
		jobs[i], errs[i] = t.applyJob()
		t.close()
	}
	return s.runAll(ctx, jobs, errs, string(plan.Upgrade), how)
}

// applyJob finds the plan to carry out: that of an interrupted run, else the
// saved one.
func (t *target) applyJob() (todo job, err error) {
	runs, err := t.runs()
	if err != nil {
		return job{}, err
	}
	defer func() { todo.head = headOf(runs) }()
	if n := len(runs); n > 0 && runs[n-1].Interrupted() {
		last := runs[n-1]
		if last.Action != journal.Apply {
			return job{}, t.unfinishedRun(last)
		}
		p, hash, err := t.planOf(last.Run)
		return job{plan: p, was: p, hash: hash, resumes: true}, err
	}
	p, hash, err := t.savedPlan()
	if errors.Is(err, os.ErrNotExist) {
		return job{}, &nothingToDo{what: t.host.Name + ": there is no plan", hint: fmt.Sprintf("liftalot plan %s", t.host.Name)}
	}
	if err != nil {
		return job{}, err
	}
	j := job{plan: p, was: p, hash: hash}
	if p.Empty() {
		j.nothing = fmt.Sprintf("it runs %s with managed updates", p.To)
	}
	for _, r := range runs {
		if r.Run == p.ID {
			j.nothing = fmt.Sprintf("this plan was carried out before (%s)", r.Outcome)
			if r.Outcome != journal.Completed {
				return job{}, &hostError{
					host: t.host.Name, code: exitStale, err: fmt.Errorf("%s: the saved plan was tried before and ended as %q", t.host.Name, r.Outcome),
					hint: fmt.Sprintf("look again and plan anew: liftalot plan %s", t.host.Name),
				}
			}
			if undone(runs, p.ID) {
				return job{}, &hostError{
					host: t.host.Name, code: exitStale, err: fmt.Errorf("%s: the saved plan was carried out and taken back", t.host.Name),
					hint: fmt.Sprintf("look again and plan anew: liftalot plan %s", t.host.Name),
				}
			}
		}
	}
	return j, nil
}

// undone reports whether a run was taken back.
func undone(runs []journal.RunState, run string) bool {
	for _, r := range runs {
		if r.Undoes == run && r.Outcome == journal.Completed {
			return true
		}
	}
	return false
}

// agree shows what would be done and asks for it, if there is anything.
func (s *session) agree(ctx context.Context, jobs []job, errs []error, verb string, how careful) error {
	changes, what := 0, ""
	for i, j := range jobs {
		if errs[i] != nil || j.nothing != "" {
			continue
		}
		changes++
		what = fmt.Sprintf("%s, %s → %s", s.hosts[i].Name, j.plan.From, j.plan.To)
		// A restore that goes on shows once more which backup it puts back.
		if !s.flags.json && !s.flags.yes && (!j.resumes || j.plan.Kind == plan.Restoration) {
			s.printPlan(j.plan)
		}
	}
	if changes == 0 {
		return nil
	}
	if changes > 1 {
		what = ui.Count(changes, "host", "hosts")
	}
	return s.confirm(ctx, ui.Textf("\nGo on with the %s of %s%s?", verb, what, how.words(changes)))
}
