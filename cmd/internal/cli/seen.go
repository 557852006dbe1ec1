package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/Masterminds/semver/v3"

	"liftalot/plan/journal"
	"liftalot/plan/release"
)

// The newest release accepted on each channel is kept in channels.json, one
// object from manifest host and channel to version and digest, so that a channel
// cannot go back behind what any host of this inventory was offered.

func (s *session) channelsFile() string { return filepath.Join(s.state, "channels.json") }

func (s *session) channels() (map[string]release.Seen, error) {
	all := map[string]release.Seen{}
	data, err := os.ReadFile(s.channelsFile())
	if errors.Is(err, os.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, &journal.DamagedError{Path: s.channelsFile(), Reason: "it is not JSON; move it away to start afresh, and the newest release seen so far is forgotten"}
	}
	return all, nil
}

// seen is what was accepted on a channel before. A file that cannot be read is
// found again, and reported, by remember.
func (s *session) seen(host, channel string) release.Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, err := s.channels()
	if err != nil {
		return release.Seen{}
	}
	return all[channelKey(host, channel)]
}

func (s *session) remember(host, channel string, seen release.Seen) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, err := s.channels()
	if err != nil {
		return err
	}
	key := channelKey(host, channel)
	if all[key] == seen || older(seen.Version, all[key].Version) {
		return nil
	}
	all[key] = seen
	data, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return fmt.Errorf("remember the release: %w", err)
	}
	return journal.WriteFile(s.channelsFile(), append(data, '\n'), 0o600)
}

func channelKey(host, channel string) string { return host + " " + channel }

// older reports whether a version is below another one.
func older(a, b string) bool {
	va, errA := semver.StrictNewVersion(a)
	vb, errB := semver.StrictNewVersion(b)
	return errA == nil && errB == nil && va.LessThan(vb)
}
