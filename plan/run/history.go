package run

import (
	"slices"

	"liftalot/plan"
	"liftalot/plan/journal"
)

// Undone reports whether a run was rolled back by another one.
func Undone(runs []journal.RunState, run string) bool {
	return slices.ContainsFunc(runs, func(r journal.RunState) bool { return r.Undoes == run && r.Outcome == journal.Completed })
}

// inEffect reports whether a step of a run was begun and is not rolled back, by the run
// itself or by a rollback that ended before its end.
func inEffect(runs []journal.RunState, run journal.RunState, step string) bool {
	s := run.Step(step)
	return s.Do != "" && s.Undo != journal.UndoDone &&
		!slices.ContainsFunc(runs, func(r journal.RunState) bool { return r.Undoes == run.Run && r.Step("undo-"+step).InEffect() })
}

// interrupted is the newest run, if it was interrupted.
func interrupted(runs []journal.RunState) (last journal.RunState, ok bool) {
	if len(runs) == 0 {
		return last, false
	}
	last = runs[len(runs)-1]
	return last, last.Interrupted()
}

// LastUpgrade is the newest upgrade that left something on the host: not one that stopped
// before it changed anything, and not one that was rolled back, unless there is no other. A
// run that was given up, and never rolled back, ends the search: what became of the host
// then nobody wrote down, and what was begun on it later does not lead back there.
func LastUpgrade(runs []journal.RunState) (last journal.RunState, ok bool) {
	for _, r := range slices.Backward(runs) {
		if r.Action != journal.Apply || r.Outcome == journal.Aborted {
			continue
		}
		if ok && r.Outcome == journal.Forgotten && !Undone(runs, r.Run) {
			return last, true
		}
		if r.Outcome != journal.RolledBack && !Undone(runs, r.Run) {
			return r, true
		}
		if !ok {
			last, ok = r, true
		}
	}
	return last, ok
}

// Last is the upgrade that says what a host should look like now, with its plan, and
// whether it was rolled back. The plan is nil where this machine knows of none.
func (h *Host) Last() (was *plan.Plan, last journal.RunState, undone bool, err error) {
	runs, err := h.State.Runs()
	if err != nil {
		return nil, last, false, err
	}
	last, ok := LastUpgrade(runs)
	if !ok {
		return nil, last, false, nil
	}
	was, _, err = h.State.Plan(last.Run)
	return was, last, Undone(runs, last.Run) || last.Outcome == journal.RolledBack, err
}

// NeededBackups are those of runs that can still be resumed or rolled back, each with why.
func NeededBackups(state State) (map[string]string, error) {
	runs, err := state.Runs()
	if err != nil {
		return nil, err
	}
	needed := map[string]string{}
	if last, ok := LastUpgrade(runs); ok && !Undone(runs, last.Run) {
		needed[last.Run] = "a rollback of the last upgrade needs it"
	}
	for _, r := range runs {
		if !r.Interrupted() {
			continue
		}
		needed[r.Run] = "a run that was interrupted needs it"
		if r.Action == journal.Restore {
			p, _, err := state.Plan(r.Run)
			if err != nil {
				return nil, err
			}
			needed[backupOf(p)] = "a restore that was interrupted needs it"
		}
		if r.Undoes != "" {
			needed[r.Undoes] = needed[r.Run]
		}
	}
	return needed, nil
}
