package cli

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/inventory"
	"liftalot/plan/report"
	"liftalot/units"
)

func reportCommand(a *app) *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use: "report [PATTERN...|RUN|BATCH]", Short: "Tell what was done, for a person to keep",
		Long: `Tells from the journals what was done on hosts: the last run of each, or the run or
the batch of that name; "last" is the last batch that changed something. --html writes
one page that can be mailed and printed, with nothing that is fetched from anywhere;
--client takes the hosts of one client. With --for-client the page is two sheets for the
client, in the language of --lang, and the technical report is another file. No host is
asked.`,
		Example: `  liftalot report last --client acme --html acme.html
  liftalot report last --client acme --for-client --lang de --html acme-client.html`,
		Annotations: exitCodes(exitState, exitCancelled),
		RunE:        func(_ *cobra.Command, args []string) error { return a.report(args, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.html, "html", "", `write the page to this file, "-" for standard output`)
	f.StringVar(&o.client, "client", "", `only hosts with this label "client"`)
	f.BoolVar(&o.all, "all", false, "every run of each host, not only the last")
	f.StringVar(&o.title, "title", "", "title of the page")
	f.BoolVar(&o.forClient, "for-client", false, "the page is for the client: what changed, how to update, what to keep safe")
	f.StringVar(&o.lang, "lang", report.English, "language of the client's page: "+strings.Join(report.Languages(), ", "))
	cmd.AddCommand(reportVerifyCommand(a))
	return cmd
}

type reportOptions struct {
	html, client, title, lang string
	all, forClient            bool
}

// onStdout is the name of a file that stands for standard output.
const onStdout = "-"

// check refuses flags that contradict each other.
func (o reportOptions) check(json bool) error {
	var err error
	switch {
	case o.forClient && o.html == "":
		err = errors.New("--for-client is a page: name its file with --html")
	case !slices.Contains(report.Languages(), o.lang):
		err = fmt.Errorf("--lang %s: there are texts in %s", o.lang, strings.Join(report.Languages(), ", "))
	case !o.forClient && o.lang != report.English:
		err = errors.New("--lang is of the client's page: add --for-client")
	case json && o.html == onStdout:
		err = errors.New("--json and --html - both write to standard output: take one")
	}
	if err != nil {
		return &usageError{err, "liftalot report"}
	}
	return nil
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
	if err := o.check(a.flags.json); err != nil {
		return err
	}
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
		if err := writePage(s, o.html, page); err != nil {
			return err
		}
	}
	switch {
	case a.flags.json:
		err = a.term.out.JSON(reported{Format: 1, Title: page.Title, Runs: page.Runs, Rest: page.Rest})
	case o.html == onStdout:
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

func (t *terminal) printReport(page report.Page) {
	for _, r := range page.Runs {
		t.out.Printf("\n%s  %s %s, %s → %s: %s\n", ui.Bold(r.Host), r.Kind, ui.Dim(r.ID), r.From, r.To, ui.Bold(r.Result()))
		if !r.Begun.IsZero() {
			t.out.Printf("  %s", units.Time(r.Begun))
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
			if back := r.Downtime.BroughtBack(); back != "" {
				t.out.Printf("  %s\n", back)
			}
		}
		if r.Backup != nil {
			t.out.Printf("  backup: %s\n", r.Backup.Dir)
		}
		for _, l := range r.Later {
			t.out.Printf("  then: %s %s, %s: %s\n", l.Kind, ui.Dim(l.Run), units.Time(l.Begun), l.Result())
		}
		table := &ui.Table{Columns: []ui.Column{{}, {Min: 20}, {Right: true}}}
		for _, step := range r.Steps {
			table.Add("  "+step.Words(), step.Title, took(step))
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
