package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"liftalot/cmd/internal/ui"
	"liftalot/inventory"
	"liftalot/plan"
	"liftalot/plan/backup"
	"liftalot/plan/journal"
	"liftalot/plan/report"
	"liftalot/plan/statefile"
)

// A telling says what a page is to tell of.
type telling struct {
	hosts []inventory.Host
	keep  func(host string, runs []journal.RunState) []journal.RunState
	batch *batchRecord                          // for hosts without a run, nil without one
	until func(host string) (line int, ok bool) // the end of the journal, where the page is an earlier one
}

// page gathers what is to be told. failed is for the hosts whose journal or plan cannot
// be read: they keep nobody from the page of the others, where they are named.
func (s *session) page(wanted string, o reportOptions) (page report.Page, failed, err error) {
	page = report.Page{Title: o.title, Made: s.app.env.Now().UTC().Truncate(time.Second), Tool: version(), Client: o.forClient}
	if o.forClient {
		page.Lang = o.lang
	}
	what, err := s.telling(wanted, o.all)
	if err != nil {
		return page, nil, err
	}
	failed = s.tell(&page, what)
	if page.Title == "" {
		name := o.client
		if name == "" && len(page.Runs) == 1 {
			name = page.Runs[0].Host
		}
		page.Title, err = report.Title(page.Lang, name)
	}
	return page, failed, err
}

// telling picks hosts and runs: those of a batch, the run of that name, else the last of
// each host, or all.
func (s *session) telling(wanted string, all bool) (telling, error) {
	what := telling{hosts: s.hosts, keep: func(_ string, runs []journal.RunState) []journal.RunState {
		if all || len(runs) == 0 {
			return runs
		}
		return runs[len(runs)-1:]
	}}
	switch {
	case wanted == lastBatchName || batchName.MatchString(wanted):
		b, skipped, err := s.state.batchNamed(wanted)
		if err != nil {
			return what, err
		}
		if skipped != nil {
			s.term.warnOnce(fmt.Sprintf("%s changed nothing; this tells of %s", skipped.name(), b.name()))
		}
		s.warnOfStrangers(b)
		what.batch = b
		what.hosts = slices.DeleteFunc(s.hosts, func(h inventory.Host) bool { return b.find(h.Name) == nil })
		what.keep = func(host string, runs []journal.RunState) []journal.RunState { return onlyRuns(runs, b.find(host).Run) }
	case wanted != "":
		what.keep = func(_ string, runs []journal.RunState) []journal.RunState { return onlyRuns(runs, wanted) }
	}
	return what, nil
}

// tell puts what is told of the hosts on a page.
func (s *session) tell(page *report.Page, what telling) (failed error) {
	page.Runs = []report.Run{}
	if what.batch != nil {
		page.Batch = what.batch.ID
	}
	errs := make([]error, len(what.hosts))
	for i, h := range what.hosts {
		t := s.target(h)
		var runs []report.Run
		runs, errs[i] = t.tell(what)
		t.close()
		page.Runs = append(page.Runs, runs...)
		switch {
		case len(runs) > 0:
		case errs[i] != nil:
			page.Rest = append(page.Rest, report.Rest{Host: h.Name, Why: errs[i].Error()})
		case what.batch != nil:
			page.Rest = append(page.Rest, what.batch.find(h.Name).rest())
		}
	}
	return gather(what.hosts, errs)
}

// batchNamed is the batch of a report, and the newer one that changed nothing.
func (s stateFolder) batchNamed(name string) (b, skipped *batchRecord, err error) {
	if name == lastBatchName {
		return s.lastChange()
	}
	b, err = s.batchOf(name)
	switch {
	case err != nil:
		return nil, nil, err
	case b == nil:
		return nil, nil, &nothingToDoError{what: "there is no batch " + name, hint: "\"liftalot report last\" tells of the last one; the others are the names in " + s.batchFolder()}
	}
	return b.own(), nil, nil
}

func onlyRuns(runs []journal.RunState, ids ...string) []journal.RunState {
	return slices.DeleteFunc(slices.Clone(runs), func(r journal.RunState) bool { return !slices.Contains(ids, r.Run) })
}

// rest tells of a host whose journal has no run of the batch, with the reason.
func (h *batchHost) rest() report.Rest {
	why := string(h.Result)
	if h.Why != "" {
		why += ": " + h.Why
	}
	return report.Rest{Host: h.Host, Why: why}
}

