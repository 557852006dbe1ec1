package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"liftalot/inventory"
	"liftalot/plan/batch"
	"liftalot/plan/journal"
)

// A batch leaves a record in the state folder: batches/ID.json, one object,
// format 1. It is written before the first host is changed and again whenever one
// is begun or has ended, so that after a crash it tells what is left. What was
// done on a host is in that host's journal; the record never decides about it.
type batchRecord struct {
	Format int         `json:"format"`
	ID     string      `json:"id"`
	Verb   string      `json:"verb"` // upgrade or rollback
	By     operator    `json:"by"`
	Begun  time.Time   `json:"begun"`
	Ended  time.Time   `json:"ended,omitzero"`
	Hosts  []batchHost `json:"hosts"`

	file string
	mu   sync.Mutex
}

// batchHost is a host of a batch.
type batchHost struct {
	Host   string `json:"host"`
	Kind   string `json:"kind,omitempty"` // its variant
	Wave   int    `json:"wave,omitempty"` // counts from 1; the canaries are the first
	Run    string `json:"run,omitempty"`
	Result result `json:"result"`
	Exit   int    `json:"exit"`
	Why    string `json:"why,omitempty"`
}

// A result is how a host of a batch ended, in a word.
type result string

const (
	resultWaiting     result = "waiting"
	resultRunning     result = "running"
	resultDone        result = "done"
	resultNothing     result = "nothing to do"
	resultFailed      result = "failed"
	resultSkipped     result = "skipped"     // it could not be tried, and nothing was changed
	resultInterrupted result = "interrupted" // by the operator; it can be resumed
	resultHeld        result = "held back"
)

// operator is who did it, from where and with what.
type operator struct {
	User    string `json:"user"`
	Machine string `json:"machine"`
	Version string `json:"version"` // of liftalot
}

func whoWorks() operator {
	name, machine := whoami()
	return operator{User: name, Machine: machine, Version: version()}
}

func (s *session) batchFolder() string { return filepath.Join(s.state, "batches") }

// beginRecord writes the record of a batch that is about to begin. One that goes on
// with the last batch takes over what that one says of hosts which are left out
// now, so that nothing left is forgotten.
func (b *batchRun) beginRecord(verb string, members []batch.Host) (*batchRecord, error) {
	now := b.env.Now().UTC()
	id := now.Format("20060102T150405.000Z") // of this machine alone, which has one operator
	r := &batchRecord{Format: 1, ID: id, Verb: verb, By: whoWorks(), Begun: now, file: filepath.Join(b.batchFolder(), id+".json")}
	kinds := map[string]string{}
	for _, m := range members {
		kinds[m.Name] = m.Kind
	}
	for _, h := range b.session.hosts {
		r.Hosts = append(r.Hosts, batchHost{Host: h.Name, Kind: kinds[h.Name], Result: resultWaiting})
	}
	if b.flags.onlyFailed || b.flags.onlyLeft {
		last, err := b.lastBatch()
		if err != nil {
			return nil, err
		}
		for _, h := range last.Hosts {
			if r.find(h.Host) == nil && (h.Result.isFailure() || h.Result.isLeft()) {
				r.Hosts = append(r.Hosts, h)
			}
		}
	}
	if err := os.MkdirAll(b.batchFolder(), 0o700); err != nil {
		return nil, fmt.Errorf("write the batch's record: %w", err)
	}
	return r, r.write()
}

func (r *batchRecord) find(host string) *batchHost {
	i := slices.IndexFunc(r.Hosts, func(h batchHost) bool { return h.Host == host })
	if i < 0 {
		return nil
	}
	return &r.Hosts[i]
}

func (r *batchRecord) write() error {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("write the batch's record: %w", err)
	}
	return journal.WriteFile(r.file, append(data, '\n'), 0o600)
}

// begun says on the disk that a host is about to be changed.
func (r *batchRecord) begun(host string, wave int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := r.find(host); h != nil {
		h.Wave, h.Result = wave, resultRunning
	}
	return r.write()
}

func (r *batchRecord) ended(done finished) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(done)
	return r.write()
}

func (r *batchRecord) put(done finished) {
	if h := r.find(done.Host); h != nil {
		h.Wave, h.Run, h.Result, h.Exit, h.Why = done.Wave, done.Run, done.Result, done.Exit, done.Held
	}
}

// close writes the end, with the results of hosts that never had a turn.
func (r *batchRecord) close(all []finished, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, done := range all {
		r.put(done)
	}
	r.Ended = now.UTC()
	return r.write()
}

func (r result) isFailure() bool { return r == resultFailed || r == resultSkipped }

func (r result) isLeft() bool {
	return r == resultWaiting || r == resultRunning || r == resultInterrupted || r == resultHeld
}

// lastBatch reads the newest record.
func (s *session) lastBatch() (*batchRecord, error) {
	files, err := filepath.Glob(filepath.Join(s.batchFolder(), "*.json"))
	if err != nil || len(files) == 0 {
		return nil, &nothingToDo{what: "there was no batch yet", hint: `"liftalot apply" begins one`}
	}
	return readBatch(slices.Max(files)) // names are times
}

func readBatch(file string) (*batchRecord, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the batch's record: %w", err)
	}
	var r batchRecord
	if err := json.Unmarshal(data, &r); err != nil || r.Format < 1 {
		return nil, &journal.DamagedError{Path: file, Reason: "it is not a batch's record; move it away, what was done is in the journals"}
	}
	if r.Format > 1 {
		return nil, &journal.NewerError{Path: file, Version: r.Format}
	}
	return &r, nil
}

// batchOf finds the batch of that id, nil when there is none.
func (s *session) batchOf(id string) (*batchRecord, error) {
	if id == "" || strings.ContainsAny(id, `/\`) {
		return nil, nil
	}
	r, err := readBatch(filepath.Join(s.batchFolder(), id+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return r, err
}

// narrow keeps the hosts that the last batch left in one of the ways asked for.
func (s *session) narrow() error {
	if !s.flags.onlyFailed && !s.flags.onlyLeft {
		return nil
	}
	last, err := s.lastBatch()
	if err != nil {
		return err
	}
	s.hosts = slices.DeleteFunc(s.hosts, func(h inventory.Host) bool {
		was := last.find(h.Name)
		return was == nil || (!s.flags.onlyFailed || !was.Result.isFailure()) && (!s.flags.onlyLeft || !was.Result.isLeft())
	})
	if len(s.hosts) == 0 {
		return &nothingToDo{what: fmt.Sprintf("the last batch, %s, left no such host", last.ID), hint: `"liftalot status" says where each host stands`}
	}
	return nil
}
