package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/plan/journal"
	"liftalot/plan/report"
)

func reportVerifyCommand(a *app) *cobra.Command {
	var page string
	cmd := &cobra.Command{
		Use: "verify [PATTERN...]", Short: "Check that journals and plans were not changed afterwards",
		Long: `Reads each host's journal, in which every line holds the hash of the one before, and
the plan of every run, whose hash the journal has. With --page an earlier report, or a
client's page, is written once more from the records and compared: each figure and each
sentence of it must be the same, and it must be a page that this machine has written. No
host is asked.`,
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

// verified is the document of report verify.
type verified struct {
	Format int           `json:"format"`
	Hosts  []evidence    `json:"hosts"`
	Page   *pageEvidence `json:"page,omitempty"`
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
	var page *pageEvidence
	var forged error
	if pageFile != "" {
		var err error
		if page, claims, err = verifyPage(s, pageFile); err != nil {
			return &usageError{fmt.Errorf("--page %s: %w", pageFile, err), "liftalot report verify"}
		}
		if page.Wrong != "" {
			forged = &pageError{page}
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
		if err := s.term.out.JSON(verified{1, all, page}); err != nil {
			return err
		}
		return cmp.Or(gather(s.hosts, errs), forged)
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
	if page != nil {
		page.print(s.term)
	}
	return cmp.Or(gather(s.hosts, errs), forged)
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
