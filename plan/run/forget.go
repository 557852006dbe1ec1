package run

import "liftalot/plan/journal"

// Forget ends an unfinished run of this machine without a word to the host, once agree has
// accepted it: what the run has changed there stays changed. It is the way on where no
// other command finds one: the server was rebuilt or is gone, or somebody has settled by
// hand what the run had left.
func (h *Host) Forget(agree func(journal.RunState) error) (journal.RunState, error) {
	j, err := h.State.Open("forget a run", h.Clock.Now())
	if err != nil {
		return journal.RunState{}, err
	}
	defer j.Close()
	last := journal.LastRun(j.Records())
	if !last.Interrupted() {
		return last, nothingToDo(h.Name, "liftalot status "+h.Name, "no run of this machine is unfinished there")
	}
	if err := agree(last); err != nil {
		return last, err
	}
	if err := h.sign(j, last.Run); err != nil {
		return last, err
	}
	last.Outcome = journal.Forgotten
	return last, j.Append(Record{Kind: journal.RunEnded, Run: last.Run, Outcome: journal.Forgotten, Time: h.Clock.Now().UTC()})
}
