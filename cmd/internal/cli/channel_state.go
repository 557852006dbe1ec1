package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/plan/release"
)

// What was learned of the vendor's places is kept in channels.json, for all hosts of the
// inventory: a [release.Memory] with the number of its format, 2. The first format was
// one object from manifest host and channel to the newest version there and its digest,
// and did not say whether a signature vouched for it: it is read as if none did.
const memoryFormat = 2

type memoryFile struct {
	Format int `json:"format"`
	release.Memory
}

func (s *session) channelsFile() string { return filepath.Join(s.state, "channels.json") }

// memory is what was learned before. A file that cannot be read is not one in which
// nothing stands: without it nobody would notice that a signature is gone.
func (s *session) memory() (*release.Memory, error) {
	data, err := os.ReadFile(s.channelsFile())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return s.parseMemory(data)
}

// remember changes what was learned.
func (s *session) remember(change func(*release.Memory)) error {
	return updateState(s.channelsFile(), func(old []byte) ([]byte, error) {
		m, err := s.parseMemory(old)
		if err != nil {
			return nil, err
		}
		change(m)
		data, err := json.MarshalIndent(memoryFile{Format: memoryFormat, Memory: *m}, "", " ")
		if err != nil {
			return nil, fmt.Errorf("remember the release: %w", err)
		}
		if data = append(data, '\n'); bytes.Equal(data, old) {
			return nil, nil
		}
		return data, nil
	})
}

// parseMemory reads the content of channels.json; nil is that of no file.
func (s *session) parseMemory(data []byte) (*release.Memory, error) {
	if data == nil {
		return new(release.Memory), nil
	}
	damaged := &journal.DamagedError{Path: s.channelsFile(), Reason: "it is not JSON of its form; move it away to start afresh, and what was seen of releases and their signatures so far is forgotten"}
	var file memoryFile
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, damaged
	}
	switch {
	case file.Format == memoryFormat:
		return &file.Memory, nil
	case file.Format > memoryFormat:
		return nil, &journal.DamagedError{Path: s.channelsFile(), Reason: fmt.Sprintf("its format is %d and this liftalot knows %d: use a newer liftalot", file.Format, memoryFormat)}
	}
	var first map[string]release.Mark
	if err := json.Unmarshal(data, &first); err != nil {
		return nil, damaged
	}
	m := &release.Memory{Channels: map[string]release.KnownChannel{}}
	for channel, mark := range first {
		m.Channels[channel] = release.KnownChannel{Installed: mark}
	}
	return m, nil
}

// accepts is what the inventory accepts of a release by name.
func (t *target) accepts() release.Acceptance {
	s := t.settings()
	return release.Acceptance{
		UnsignedProxy: s.Allows(plan.AllowUnsignedProxy), LostSignature: s.Allows(plan.AllowLostSignature), ProxyDigests: t.host.ProxyDigests,
	}
}

// plannedRelease is the release of a plan as it was when it was looked up.
func (t *target) plannedRelease(r plan.Release) *release.Release {
	image := func(ref plan.Ref) release.Image {
		return release.Image{
			Repo: ref.Repo, Tag: ref.Tag, Digest: ref.Digest, PlatformDigest: ref.Platform, Declared: ref.Declared,
			Signature: release.Signature{State: release.State(ref.Signature)},
		}
	}
	return &release.Release{
		Version: r.Version, Channel: r.Channel, ManifestHost: t.host.ManifestHost, KeySHA256: r.KeySHA256,
		Server: image(r.Server), Updater: image(r.Updater), Proxy: image(r.Proxy),
		Manifest: release.Signature{State: release.State(r.Signature)}, ManifestSHA256: r.Manifest,
	}
}

// rememberInstalled learns a release that runs on the host by now. Until then what no
// signature vouches for is only what somebody on the way may have said.
func (t *target) rememberInstalled(p *plan.Plan) {
	if p.Kind != plan.Upgrade || p.Empty() {
		return
	}
	err := t.remember(func(m *release.Memory) { m.Install(t.plannedRelease(p.Release), t.env.Now()) })
	if err != nil {
		t.warnOnce(fmt.Sprintf("the upgrade is done, and its release could not be remembered: %v", err))
	}
}
