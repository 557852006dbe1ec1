package journal

import "time"

// A RunState is what the journal knows about one run.
type RunState struct {
	Run     string
	Action  Action
	Undoes  string // for a rollback: the run it undoes
	Plan    string // SHA-256 of the plan file
	Begun   time.Time
	Ended   time.Time // zero while it has not
	Steps   []StepState
	Epoch   int     // how often the run changed hands
	Last    Record  // the run's last record that is neither a note nor a change of hands
	Outcome Outcome // empty when the run was interrupted or still goes on
}

// A StepState is how far one step came. Do and Undo hold the last kind of
// record about each direction and are empty when there was none.
type StepState struct {
	Step  string
	Do    Kind      // Intent, Done, Failed or Unknown
	Undo  Kind      // UndoIntent, UndoDone, UndoFailed or UndoUnknown
	Tries int       // intents to do it
	Begun time.Time // of the first intent since it was last reverted
	Time  time.Time // of the last record

	Failure *Failure // of the last try, where it failed and that was kept
	Revert  *Failure // the same of its inverse
}

// InEffect reports whether the step was done and not reverted, as far as
// the journal knows.
func (s StepState) InEffect() bool { return s.Do == Done && s.Undo != UndoDone }

// Interrupted reports whether the run began and has not ended.
func (r RunState) Interrupted() bool { return r.Run != "" && r.Outcome == "" }

// Step returns the state of one step, empty when the run never came to it.
func (r RunState) Step(id string) StepState {
	for _, s := range r.Steps {
		if s.Step == id {
			return s
		}
	}
	return StepState{Step: id}
}

// LastRun returns the state of the last run that the records tell of. Its
// Run is empty when they tell of none.
func LastRun(records []Record) RunState {
	runs := Runs(records)
	if len(runs) == 0 {
		return RunState{}
	}
	return runs[len(runs)-1]
}

// Epoch returns how often a run changed hands, as the records know it.
func Epoch(records []Record, run string) (n int) {
	for _, r := range records {
		if r.Kind == Adopted && r.Run == run {
			n++
		}
	}
	return n
}

// Runs returns the state of every run, in the order they began. A run that
// was resumed is one run: it begins where its name appears first.
func Runs(records []Record) []RunState {
	var runs []RunState
	place := make(map[string]int)
	for _, r := range records {
		if r.Kind == Note {
			continue
		}
		i, ok := place[r.Run]
		if !ok {
			i = len(runs)
			place[r.Run] = i
			runs = append(runs, RunState{Run: r.Run, Begun: r.Time})
		}
		runs[i].add(r)
	}
	return runs
}

func (s *RunState) add(r Record) {
	if r.Kind == Adopted {
		s.Epoch++
		return
	}
	s.Last = r
	switch {
	case r.Kind == RunBegun:
		s.Action, s.Undoes, s.Plan = r.Action, r.Undoes, r.Plan
		s.Outcome, s.Ended = "", time.Time{} // a run that ended and goes on
	case r.Kind == RunEnded:
		s.Outcome, s.Ended = r.Outcome, r.Time
	case r.Kind.ofStep():
		s.step(r.Step).add(r)
	}
}

func (s *RunState) step(id string) *StepState {
	for i := range s.Steps {
		if s.Steps[i].Step == id {
			return &s.Steps[i]
		}
	}
	s.Steps = append(s.Steps, StepState{Step: id})
	return &s.Steps[len(s.Steps)-1]
}

func (s *StepState) add(r Record) {
	s.Time = r.Time
	switch r.Kind {
	case Intent:
		if s.Tries == 0 || s.Undo == UndoDone {
			s.Begun = r.Time
		}
		s.Do, s.Undo = r.Kind, "" // done again after it was reverted
		s.Failure, s.Revert = nil, nil
		s.Tries++
	case Done, Failed, Unknown:
		s.Do, s.Failure = r.Kind, failureOf(r)
	default:
		s.Undo, s.Revert = r.Kind, failureOf(r)
	}
}
