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
	Verb   string      `json:"verb"` // upgrade, rollback or restore
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

// beginRecord writes the record of a batch that is about to begin. It takes over what
// the last one of its kind says of the hosts that were left there and are left out now,
// so that an upgrade of one host forgets none of forty; one that goes on with the last
// batch takes over the others too, and tells of the whole evening.
func (b *batchRun) beginRecord(verb string, members []batch.Host) (*batchRecord, error) {
	now := b.env.Now().UTC()
	id, err := b.newBatchID(now)
	if err != nil {
		return nil, err
	}
	r := &batchRecord{Format: 1, ID: id, Verb: verb, By: whoWorks(), Begun: now, file: filepath.Join(b.batchFolder(), id+".json")}
	kinds := map[string]string{}
	for _, m := range members {
		kinds[m.Name] = m.Kind
	}
	for _, h := range b.session.hosts {
		r.Hosts = append(r.Hosts, batchHost{Host: h.Name, Kind: kinds[h.Name], Result: resultWaiting})
	}
	last, err := b.lastBatch(verb)
	var none *nothingToDo
	if err != nil && !errors.As(err, &none) {
		return nil, err
	}
	if last != nil {
		whole := b.flags.onlyFailed || b.flags.onlyLeft
		for _, h := range last.Hosts {
			if r.find(h.Host) == nil && (whole || h.Result.isFailure() || h.Result.isLeft()) {
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

// begun says on the disk that a host is about to be changed, by which run.
func (r *batchRecord) begun(host, run string, wave int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := r.find(host); h != nil {
		h.Wave, h.Run, h.Result = wave, run, resultRunning
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

// batchTime is the form of a batch's id: of this machine alone, which has one operator.
const batchTime = "20060102T150405.000Z"

// batchFiles are the records, the newest first.
func (s *session) batchFiles() ([]string, error) {
	files, err := filepath.Glob(filepath.Join(s.batchFolder(), "*.json"))
	if err != nil {
		return nil, fmt.Errorf("list the batches' records: %w", err)
	}
	slices.Sort(files) // names are times
	slices.Reverse(files)
	return files, nil
}

// newBatchID is the time, or just after the last record's where the clock went back: the
// newest record is the one with the greatest name.
func (s *session) newBatchID(now time.Time) (string, error) {
	files, err := s.batchFiles()
	if err != nil || len(files) == 0 {
		return now.Format(batchTime), err
	}
	last, err := time.Parse(batchTime, strings.TrimSuffix(filepath.Base(files[0]), ".json"))
	if err == nil && !now.Truncate(time.Millisecond).After(last) {
		now = last.Add(time.Millisecond)
	}
	return now.Format(batchTime), nil
}

// lastBatch reads the newest record, of the batches that did verb if there is one.
func (s *session) lastBatch(verb string) (*batchRecord, error) {
	files, err := s.batchFiles()
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		r, err := readBatch(file)
		if err != nil || verb == "" || r.Verb == verb {
			return r, err
		}
	}
	return nil, &nothingToDo{what: "there was no batch yet", hint: `"liftalot apply" begins one`}
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

// narrow keeps the hosts that the last batch of the command's kind left in one of the
// ways asked for.
func (s *session) narrow() error {
	if !s.flags.onlyFailed && !s.flags.onlyLeft {
		return nil
	}
	last, err := s.lastBatch(s.flags.batchOf)
	if err != nil {
		return err
	}
	s.warnOfStrangers(last)
	s.hosts = slices.DeleteFunc(s.hosts, func(h inventory.Host) bool {
		was := last.find(h.Name)
		return was == nil || (!s.flags.onlyFailed || !was.Result.isFailure()) && (!s.flags.onlyLeft || !was.Result.isLeft())
	})
	if len(s.hosts) == 0 {
		return &nothingToDo{what: fmt.Sprintf("the last batch, %s, left no such host", last.ID), hint: `"liftalot status" says where each host stands`}
	}
	return nil
}

// warnOfStrangers says which hosts of a batch the inventory does not have any more: one
// that got another name would otherwise be left out in silence.
func (s *session) warnOfStrangers(b *batchRecord) {
	var gone []string
	for _, h := range b.Hosts {
		if !slices.ContainsFunc(s.inv.Hosts(), func(known inventory.Host) bool { return known.Name == h.Host }) {
			gone = append(gone, h.Host)
		}
	}
	if len(gone) > 0 {
		s.warnOnce(fmt.Sprintf("of batch %s the inventory has no more: %s", b.ID, nameSome(gone)))
	}
}
