package run

import (
	"fmt"

	"liftalot/plan"
	"liftalot/plan/journal"
)

// A Job is what is to be carried out on a host.
type Job struct {
	Plan    *plan.Plan
	Was     *plan.Plan // what a rollback undoes; else the plan itself
	Hash    string     // of the plan
	Nothing string     // why there is nothing to do
	Closes  string     // a run that had changed nothing, and is to be ended: see [Host.Close]
	Resumes bool

	head string // what the journal said when this was decided
}

// jobOf is a new job with a plan that is no rollback.
func jobOf(p *plan.Plan) (Job, error) {
	data, err := p.Encode()
	return Job{Plan: p, Was: p, Hash: plan.Hash(data)}, err
}

// headOf tells a journal from the same one after somebody else was at work.
func headOf(runs []journal.RunState) string {
	if len(runs) == 0 {
		return ""
	}
	last := runs[len(runs)-1]
	return fmt.Sprintf("%d %s %s %d", len(runs), last.Run, last.Outcome, last.Epoch)
}

// recheckState refuses what was decided before somebody else was at work on the host from this
// machine: between the decision and the journal's lock a person thinks, and other hosts
// have their turn.
func (h *Host) recheckState(job Job, records []Record) error {
	if headOf(journal.Runs(records)) == job.head {
		return nil
	}
	return stale(h.Name, fmt.Sprintf("liftalot status %s says where it stands", h.Name),
		"another liftalot on this machine was at work there since this was decided; nothing was changed")
}
