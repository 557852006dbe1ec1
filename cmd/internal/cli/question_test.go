package cli

import (
	"errors"
	"strings"
	"testing"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/plan/run"
)

// What is agreed to stands in the question itself, not in the pages above it.
func TestP5TheQuestionSaysWhatIsAgreedTo(t *testing.T) {
	swap := plan.Step{ID: "swap", Op: plan.Swap{MaxDowntime: 120}}
	of := func(host string, kind plan.RunKind, steps ...plan.Step) *plan.Plan {
		return &plan.Plan{ID: host + string(kind), Host: host, Kind: kind, From: "0.23.0", To: "0.24.6", Steps: steps}
	}
	up := of("acme", plan.Upgrade, plan.Step{ID: "backup", Op: plan.Backup{}}, swap)
	backedUp := []journal.RunState{{Run: up.ID, Steps: []journal.StepState{{Step: "backup", Do: journal.Done}}}}
	for _, tt := range []struct {
		jobs []run.Job
		runs []journal.RunState
		want string
	}{
		{[]run.Job{{Plan: up}}, nil, "Upgrade acme 0.23.0 → 0.24.6 (2 steps, down at most 2m00s)?"},
		{[]run.Job{{Plan: up, Resumes: true}}, backedUp, "Resume the upgrade of acme 0.23.0 → 0.24.6 (1 of 2 steps left, down at most 2m00s)?"},
		{[]run.Job{{Plan: of("acme", plan.Rollback, swap)}}, nil, "Roll back acme 0.23.0 → 0.24.6 (1 step, down at most 2m00s)?"},
		{[]run.Job{{Plan: of("acme", plan.Upgrade, up.Steps[0])}}, nil, "Upgrade acme 0.23.0 → 0.24.6 (1 step)?"},
		{[]run.Job{{Plan: up}, {Plan: of("globex", plan.Upgrade, swap)}}, nil, "Upgrade 2 hosts (each, down at most 2m00s)?"},
	} {
		left := map[string][]plan.Step{}
		for _, j := range tt.jobs {
			left[j.Plan.ID] = j.Plan.Steps
			if j.Resumes {
				left[j.Plan.ID] = stepsLeft(j.Plan, tt.runs)
			}
		}
		if got := question(tt.jobs, left); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// plan ends with how many hosts there is something to do on, and the next command.
func TestP5APlanEndsWithASummary(t *testing.T) {
	d := newDesk(t, "")
	d.session.term.summarizePlans(look[plan.Plan]{
		found: []*plan.Plan{{Host: "acme", Steps: make([]plan.Step, 3)}, {Host: "globex"}},
		errs:  []error{nil, nil, &plan.RefusedError{Host: "initech"}, errors.New("no answer")},
	})
	for _, want := range []string{"1 host to upgrade, 1 host up to date, 1 host stopped by a check, 1 host not looked at\n", "liftalot apply acme\n"} {
		if !strings.Contains(d.out.String(), want) {
			t.Errorf("%q lacks %q", d.out.String(), want)
		}
	}
}

// Each line of a run says which of the plan's steps it is, also where it goes back.
func TestP5StepsAreCounted(t *testing.T) {
	f := newSimFleet(t, simHost{name: "acme"})
	f.does(exitDone, "plan")
	up := f.does(exitDone, "apply", "--yes").stderr
	back := f.does(exitDone, "rollback", "--yes").stderr
	for want, text := range map[string]string{
		"^acme   1/15 back up database": up, "^acme  14/15 replace the server's container …  done": up, "^acme  1/9 revert: edit docker-compose.yml …  done": back,
	} {
		if !matches(want, text) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
}
