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

	"liftalot/cmd/internal/ui"
	"liftalot/inventory"
	"liftalot/plan"
	"liftalot/plan/batch"
	"liftalot/plan/journal"
	"liftalot/plan/run"
	"liftalot/plan/statefile"
	"liftalot/remote/filelock"
	"liftalot/units"
)

// A batch leaves a record in the state folder: batches/ID.json, one object,
// format 1. It is written before the first host is changed and again whenever one
// is begun or has ended, so that after a crash it tells what is left. What was
// done on a host is in that host's journal; the record never decides about it.
type batchRecord struct {
	Format int          `json:"format"`
	ID     string       `json:"id"`
	Verb   string       `json:"verb"` // upgrade, rollback or restore
	By     run.Operator `json:"by"`
	Begun  time.Time    `json:"begun"`
	Ended  time.Time    `json:"ended,omitzero"`
	Hosts  []batchHost  `json:"hosts"`

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
	From   string `json:"from,omitempty"` // the batch it was left by: not a host of this one

	verb string // of the batch it was a host of
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

func whoWorks() run.Operator {
	name, machine := whoami()
	return run.Operator{User: name, Machine: machine, Version: version()}
}

// beginRecord writes the record of a batch that is about to begin. An upgrade takes over
// the hosts that the last one left and that are left out now, so that an upgrade of one
// host forgets none of forty; one that resumes the last batch takes over the others
// too, and tells of the whole evening. A rollback of some hosts takes none over: what an
// older one left may be well by now, and stay as it is.
func (b *batchRun) beginRecord(verb string, members []batch.Host) (r *batchRecord, err error) {
	if err := os.MkdirAll(b.session.state.batchFolder(), 0o700); err != nil {
		return nil, fmt.Errorf("write the batch's record: %w", err)
	}
	// Two that begin at once would take the same name, and one record would be gone.
	err = filelock.Do(b.session.state.batchFolder(), func() error {
		r, err = b.newRecord(verb, members)
		return err
	})
	return r, err
}

func (b *batchRun) newRecord(verb string, members []batch.Host) (*batchRecord, error) {
	now := b.session.app.env.Now().UTC()
	id, err := b.session.state.newBatchID(now)
	if err != nil {
		return nil, err
	}
	r := &batchRecord{Format: 1, ID: id, Verb: verb, By: whoWorks(), Begun: now, file: filepath.Join(b.session.state.batchFolder(), id+".json")}
	kinds := map[string]string{}
	for _, m := range members {
		kinds[m.Name] = m.Kind
	}
	for _, h := range b.session.hosts {
		r.Hosts = append(r.Hosts, batchHost{Host: h.Name, Kind: kinds[h.Name], Result: resultWaiting})
	}
	last := b.session.goesOn
	if last == nil && verb == string(plan.Upgrade) {
		var none *nothingToDoError
		if last, err = b.session.state.lastBatch(verb); err != nil && !errors.As(err, &none) {
			return nil, err
		}
	}
	if last != nil {
		b.takeOver(r, last)
	}
	return r, r.write()
}

// takeOver puts the hosts of the last batch into a record that goes on from it.
func (b *batchRun) takeOver(r, last *batchRecord) {
	whole := b.session.goesOn != nil && last.Verb == r.Verb
	for _, h := range last.Hosts {
		switch {
		case r.find(h.Host) != nil:
			continue
		case whole:
		case !h.Result.isFailure() && !h.Result.isLeft():
			continue
		case h.From == "":
			h.From = last.ID
		}
		r.Hosts = append(r.Hosts, h)
	}
}

func (r *batchRecord) find(host string) *batchHost {
	i := slices.IndexFunc(r.Hosts, func(h batchHost) bool { return h.Host == host })
	if i < 0 {
		return nil
	}
	return &r.Hosts[i]
}

// write writes the record, unless it is of a batch that is kept nowhere.
func (r *batchRecord) write() error {
	if r.file == "" {
		return nil
	}
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("write the batch's record: %w", err)
	}
	return statefile.WriteFile(r.file, append(data, '\n'), 0o600)
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

func (r *batchRecord) ended(done hostResult) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(done)
	return r.write()
}

func (r *batchRecord) put(done hostResult) {
	if h := r.find(done.Host); h != nil {
		h.Wave, h.Run, h.Result, h.Exit, h.Why = done.Wave, done.Run, done.Result, done.Exit, done.Held
	}
}

