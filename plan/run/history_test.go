package run

import (
	"testing"

	"liftalot/plan/journal"
)

// Another rollback does not do again what one that ended before its end had done.
func TestARollbackLeavesWhatAnotherHasReverted(t *testing.T) {
	upgrade := journal.RunState{Run: "up", Action: journal.Apply, Outcome: journal.Completed, Steps: []journal.StepState{
		{Step: "edit", Do: journal.Done}, {Step: "swap", Do: journal.Done}, {Step: "sidecar", Do: journal.Done, Undo: journal.UndoDone},
	}}
	first := journal.RunState{Run: "back", Undoes: "up", Action: journal.Rollback, Outcome: journal.NeedsPerson, Steps: []journal.StepState{
		{Step: "undo-edit", Do: journal.Done}, {Step: "undo-swap", Do: journal.Failed},
	}}
	for step, want := range map[string]bool{"edit": false, "swap": true, "sidecar": false, "never begun": false} {
		if got := inEffect([]journal.RunState{upgrade, first}, upgrade, step); got != want {
			t.Errorf("%s: in effect is %v", step, got)
		}
	}
}
