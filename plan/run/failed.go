package run

import (
	"fmt"
	"time"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/units"
)

// A FailedRelease is the release of the last upgrade, where that failed.
type FailedRelease struct {
	Release plan.Release
	At      time.Time
	Step    string           // the title of the step that failed
	Failure *journal.Failure // nil where nothing of it is kept
}

// LastFailed tells of the last upgrade whether it failed, and with which release; nil is
// that it did not, or that it was not begun.
func LastFailed(state State) (*FailedRelease, error) {
	runs, err := state.Runs()
	if err != nil {
		return nil, err
	}
	for i := len(runs) - 1; i >= 0; i-- {
		r := runs[i]
		if r.Action != journal.Apply || r.Outcome == journal.Aborted {
			continue
		}
		step, failure := r.Failure()
		if step == "" || r.Outcome != journal.RolledBack && r.Outcome != journal.NeedsPerson {
			return nil, nil
		}
		p, _, err := state.Plan(r.Run)
		if err != nil {
			return nil, err
		}
		f := &FailedRelease{Release: p.Release, At: r.Ended, Failure: failure}
		if s, ok := p.Step(step); ok {
			f.Step = s.Title
		}
		return f, nil
	}
	return nil, nil
}

// Words say which release failed, when and why.
func (f *FailedRelease) Words() string {
	text := fmt.Sprintf("%s failed here at %s, at %q", f.Release.Version, units.Time(f.At), f.Step)
	if f.Failure != nil {
		text += ": " + f.Failure.Reason
	}
	return text
}

// failedBefore warns of a plan for the very release that has failed on the host.
func (h *Host) failedBefore(p *plan.Plan) ([]string, error) {
	f, err := LastFailed(h.State)
	if err != nil || f == nil || f.Release.Version != p.Release.Version || f.Release.Server.Digest != p.Release.Server.Digest {
		return nil, err
	}
	return []string{f.Words() + `; this is the same release: carry the plan out once that is settled, or set "version:" to another`}, nil
}
