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
	seen := hostSeen{Format: 1}
	data, err := os.ReadFile(t.seenFile())
	if errors.Is(err, fs.ErrNotExist) {
		return seen, nil
	}
	if err != nil {
		return seen, fmt.Errorf("read what %s was seen to run: %w", t.host.Name, err)
	}
	if err := json.Unmarshal(data, &seen); err != nil || seen.Format < 1 {
		return hostSeen{}, &journal.DamagedError{Path: t.seenFile(), Reason: "it does not say what the host was seen to run; move it away to start afresh"}
	}
	if seen.Format > 1 {
		return hostSeen{}, &journal.NewerError{Path: t.seenFile(), Version: seen.Format}
	}
	return seen, nil
}

func (t *target) keepSeen(seen hostSeen) error {
	seen.Format = 1
	data, err := json.MarshalIndent(seen, "", " ")
	if err == nil {
		err = os.MkdirAll(t.folder(), 0o700)
	}
	if err != nil {
		return fmt.Errorf("keep what %s was seen to run: %w", t.host.Name, err)
	}
	return journal.WriteFile(t.seenFile(), append(data, '\n'), 0o600)
}

// addSeen adds what a look shows of the host's release, where that is more than what is
// known.
func (t *target) addSeen(f *plan.Facts) error {
	now, ok := verify.HighestIn(f, t.env.Now())
	if !ok {
		return nil
	}
	seen, err := t.seenBefore()
	if err != nil || seen.Highest != nil && !verify.Below(seen.Highest.Version, now.Version) {
		return err
	}
	seen.Highest = &now
	return t.keepSeen(seen)
}

// beginSeen begins what is known of the host anew, after a run that changed its server.
func (t *target) beginSeen(f *plan.Facts) error {
	var seen hostSeen
	if f != nil {
		if now, ok := verify.HighestIn(f, t.env.Now()); ok {
			seen.Highest = &now
		}
	}
	if _, err := os.Stat(t.seenFile()); seen.Highest == nil && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return t.keepSeen(seen)
}

// accept takes what runs now as right from here on.
func (t *target) accept(f *plan.Facts) error {
	seen := hostSeen{Accepted: verify.Others(f.Marks(), f.Project.Service), At: t.env.Now().UTC()}
	if now, ok := verify.HighestIn(f, t.env.Now()); ok {
		seen.Highest = &now
	}
	return t.keepSeen(seen)
}
