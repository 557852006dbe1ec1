package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/inventory"
	"liftalot/plan/backup"
	"liftalot/plan/journal"
	"liftalot/plan/report"
)

func reportCommand(a *app) *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use: "report [PATTERN...|RUN|BATCH]", Short: "Tell what was done, for a person to keep",
		Long: `Tells from the journals what was done on hosts: the last run of each, or the run or
the batch of that name; "last" is the last batch. --html writes one page that can be
mailed and printed, with nothing that is fetched from anywhere; --client takes the
hosts of one client. No host is asked.`,
		Example:     `  liftalot report last --client acme --html acme.html`,
		Annotations: exitCodes(exitState, exitCancelled),
		RunE:        func(_ *cobra.Command, args []string) error { return a.report(args, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.html, "html", "", "write the page to this file")
	f.StringVar(&o.client, "client", "", `only hosts with this label "client"`)
	f.BoolVar(&o.all, "all", false, "every run of each host, not only the last")
	f.StringVar(&o.title, "title", "", "title of the page")
	cmd.AddCommand(reportVerifyCommand(a))
	return cmd
}

type reportOptions struct {
	html, client, title string
	all                 bool
}

var (
	runName   = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}$`)
	batchName = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}\.[0-9]{3}Z$`)
)

const lastBatchName = "last"

// reported is the document of report.
type reported struct {
	Format int           `json:"format"`
	Title  string        `json:"title"`
	Runs   []report.Run  `json:"runs"`
	Rest   []report.Rest `json:"without_run,omitempty"`
}

func (a *app) report(args []string, o reportOptions) error {
	wanted, patterns, err := reportArgs(args)
	if err != nil {
		return err
	}
	s, err := a.open(patterns)
	if err != nil {
		return err
	}
	if o.client != "" {
		s.hosts = slices.DeleteFunc(s.hosts, func(h inventory.Host) bool { return h.Labels[clientLabel] != o.client })
		if len(s.hosts) == 0 {
			return &nothingToDoError{what: fmt.Sprintf("no host has the label client: %s", o.client), hint: "labels stand in the inventory: labels: {client: NAME}"}
		}
	}
	page, failed, err := s.page(wanted, o)
	if err != nil {
		return err
	}
	if failed != nil && len(page.Runs) == 0 {
		return failed
	}
	if len(page.Runs) == 0 && len(page.Rest) == 0 {
		return &nothingToDoError{what: "there is no run to tell of", hint: `"liftalot history" lists what was done`}
	}
	if o.html != "" {
		if err := a.term.writePage(o.html, page); err != nil {
			return err
		}
	}
	switch {
	case a.flags.json:
		err = a.term.out.JSON(reported{Format: 1, Title: page.Title, Runs: page.Runs, Rest: page.Rest})
	case o.html != "":
		a.term.out.Printf("%s  %s\n", ui.Bold(o.html), ui.Count(len(page.Runs), "run", "runs"))
	default:
		a.term.printReport(page)
	}
	return errors.Join(err, failed)
}

// reportArgs tells a run or a batch from patterns of hosts.
func reportArgs(args []string) (wanted string, patterns []string, err error) {
	for _, arg := range args {
		if !runName.MatchString(arg) && !batchName.MatchString(arg) && arg != lastBatchName {
			patterns = append(patterns, arg)
			continue
		}
		if wanted != "" {
			return "", nil, &usageError{errors.New("a report is about one run or one batch"), "liftalot report"}
		}
		wanted = arg
	}
	return wanted, patterns, nil
}

// page gathers what is to be told. failed is for the hosts whose journal or plan cannot
// be read: they keep nobody from the page of the others, where they are named.
func (s *session) page(wanted string, o reportOptions) (page report.Page, failed, err error) {
	page = report.Page{Title: o.title, Made: s.app.env.Now(), Tool: version(), Runs: []report.Run{}}
	keep := func(h inventory.Host, runs []journal.RunState) []journal.RunState {
		if o.all || len(runs) == 0 {
			return runs
		}
		return runs[len(runs)-1:]
	}
	var b *batchRecord
	switch {
	case wanted == lastBatchName || batchName.MatchString(wanted):
		if b, err = s.state.batchNamed(wanted); err != nil {
			return page, nil, err
		}
		// What it took over from another batch is in that one's report.
		b.Hosts = slices.DeleteFunc(b.Hosts, func(h batchHost) bool { return h.From != "" })
		s.warnOfStrangers(b)
		s.hosts = slices.DeleteFunc(s.hosts, func(h inventory.Host) bool { return b.find(h.Name) == nil })
		keep = func(h inventory.Host, runs []journal.RunState) []journal.RunState {
			return onlyRun(runs, b.find(h.Name).Run)
		}
	case wanted != "":
		keep = func(_ inventory.Host, runs []journal.RunState) []journal.RunState { return onlyRun(runs, wanted) }
	}
	errs := make([]error, len(s.hosts))
	for i, h := range s.hosts {
		t := s.target(h)
		var runs []report.Run
		runs, errs[i] = t.tell(func(all []journal.RunState) []journal.RunState { return keep(h, all) })
		t.close()
		page.Runs = append(page.Runs, runs...)
		switch {
		case len(runs) > 0:
		case errs[i] != nil:
			page.Rest = append(page.Rest, report.Rest{Host: h.Name, Why: errs[i].Error()})
		case b != nil:
			page.Rest = append(page.Rest, b.find(h.Name).rest())
		}
	}
	if page.Title == "" {
		page.Title = title(page, o.client)
	}
	return page, gather(s.hosts, errs), nil
}

