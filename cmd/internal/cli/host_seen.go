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
	Format   int                         `json:"format"`
	Highest  *verify.Highest             `json:"highest,omitempty"`
	Accepted []plan.ContainerFingerprint `json:"accepted,omitempty"` // the containers beside the server
	At       time.Time                   `json:"accepted_at,omitzero"`
	Verified time.Time                   `json:"verified_at,omitzero"` // when verify last found nothing wrong
}

func (f hostFolder) seenFile() string { return filepath.Join(f.dir, "seen.json") }

// seenBefore reads what the host was seen to run; nothing is no error.
func (f hostFolder) seenBefore() (hostSeen, error) {
	data, err := os.ReadFile(f.seenFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return hostSeen{}, fmt.Errorf("read what %s was seen to run: %w", f.host, err)
	}
	return f.parseSeen(data)
}

// parseSeen reads the content of seen.json; nil is that of no file.
func (f hostFolder) parseSeen(data []byte) (hostSeen, error) {
	seen := hostSeen{Format: 1}
	if data == nil {
		return seen, nil
	}
	if err := json.Unmarshal(data, &seen); err != nil || seen.Format < 1 {
		return hostSeen{}, &journal.DamagedError{Path: f.seenFile(), Reason: "it does not say what the host was seen to run; move it away to start afresh"}
	}
	if seen.Format > 1 {
		return hostSeen{}, &journal.NewerError{Path: f.seenFile(), Version: seen.Format}
	}
	return seen, nil
}

// changeSeen lets change make of what was seen what is seen now; false changes nothing.
func (f hostFolder) changeSeen(change func(seen *hostSeen) bool) error {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return fmt.Errorf("keep what %s was seen to run: %w", f.host, err)
	}
	return updateState(f.seenFile(), func(old []byte) ([]byte, error) {
		seen, err := f.parseSeen(old)
		if err != nil || !change(&seen) {
			return nil, err
		}
		data, err := json.MarshalIndent(seen, "", " ")
		if err != nil {
			return nil, fmt.Errorf("keep what %s was seen to run: %w", f.host, err)
		}
		return append(data, '\n'), nil
	})
}

// addSeen adds what a look shows of the host's release, where that is more than what is
// known.
func (f hostFolder) addSeen(facts *plan.Facts) error {
	now, ok := verify.HighestIn(facts, f.now())
	if !ok {
		return nil
	}
	return f.changeSeen(func(seen *hostSeen) bool {
		if seen.Highest != nil && !verify.Below(seen.Highest.Version, now.Version) {
			return false
		}
		seen.Highest = &now
		return true
	})
}

// addVerified keeps that all was found as it should be.
func (f hostFolder) addVerified() error {
	return f.changeSeen(func(seen *hostSeen) bool {
		seen.Verified = f.now().UTC()
		return true
	})
}

// beginSeen begins what is known of the host anew, after a run that changed its server.
func (f hostFolder) beginSeen(facts *plan.Facts) error {
	return f.changeSeen(func(seen *hostSeen) bool {
		was := *seen
		*seen = hostSeen{Format: 1, Highest: f.highestIn(facts)}
		return seen.Highest != nil || was.Highest != nil || !was.At.IsZero()
	})
}

// accept takes what runs now as right from here on.
func (f hostFolder) accept(facts *plan.Facts) error {
	return f.changeSeen(func(seen *hostSeen) bool {
		*seen = hostSeen{Format: 1, Highest: f.highestIn(facts), Accepted: verify.Others(facts.Marks(), facts.Project.Service), At: f.now().UTC()}
		return true
	})
}

func (f hostFolder) highestIn(facts *plan.Facts) *verify.Highest {
	if facts == nil {
		return nil
	}
	now, ok := verify.HighestIn(facts, f.now())
	if !ok {
		return nil
	}
	return &now
}
