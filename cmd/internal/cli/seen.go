package cli

import (
	"encoding/json"
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

// parseChannels reads the content of channels.json; nil is that of no file.
func (s *session) parseChannels(data []byte) (map[string]release.Seen, error) {
	all := map[string]release.Seen{}
	if data == nil {
		return all, nil
	}
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, &journal.DamagedError{Path: s.channelsFile(), Reason: "it is not JSON; move it away to start afresh, and the newest release seen so far is forgotten"}
	}
	return all, nil
}

// seen is what was accepted on a channel before. A file that cannot be read is
// found again, and reported, by remember.
func (s *session) seen(host, channel string) release.Seen {
	data, err := os.ReadFile(s.channelsFile())
	if err != nil {
		return release.Seen{}
	}
	all, err := s.parseChannels(data)
	if err != nil {
		return release.Seen{}
	}
	return all[channelKey(host, channel)]
}

func (s *session) remember(host, channel string, seen release.Seen) error {
	return updateState(s.channelsFile(), func(old []byte) ([]byte, error) {
		all, err := s.parseChannels(old)
		if err != nil {
			return nil, err
		}
		key := channelKey(host, channel)
		if all[key] == seen || older(seen.Version, all[key].Version) {
			return nil, nil
		}
		all[key] = seen
		data, err := json.MarshalIndent(all, "", " ")
		if err != nil {
			return nil, fmt.Errorf("remember the release: %w", err)
		}
		return append(data, '\n'), nil
	})
}

func channelKey(host, channel string) string { return host + " " + channel }

// older reports whether a version is below another one.
func older(a, b string) bool {
	va, errA := semver.StrictNewVersion(a)
	vb, errB := semver.StrictNewVersion(b)
	return errA == nil && errB == nil && va.LessThan(vb)
}
