package journal

import (
	"encoding/json"
	"fmt"
)

// A Failure is why a step failed, as far as it was seen: it is kept with the record of the
// failure, since the container that failed is gone soon after. What a host has said stands
// in it, so whoever makes it has bounded and redacted it; whoever shows it escapes it.
type Failure struct {
	Reason     string          `json:"reason"`               // the error, in a sentence
	Findings   []string        `json:"findings,omitempty"`   // of a gate or a verification, each by itself
	Containers []LastContainer `json:"containers,omitempty"` // those that failed
}

// A LastContainer is how a container ended, or stood when a step failed because of it.
type LastContainer struct {
	Name     string   `json:"name"`
	Status   string   `json:"status"` // the engine's word, such as "restarting"
	Exit     int      `json:"exit"`
	OOM      bool     `json:"oom,omitempty"` // killed for want of memory
	Restarts int      `json:"restarts"`
	Log      []string `json:"log,omitempty"` // its last lines
}

// Words say in a sentence how the container stands.
func (c LastContainer) Words() string {
	if c.Status == "" {
		return "The container that failed:"
	}
	text := fmt.Sprintf("Container %s is %s, exit code %d, restarted %d times", c.Name, c.Status, c.Exit, c.Restarts)
	if c.OOM {
		text += ", killed for want of memory"
	}
	return text + "."
}

// failureData is a [Failure] within the data of a record.
type failureData struct {
	Failure *Failure `json:"failure"`
}

// Data makes the data of a record, which is at most [MaxData] bytes: where it is more, the
// oldest lines of the longest log go first.
func (f Failure) Data() (json.RawMessage, error) {
	for {
		data, err := json.Marshal(failureData{&f})
		if err != nil || len(data) <= MaxData {
			return data, err
		}
		var longest *LastContainer
		for i := range f.Containers {
			if c := &f.Containers[i]; longest == nil || len(c.Log) > len(longest.Log) {
				longest = c
			}
		}
		switch {
		case longest != nil && len(longest.Log) > 0:
			longest.Log = longest.Log[1:]
		case len(f.Findings) > 0:
			f.Findings = f.Findings[:len(f.Findings)-1]
		default:
			f.Containers, f.Reason = nil, f.Reason[:min(len(f.Reason), MaxData/8)]
		}
	}
}

// failureOf is the failure that a record tells of; nil for one without.
func failureOf(r Record) *Failure {
	var data failureData
	if json.Unmarshal(r.Data, &data) != nil {
		return nil
	}
	return data.Failure
}

// Failure is why the run failed: the step that failed last, and what was seen of it. The
// step is empty where none failed, and the failure nil where nothing was kept of it, as by
// an older liftalot.
func (s RunState) Failure() (step string, f *Failure) {
	for _, st := range s.Steps {
		if st.Do == Failed || st.Do == Unknown && st.Failure != nil {
			step, f = st.Step, st.Failure
		}
	}
	return step, f
}
