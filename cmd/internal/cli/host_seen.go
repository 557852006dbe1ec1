package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/plan/verify"
)

// What a managed host was seen to run is kept as seen.json in its folder: the highest
// release, so that one that was lowered is noticed, and the containers that a person has
// accepted as right. A look by check, verify or status --refresh adds to it, a run that
// changed the server begins it anew.
type hostSeen struct {
	Format   int                  `json:"format"`
	Highest  *verify.Highest      `json:"highest,omitempty"`
	Accepted []plan.ContainerMark `json:"accepted,omitempty"` // the containers beside the server
	At       time.Time            `json:"accepted_at,omitzero"`
}

func (t *target) seenFile() string { return filepath.Join(t.folder(), "seen.json") }

// seenBefore reads what the host was seen to run; nothing is no error.
func (t *target) seenBefore() (hostSeen, error) {
	data, err := os.ReadFile(t.seenFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return hostSeen{}, fmt.Errorf("read what %s was seen to run: %w", t.host.Name, err)
	}
	return t.parseSeen(data)
}

// parseSeen reads the content of seen.json; nil is that of no file.
func (t *target) parseSeen(data []byte) (hostSeen, error) {
	seen := hostSeen{Format: 1}
	if data == nil {
		return seen, nil
	}
	if err := json.Unmarshal(data, &seen); err != nil || seen.Format < 1 {
		return hostSeen{}, &journal.DamagedError{Path: t.seenFile(), Reason: "it does not say what the host was seen to run; move it away to start afresh"}
	}
	if seen.Format > 1 {
		return hostSeen{}, &journal.NewerError{Path: t.seenFile(), Version: seen.Format}
	}
	return seen, nil
}

// changeSeen lets change make of what was seen what is seen now; false changes nothing.
func (t *target) changeSeen(change func(seen *hostSeen) bool) error {
	if err := os.MkdirAll(t.folder(), 0o700); err != nil {
		return fmt.Errorf("keep what %s was seen to run: %w", t.host.Name, err)
	}
	return updateState(t.seenFile(), func(old []byte) ([]byte, error) {
		seen, err := t.parseSeen(old)
		if err != nil || !change(&seen) {
			return nil, err
		}
		data, err := json.MarshalIndent(seen, "", " ")
		if err != nil {
			return nil, fmt.Errorf("keep what %s was seen to run: %w", t.host.Name, err)
		}
		return append(data, '\n'), nil
	})
}

// addSeen adds what a look shows of the host's release, where that is more than what is
// known.
func (t *target) addSeen(f *plan.Facts) error {
	now, ok := verify.HighestIn(f, t.env.Now())
	if !ok {
		return nil
	}
	return t.changeSeen(func(seen *hostSeen) bool {
		if seen.Highest != nil && !verify.Below(seen.Highest.Version, now.Version) {
			return false
		}
		seen.Highest = &now
		return true
	})
}

// beginSeen begins what is known of the host anew, after a run that changed its server.
func (t *target) beginSeen(f *plan.Facts) error {
	return t.changeSeen(func(seen *hostSeen) bool {
		was := *seen
		*seen = hostSeen{Format: 1, Highest: t.highestIn(f)}
		return seen.Highest != nil || was.Highest != nil || !was.At.IsZero()
	})
}

// accept takes what runs now as right from here on.
func (t *target) accept(f *plan.Facts) error {
	return t.changeSeen(func(seen *hostSeen) bool {
		*seen = hostSeen{Format: 1, Highest: t.highestIn(f), Accepted: verify.Others(f.Marks(), f.Project.Service), At: t.env.Now().UTC()}
		return true
	})
}

func (t *target) highestIn(f *plan.Facts) *verify.Highest {
	if f == nil {
		return nil
	}
	now, ok := verify.HighestIn(f, t.env.Now())
	if !ok {
		return nil
	}
	return &now
}
