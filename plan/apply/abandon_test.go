package apply

import (
	"slices"
	"testing"

	"liftalot/plan"
	"liftalot/plan/journal"
)

// R10: a run that ends before it changed anything leaves no dump and no copy of the secrets
// on the host, and no plan has anything else removed.
func TestAnAbandonedRunLeavesNoBackupOnTheHost(t *testing.T) {
	for name, tt := range map[string]struct {
		dir  string
		want bool
	}{"its own": {"", true}, "what a plan from elsewhere names": {"/etc", false}} {
		b := newBench(t)
		i := slices.IndexFunc(b.plan.Steps, func(s plan.Step) bool { return plan.Is[plan.Backup](s.Op) })
		if tt.dir != "" {
			op := b.plan.Steps[i].Op.(plan.Backup)
			op.Dir = tt.dir
			b.plan.Steps[i].Op = op
		}
		b.host.fault = func(string, bool) error {
			if b.step == "pull" {
				return errExit
			}
			return nil
		}
		if _, err := b.run(t.Context()); err == nil || b.state().Outcome != journal.Aborted {
			t.Fatalf("%s: %v, %q", name, err, b.state().Outcome)
		}
		if got := slices.Contains(b.host.ran, "remove the backup of the run"); got != tt.want {
			t.Errorf("%s: %q", name, b.host.ran)
		}
	}
}
