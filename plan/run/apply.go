package run

import (
	"errors"
	"fmt"
	"io/fs"

	"liftalot/plan/journal"
)

// NextApply finds the plan that apply carries out: that of an interrupted upgrade, else the
// saved one. No host is asked.
func (h *Host) NextApply() (Job, error) {
	runs, err := h.State.Runs()
	if err != nil {
		return Job{}, err
	}
	job, err := h.nextApply(runs)
	job.head = headOf(runs)
	return job, err
}

func (h *Host) nextApply(runs []journal.RunState) (Job, error) {
	if last, ok := interrupted(runs); ok {
		if last.Action != journal.Apply {
			return Job{}, unfinished(h.Name, last)
		}
		p, hash, err := h.State.Plan(last.Run)
		return Job{Plan: p, Was: p, Hash: hash, Resumes: true}, err
	}
	p, hash, err := h.State.Saved()
	if errors.Is(err, fs.ErrNotExist) {
		return Job{}, nothingToDo(h.Name, "liftalot plan "+h.Name, "there is no plan")
	}
	if err != nil {
		return Job{}, err
	}
	job := Job{Plan: p, Was: p, Hash: hash}
	if p.Empty() {
		job.Nothing = fmt.Sprintf("it runs %s with managed updates", p.To)
	}
	for _, r := range runs {
		switch {
		case r.Run != p.ID:
		case r.Outcome == journal.NeedsPerson && !Undone(runs, r.Run):
			return Job{}, h.needsPerson(r)
		case r.Outcome != journal.Completed:
			return Job{}, stale(h.Name, planAnew(h.Name), "the saved plan was tried before and ended as %q", r.Outcome)
		case Undone(runs, p.ID):
			return Job{}, stale(h.Name, planAnew(h.Name), "the saved plan was carried out and rolled back")
		default:
			job.Nothing = fmt.Sprintf("this plan was carried out before (%s)", r.Outcome)
		}
	}
	return job, nil
}
