package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"

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

// memory is what was learned before. A file that cannot be read is not one in which
// nothing stands: without it nobody would notice that a signature is gone.
func (s stateFolder) memory() (*release.Memory, error) {
	data, err := os.ReadFile(s.channelsFile())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return s.parseMemory(data)
}

// remember changes what was learned.
func (s stateFolder) remember(change func(*release.Memory)) error {
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
func (s stateFolder) parseMemory(data []byte) (*release.Memory, error) {
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