// close writes the end, with the results of hosts that never had a turn.
func (r *batchRecord) close(all []hostResult, now time.Time) error {
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
func (s stateFolder) batchFiles() ([]string, error) {
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
func (s stateFolder) newBatchID(now time.Time) (string, error) {
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

// lastBatch reads the newest record, of the batches that did one of verbs if there are
// any. Of a host that it took over the batch that left it has the last word: that one may
// have been under way then, in another terminal.
func (s stateFolder) lastBatch(verbs ...string) (*batchRecord, error) {
	files, err := s.batchFiles()
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		r, err := readBatch(file)
		if err != nil {
			return nil, err
		}
		if len(verbs) == 0 || slices.Contains(verbs, r.Verb) {
			s.bringUpToDate(r)
			return r, nil
		}
	}
	what := "batch"
	if len(verbs) == 1 {
		what = verbs[0]
	}
	return nil, &nothingToDoError{what: fmt.Sprintf("there was no %s yet", what), hint: `"liftalot apply" begins one`}
}

// own is the batch without what it took over from another one: that is in that one's
// report.
func (r *batchRecord) own() *batchRecord {
	r.Hosts = slices.DeleteFunc(r.Hosts, func(h batchHost) bool { return h.From != "" })
	return r
}

// lastChange is the newest batch of which a host's journal has a run. One that changed
// nothing, for no host was reached, is nothing to tell of while there is another: skipped
// is the newest of those.
func (s stateFolder) lastChange() (last, skipped *batchRecord, err error) {
	files, err := s.batchFiles()
	if err != nil {
		return nil, nil, err
	}
	for _, file := range files {
		r, err := readBatch(file)
		if err != nil {
			return nil, nil, err
		}
		if slices.ContainsFunc(r.own().Hosts, s.hasRun) {
			return r, skipped, nil
		}
		if skipped == nil {
			skipped = r
		}
	}
	if skipped == nil {
		_, err = s.lastBatch()
	}
	return skipped, nil, err
}

// hasRun reports whether the journal of a batch's host has its run, or cannot be read.
func (s stateFolder) hasRun(h batchHost) bool {
	c, err := journal.Load(s.host(h.Host), h.Host)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	return err != nil || slices.ContainsFunc(journal.Runs(c.Records), func(r journal.RunState) bool { return r.Run == h.Run })
}

func (s stateFolder) bringUpToDate(r *batchRecord) {
	left := map[string]*batchRecord{}
	for i := range r.Hosts {
		h := &r.Hosts[i]
		if h.verb = r.Verb; h.From == "" {
			continue
		}
		own, read := left[h.From]
		if !read {
			own, _ = s.batchOf(h.From) // without it what was taken over still holds
			left[h.From] = own
		}
		h.verb = ""
		if own == nil {
			continue
		}
		if now := own.find(h.Host); now != nil {
			from := h.From
			*h = *now
			h.From, h.verb = from, own.Verb
		}
	}
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
func (s stateFolder) batchOf(id string) (*batchRecord, error) {
	if id == "" || strings.ContainsAny(id, `/\`) {
		return nil, nil
	}
	r, err := readBatch(filepath.Join(s.batchFolder(), id+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return r, err
}

// narrow keeps the hosts that the last batch of the command's kinds left in one of the
// ways asked for.
func (s *session) narrow() error {
	if !s.app.flags.onlyFailed && !s.app.flags.onlyPending {
		return nil
	}
	last, err := s.state.lastBatch(s.app.flags.batchOf...)
	if err != nil {
		return err
	}
	s.warnOfStrangers(last)
	takesBack := slices.Contains(s.app.flags.batchOf, string(plan.Rollback))
	s.hosts = slices.DeleteFunc(s.hosts, func(h inventory.Host) bool {
		was := last.find(h.Name)
		if was == nil || (!s.app.flags.onlyFailed || !was.Result.isFailure()) && (!s.app.flags.onlyPending || !was.Result.isLeft()) {
			return true
		}
		return takesBack && was.verb != string(plan.Rollback) && !s.isRevertible(h, was.Run)
	})
	if len(s.hosts) == 0 {
		return &nothingToDoError{what: fmt.Sprintf("the last batch, %s, left no such host", last.name()), hint: `"liftalot status" says where each host stands`}
	}
	if !s.app.flags.quiet {
		s.term.err.Printf("%s\n", ui.Note(fmt.Sprintf("of the last batch, %s: %s", last.name(), ui.Count(len(s.hosts), "host", "hosts"))))
	}
	s.goesOn = last
	return nil
}

func (r *batchRecord) name() string {
	return fmt.Sprintf("the %s of %s (%s)", r.Verb, units.Time(r.Begun), r.ID)
}

// isRevertible reports whether a run of an upgrade that did not come through is what a rollback
// of the host would undo. Else that is an older upgrade, which was well before the
// batch and is as well after it.
func (s *session) isRevertible(h inventory.Host, id string) bool {
	t := s.target(h)
	defer t.close()
	runs, err := t.folder.history().Runs()
	if err != nil {
		return true // the rollback says what is wrong with the journal
	}
	last, ok := run.LastUpgrade(runs)
	return ok && last.Run == id && last.Outcome != journal.Completed
}

func (s *session) knows(host string) bool {
	return slices.ContainsFunc(s.inv.Hosts(), func(h inventory.Host) bool { return h.Name == host })
}

// warnOfStrangers says which hosts of a batch the inventory does not have any more: one
// that got another name would otherwise be left out in silence. Those of an older batch
// may be of another inventory beside it.
func (s *session) warnOfStrangers(b *batchRecord) {
	var gone []string
	for _, h := range b.Hosts {
		if h.From == "" && !s.knows(h.Host) {
			gone = append(gone, h.Host)
		}
	}
	if len(gone) > 0 {
		s.term.warnOnce(fmt.Sprintf("of batch %s the inventory has no more: %s", b.ID, nameSome(gone)))
	}
}