func (s stateFolder) batchNamed(name string) (*batchRecord, error) {
	if name == lastBatchName {
		return s.lastBatch()
	}
	b, err := s.batchOf(name)
	if err == nil && b == nil {
		err = &nothingToDoError{what: "there is no batch " + name, hint: "\"liftalot report last\" tells of the last one; the others are the names in " + s.batchFolder()}
	}
	return b, err
}

func onlyRun(runs []journal.RunState, id string) []journal.RunState {
	return slices.DeleteFunc(slices.Clone(runs), func(r journal.RunState) bool { return r.Run != id })
}

// rest tells of a host whose journal has no run of the batch, with the reason.
func (h *batchHost) rest() report.Rest {
	why := string(h.Result)
	if h.Why != "" {
		why += ": " + h.Why
	}
	return report.Rest{Host: h.Host, Why: why}
}

func title(page report.Page, client string) string {
	switch {
	case client != "":
		return "Managed updates for " + client
	case len(page.Runs) == 1:
		return "Managed updates for " + page.Runs[0].Host
	}
	return "Managed updates"
}

// tell makes the report's runs of a host's journal.
func (t *target) tell(keep func([]journal.RunState) []journal.RunState) ([]report.Run, error) {
	c, err := journal.Load(t.folder.dir, t.host.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []report.Run
	for _, state := range keep(journal.Runs(c.Records)) {
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

// addResult adds what the run left behind beside the journal.
func (f hostFolder) addResult(r *report.Run) error {
	done, err := f.result(r.ID)
	if err != nil {
		return err
	}
	r.Error = done.Error
	if d := done.Downtime; d != nil {
		r.Downtime = &report.Downtime{Millis: d.Millis, After: d.After, How: d.How, Probes: d.Probes, Rate: d.Rate,
			AtLeast: d.AtLeast, Since: d.Since, Words: downtime(d)}
		for _, g := range d.Gaps {
			r.Downtime.Gaps = append(r.Downtime.Gaps, report.Gap{From: g.From, Until: g.Until})
		}
	}
	return nil
}

// addBackup adds the run's backup, as far as there is one.
func (t *target) addBackup(r *report.Run) {
	dir := t.backups.folder(r.ID)
	m, err := backup.Load(dir)
	if err != nil {
		return // without a manifest there is no backup
	}
	b := &report.Backup{ID: m.ID, Dir: dir, Taken: m.Taken, Database: m.Database, Tables: m.Tables, Migration: m.Migration}
	for _, f := range m.Files {
		b.Files = append(b.Files, report.File{Name: f.Name, Path: f.Path, Size: f.Size, SHA256: f.SHA256})
	}
	for _, left := range m.Left {
		b.Left = append(b.Left, report.Left(left))
	}
	r.Backup = b
}

// writePage writes the page as a file that only its owner reads, through the sieve
// that all that is printed goes through.
func (t *terminal) writePage(file string, page report.Page) error {
	var doc, safe bytes.Buffer
	if err := report.Render(&doc, page); err != nil {
		return err
	}
	sieve := ui.New(&safe, ui.Options{Redactor: t.secret, Colour: ui.ColourNever})
	if _, err := sieve.Write(doc.Bytes()); err != nil {
		return err
	}
	if err := sieve.Close(); err != nil {
		return err
	}
	if err := journal.WriteFile(file, safe.Bytes(), 0o600); err != nil {
		return &usageError{err, "liftalot report"}
	}
	return nil
}

func (t *terminal) printReport(page report.Page) {
	for _, r := range page.Runs {
		t.out.Printf("\n%s  %s %s, %s → %s: %s\n", ui.Bold(r.Host), r.Kind, ui.Dim(r.ID), r.From, r.To, ui.Bold(r.Outcome))
		if !r.Begun.IsZero() {
			t.out.Printf("  %s", shortTime(r.Begun))
			for _, by := range r.By {
				t.out.Printf(", by %s on %s", by.User, by.Machine)
			}
			t.out.Printf("\n")
		}
		if r.Error != "" {
			t.out.Printf("  %s\n", ui.Bad(r.Error))
		}
		printFailure(t.out, r.Failure)
		if r.Downtime != nil {
			t.out.Printf("  the server was %s\n", r.Downtime.Sentence())
		}
		if r.Backup != nil {
			t.out.Printf("  backup: %s\n", r.Backup.Dir)
		}
		table := &ui.Table{Columns: []ui.Column{{}, {Min: 20}, {Right: true}}}
		for _, step := range r.Steps {
			table.Add("  "+step.State, step.Title, took(step))
		}
		t.out.Table(table)
		for _, f := range r.FollowUps {
			t.out.Printf("  - %s\n", f)
		}
	}
	for _, r := range page.Rest {
		t.out.Printf("\n%s  no run to tell of: %s\n", ui.Bold(r.Host), r.Why)
	}
}

func took(s report.Step) string {
	if s.Took() == 0 {
		return ""
	}
	return ui.Duration(s.Took().Round(time.Millisecond))
}

func reportVerifyCommand(a *app) *cobra.Command {
	var page string
	cmd := &cobra.Command{
		Use: "verify [PATTERN...]", Short: "Check that journals and plans were not changed afterwards",
		Long: `Reads each host's journal, in which every line holds the hash of the one before, and
the plan of every run, whose hash the journal has. With --page an earlier report is
held against them too: a journal that was written anew no longer fits it. No host is
asked.`,
		Example:     `  liftalot report verify acme --page acme.html`,
		Annotations: exitCodes(exitState, exitCancelled),
		RunE: func(_ *cobra.Command, patterns []string) error {
			s, err := a.open(patterns)
			if err != nil {
				return err
			}
			return s.verifyEvidence(page)
		},
	}
	cmd.Flags().StringVar(&page, "page", "", "an earlier report, as --html wrote it")
	return cmd
}

// evidence is what report verify says of a host.
type evidence struct {
	Host  string      `json:"host"`
	Runs  int         `json:"runs"`
	Head  report.Head `json:"journal"`
	Wrong []string    `json:"wrong,omitempty"`
}

func (s *session) verifyEvidence(pageFile string) error {
	var claims []report.Claim
	if pageFile != "" {
		data, err := os.ReadFile(pageFile)
		if err == nil {
			claims, err = report.Claims(data)
		}
		if err != nil {
			return &usageError{fmt.Errorf("--page %s: %w", pageFile, err), "liftalot report verify"}
		}
	}
	all := []evidence{}
	errs := make([]error, len(s.hosts))
	for i, h := range s.hosts {
		t := s.target(h)
		e, err := t.folder.evidence(claims)
		t.close()
		if err == nil && len(e.Wrong) > 0 {
			err = &journal.DamagedError{Path: t.folder.dir, Reason: e.Wrong[0]}
		}
		if err == nil && e.Host == "" {
			continue // never touched
		}
		errs[i] = err
		e.Host = h.Name
		all = append(all, e)
	}
	if s.app.flags.json {
		if err := s.term.out.JSON(map[string]any{"format": 1, "hosts": all}); err != nil {
			return err
		}
		return gather(s.hosts, errs)
	}
	for _, e := range all {
		mark := ui.Good("pass")
		if e.Head.SHA256 == "" || len(e.Wrong) > 0 {
			mark = ui.Bad("stop")
		}
		s.term.out.Printf("%s  %s  %s, journal line %d %s\n", mark, ui.Bold(e.Host), ui.Count(e.Runs, "run", "runs"), e.Head.Line, ui.Dim(e.Head.SHA256))
		for _, w := range e.Wrong {
			s.term.out.Printf("      %s\n", w)
		}
	}
	return gather(s.hosts, errs)
}

// evidence is empty for a host without a journal that no page claims to know.
func (f hostFolder) evidence(claims []report.Claim) (evidence, error) {
	claims = slices.DeleteFunc(slices.Clone(claims), func(c report.Claim) bool { return c.Host != f.host })
	c, err := journal.Load(f.dir, f.host)
	if errors.Is(err, fs.ErrNotExist) && len(claims) == 0 {
		return evidence{}, nil
	}
	if err != nil {
		return evidence{Host: f.host}, err
	}
	e := evidence{Host: f.host}
	e.Head.Line, e.Head.SHA256 = c.Head()
	runs, bad := report.Check(c, func(run string) ([]byte, error) { return os.ReadFile(f.history().PlanFile(run)) })
	e.Runs = runs
	for _, b := range bad {
		e.Wrong = append(e.Wrong, string(b))
	}
	for _, claim := range claims {
		if err := claim.Hold(c); err != nil {
			e.Wrong = append(e.Wrong, err.Error())
		}
	}
	return e, nil
}