// tell makes the report's runs of a host's journal.
func (t *target) tell(what telling) ([]report.Run, error) {
	c, err := journal.Load(t.folder.dir, t.host.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if what.until != nil {
		if line, known := what.until(t.host.Name); known {
			was, whole := c.Until(line)
			if !whole {
				return nil, fmt.Errorf("the journal ends before line %d: records are missing", line)
			}
			c = was
		}
	}
	var list []report.Run
	for _, state := range what.keep(t.host.Name, journal.Runs(c.Records)) {
		p, _, err := t.folder.history().Plan(state.Run)
		if err != nil {
			return list, err
		}
		r := report.Tell(p, c.Records)
		r.Head.Line, r.Head.SHA256 = c.Head()
		if err := t.folder.addResult(&r); err != nil {
			return list, err
		}
		t.addBackup(&r)
		list = append(list, r)
	}
	return list, nil
}

// addResult adds what the run left behind beside the journal, and when a later run ended
// the downtime that this one began.
func (f hostFolder) addResult(r *report.Run) error {
	done, err := f.result(r.ID)
	if err != nil {
		return err
	}
	r.Error, r.Downtime = done.Error, reportDowntime(done)
	if len(r.Later) == 0 {
		r.Next = done.Next
	}
	for _, later := range r.Later {
		if r.Downtime == nil || r.Downtime.Since.IsZero() {
			break
		}
		then, err := f.result(later.Run)
		if err != nil {
			return err
		}
		r.Downtime.EndedBy(later.Run, reportDowntime(then))
	}
	return nil
}

func reportDowntime(done hostResult) *report.Downtime {
	d := done.Downtime
	if d == nil {
		return nil
	}
	told := &report.Downtime{Millis: d.Millis, After: d.After, How: d.How, Probes: d.Probes, Rate: d.Rate,
		AtLeast: d.AtLeast, Since: d.Since, Words: downtime(d)}
	for _, g := range d.Gaps {
		told.Gaps = append(told.Gaps, report.Gap(g))
	}
	return told
}

// addBackup adds the run's backup, as far as there is one.
func (t *target) addBackup(r *report.Run) {
	dir := t.backups.folder(r.ID)
	m, err := backup.Load(dir)
	if err != nil {
		return // without a manifest there is no backup
	}
	b := &report.Backup{ID: m.ID, Dir: dir, OnHost: m.OnHost, Taken: m.Taken, Database: m.Database, Tables: m.Tables, Migration: m.Migration}
	for _, f := range m.Files {
		b.Files = append(b.Files, report.File{Name: f.Name, Path: f.Path, Size: f.Size, SHA256: f.SHA256})
	}
	for _, left := range m.Left {
		b.Left = append(b.Left, report.Left(left))
	}
	r.Backup = b
}

// renderPage makes a page, through the sieve that all that is printed goes through.
func (t *terminal) renderPage(page report.Page) ([]byte, error) {
	var doc, safe bytes.Buffer
	if err := report.Render(&doc, page); err != nil {
		return nil, err
	}
	sieve := ui.New(&safe, ui.Options{Redactor: t.secret, Colour: ui.ColourNever})
	if _, err := sieve.Write(doc.Bytes()); err != nil {
		return nil, err
	}
	if err := sieve.Close(); err != nil {
		return nil, err
	}
	return safe.Bytes(), nil
}

// writePage writes the page as a file that only its owner reads, or to standard output.
func writePage(s *session, file string, page report.Page) error {
	data, err := s.term.renderPage(page)
	if err != nil {
		return err
	}
	if err := s.state.rememberPage(data, page); err != nil {
		return err
	}
	if file == onStdout {
		_, err := s.app.env.Stdout.Write(data)
		return err
	}
	if err := statefile.WriteFile(file, data, 0o600); err != nil {
		return &usageError{err, "liftalot report"}
	}
	return nil
}

// A page that was written leaves a record in the state folder: reports/SHA256.json, named
// after the page's bytes. With it a page is known as one of this machine, whatever became of
// the records that it was made of.

func (s stateFolder) pageFile(page []byte) string {
	return filepath.Join(string(s), "reports", plan.Hash(page)+".json")
}

func (s stateFolder) rememberPage(data []byte, page report.Page) error {
	text, err := json.Marshal(map[string]any{"format": 1, "title": page.Title, "made": page.Made})
	if err == nil {
		err = os.MkdirAll(filepath.Dir(s.pageFile(data)), 0o700)
	}
	if err == nil {
		err = statefile.WriteFile(s.pageFile(data), append(text, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("write down which page was made: %w", err)
	}
	return nil
}

func (s stateFolder) wrotePage(data []byte) bool {
	_, err := os.Stat(s.pageFile(data))
	return err == nil
}
