package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Version is the format's version that this package writes.
const Version = 1

// MaxData is how many bytes the data of a record may have. A journal is a list of decisions,
// not of output.
const (
	MaxData = 16 << 10
	maxWord = 512      // a run, a step, a host, a hash
	maxLine = 32 << 10 // what one record can take on the disk
)

// A Kind says what a record reports.
type Kind string

// The kinds. Of each step there is first an intent and then one of done,
// failed and unknown; an intent without an outcome is what a crash leaves,
// and means the same as unknown. The undo kinds report the same of a step's
// inverse, when a run reverts what it did. A run is adopted when another
// machine takes it over: what follows was done from there. A note belongs to a run or to
// none, as when a person breaks a lock.
const (
	RunBegun    Kind = "run-begun"
	Intent      Kind = "intent"
	Done        Kind = "done"
	Failed      Kind = "failed"
	Unknown     Kind = "unknown"
	UndoIntent  Kind = "undo-intent"
	UndoDone    Kind = "undo-done"
	UndoFailed  Kind = "undo-failed"
	UndoUnknown Kind = "undo-unknown"
	RunEnded    Kind = "run-ended"
	Adopted     Kind = "adopted"
	Note        Kind = "note"

	opened Kind = "opened"
)

// ofStep reports whether records of this kind are about one step.
func (k Kind) ofStep() bool {
	switch k {
	case Intent, Done, Failed, Unknown, UndoIntent, UndoDone, UndoFailed, UndoUnknown:
		return true
	}
	return false
}

func (k Kind) known() bool {
	return k.ofStep() || k == RunBegun || k == RunEnded || k == Adopted || k == Note
}

// An Action is what a run is for.
type Action string

// The actions.
const (
	Apply    Action = "apply"
	Rollback Action = "rollback"
	Restore  Action = "restore"
)

// An Outcome is how a run ended. A run without one was interrupted.
type Outcome string

// The outcomes.
const (
	Interrupted Outcome = ""             // it did not end, and can be resumed
	Completed   Outcome = "completed"    // every step is done
	RolledBack  Outcome = "rolled-back"  // it failed and reverted what it had done
	Aborted     Outcome = "abandoned"    // it failed before it changed anything
	NeedsPerson Outcome = "needs-person" // it failed and could not revert everything
	Forgotten   Outcome = "given-up"     // a person ended it, whatever was left on the host
)

// A Record is one line of the journal, without what the journal itself adds:
// its place in the chain and the host's name.
type Record struct {
	Kind    Kind            `json:"kind"`
	Run     string          `json:"run,omitempty"`
	Action  Action          `json:"action,omitempty"`
	Undoes  string          `json:"undoes,omitempty"`
	Step    string          `json:"step,omitempty"`
	Outcome Outcome         `json:"outcome,omitempty"`
	Time    time.Time       `json:"time"`
	Plan    string          `json:"plan,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// check refuses what a caller must not write. A reader does not use it: what
// a journal of this version holds was checked when it was written.
func (r Record) check() error {
	switch {
	case !r.Kind.known():
		return fmt.Errorf("journal record of the unknown kind %q", r.Kind)
	case r.Run == "" && r.Kind != Note:
		return fmt.Errorf("journal record %q without a run", r.Kind)
	case r.Kind.ofStep() && r.Step == "":
		return fmt.Errorf("journal record %q without a step", r.Kind)
	case r.Kind == RunBegun && r.Action != Apply && r.Action != Rollback && r.Action != Restore:
		return fmt.Errorf("journal record %q with the unknown action %q", r.Kind, r.Action)
	case r.Kind == RunEnded && r.Outcome == "":
		return fmt.Errorf("journal record %q without an outcome", r.Kind)
	case r.Time.IsZero():
		return fmt.Errorf("journal record %q without a time", r.Kind)
	case len(r.Data) > MaxData:
		return fmt.Errorf("journal record %q carries %d bytes of data, at most %d are allowed", r.Kind, len(r.Data), MaxData)
	}
	for _, word := range []string{r.Run, r.Undoes, r.Step, r.Plan, string(r.Outcome)} {
		if len(word) > maxWord {
			return fmt.Errorf("journal record %q with a name of %d bytes, at most %d are allowed", r.Kind, len(word), maxWord)
		}
	}
	if len(r.Data) > 0 && !isObject(r.Data) {
		return fmt.Errorf("journal record %q carries data that is not a JSON object", r.Kind)
	}
	return nil
}

func isObject(data json.RawMessage) bool {
	return json.Valid(data) && bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{"))
}

// An entry is a record in its place.
type entry struct {
	V    int    `json:"v"`
	Seq  int    `json:"seq"`
	Prev string `json:"prev"`
	Host string `json:"host,omitempty"`
	Record
}
