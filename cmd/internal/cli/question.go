package cli

import (
	"context"
	"fmt"
	"time"

	"liftalot/cmd/internal/ui"
	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/plan/run"
)

// agree shows what would be done and asks for it, if there is anything.
func (s *session) agree(ctx context.Context, jobs []run.Job, errs []error, order string) error {
	var asked []run.Job
	left := map[string][]plan.Step{}
	for i, j := range jobs {
		if errs[i] != nil || j.Nothing != "" {
			continue
		}
		asked = append(asked, j)
		left[j.Plan.ID] = j.Plan.Steps
		if j.Resumes {
			t := s.target(s.hosts[i])
			runs, err := t.folder.history().Runs()
			t.close()
			if err != nil {
				return err
			}
			left[j.Plan.ID] = stepsLeft(j.Plan, runs)
		}
		if s.app.flags.json || s.app.flags.yes {
			continue
		}
		// A restore that goes on shows once more which backup it puts back.
		if !j.Resumes || j.Plan.Kind == plan.Restoration {
			s.term.printPlan(j.Plan)
			continue
		}
		s.term.out.Printf("\n%s  of its %s is left:\n", ui.Bold(j.Plan.Host), ui.Count(len(j.Plan.Steps), "step", "steps"))
		for _, step := range left[j.Plan.ID] {
			s.term.out.Printf("  %s\n", step.Title)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	return s.dialog.confirm(ctx, ui.Textf("\n%s%s", order, question(asked, left)))
}

// question names what is agreed to: the host, the versions, how much is to be done and how
// long the server may be down for it.
func question(jobs []run.Job, left map[string][]plan.Step) string {
	longest, resumed := time.Duration(0), 0
	for _, j := range jobs {
		longest = max(longest, maxDowntime(left[j.Plan.ID]))
		if j.Resumes {
			resumed++
		}
	}
	down := ""
	if longest > 0 {
		down = ", down at most " + ui.Duration(longest)
	}
	p := jobs[0].Plan
	if len(jobs) > 1 {
		if resumed > 0 {
			down += fmt.Sprintf(", %d resumed", resumed)
		}
		if down != "" {
			down = " (each" + down + ")"
		}
		return fmt.Sprintf("%s %s%s?", actions[p.Kind], ui.Count(len(jobs), "host", "hosts"), down)
	}
	what, steps := fmt.Sprintf("%s %s %s → %s", actions[p.Kind], p.Host, p.From, p.To), ui.Count(len(left[p.ID]), "step", "steps")
	if resumed > 0 {
		what, steps = fmt.Sprintf("Resume the %s of %s %s → %s", p.Kind, p.Host, p.From, p.To), fmt.Sprintf("%d of %s left", len(left[p.ID]), ui.Count(len(p.Steps), "step", "steps"))
	}
	return fmt.Sprintf("%s (%s%s)?", what, steps, down)
}

// actions are the runs as they are asked for.
var actions = map[plan.RunKind]string{plan.Upgrade: "Upgrade", plan.Rollback: "Roll back", plan.Restoration: "Put back the database of"}

// maxDowntime is how long the steps may keep a server down.
func maxDowntime(steps []plan.Step) (most time.Duration) {
	for _, step := range steps {
		if swap, ok := step.Op.(plan.Swap); ok {
			most += time.Duration(swap.MaxDowntime) * time.Second
		}
	}
	return most
}

// stepsLeft are the steps of a plan that its run has not done.
func stepsLeft(p *plan.Plan, runs []journal.RunState) (left []plan.Step) {
	for _, r := range runs {
		if r.Run != p.ID {
			continue
		}
		for _, step := range p.Steps {
			if !r.Step(step.ID).InEffect() {
				left = append(left, step)
			}
		}
		return left
	}
	return p.Steps
}
