package cli

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/plan/apply"
	"liftalot/plan/journal"
	"liftalot/plan/report"
	"liftalot/plan/run"
	"liftalot/units"
)

func historyCommand(a *app) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use: "history [PATTERN...]", Short: "List what was done, the newest last",
		Long: `Lists the runs of hosts from their journals: when, what, how it ended, by whom.
"liftalot report RUN" tells one of them. No host is asked.`,
		Example:     `  liftalot history acme --limit 5`,
		Annotations: exitCodes(exitState, exitCancelled),
		RunE: func(cmd *cobra.Command, patterns []string) error {
			if cmd.Flags().Changed("limit") && limit < 1 {
				return wrongUse(cmd, errors.New("--limit is a number of runs from 1 on"))
			}
			s, err := a.open(patterns)
			if err != nil {
				return err
			}
			return s.history(limit)
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 0, "only the newest so many runs of all these hosts (default: all)")
	return cmd
}

// runRow is one run of one host in a list.
type runRow struct {
	Host    string    `json:"host"`
	Run     string    `json:"run"`
	Kind    string    `json:"kind"` // upgrade, rollback or restore
	Outcome string    `json:"outcome"`
	Begun   time.Time `json:"begun"`
	Ended   time.Time `json:"ended,omitzero"`
	From    string    `json:"from,omitempty"`
	To      string    `json:"to,omitempty"`
	By      string    `json:"by,omitempty"`
	Away    *int64    `json:"downtime_ms,omitempty"`
	AtLeast bool      `json:"downtime_at_least,omitempty"`
	Since   time.Time `json:"down_since,omitzero"` // the server did not answer when the run ended

	down *apply.Downtime
	last bool // of its host
}

func (s *session) history(limit int) error {
	all := []runRow{}
	errs := make([]error, len(s.hosts))
	for i, h := range s.hosts {
		t := s.target(h)
		runs, err := t.folder.rows()
		t.close()
		all, errs[i] = append(all, runs...), err
	}
	slices.SortStableFunc(all, func(a, b runRow) int { return a.Begun.Compare(b.Begun) })
	all = newestRuns(all, limit)
	failed := gather(s.hosts, errs)
	if s.app.flags.json {
		if err := s.term.out.JSON(map[string]any{"format": 1, "runs": all}); err != nil {
			return err
		}
		return failed
	}
	if len(all) == 0 && failed == nil {
		s.term.out.Printf("nothing was done from this machine yet\n")
		return nil
	}
	table := &ui.Table{Columns: []ui.Column{
		{Title: "WHEN"}, {Title: "HOST", Min: 10}, {Title: "RUN"}, {Title: "WHAT"}, {Title: "VERSION", Min: 8}, {Title: "RESULT", Min: 10}, {Title: "DOWNTIME", Right: true}, {Title: "BY", Min: 6},
	}}
	for _, p := range all {
		away := downtime(p.down)
		switch {
		case p.Since.IsZero():
		case p.last:
			away = downSoFar(p.Since, s.app.env.Now())
		default:
			away = "down from " + downSince(p.Since, p.Since.Add(openDowntime(p.down))) // it is another run's to say until when
		}
		table.Add(units.Time(p.Begun), p.Host, p.Run, p.Kind, ui.Textf("%s → %s", p.From, p.To), p.Outcome, away, p.By)
	}
	s.term.out.Table(table)
	return failed
}

// newestRuns are the last of the runs, all of them without a limit.
func newestRuns(all []runRow, limit int) []runRow {
	if limit == 0 {
		return all
	}
	return all[max(0, len(all)-limit):]
}

// rows lists a host's runs. A run whose plan is not here, as on a colleague's
// laptop, is listed with what the journal has.
func (f hostFolder) rows() (list []runRow, err error) {
	c, err := journal.Load(f.dir, f.host)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, r := range journal.Runs(c.Records) {
		one := runRow{Host: f.host, Run: r.Run, Kind: run.Kind(r.Action), Outcome: report.Words(r.Outcome), Begun: r.Begun, Ended: r.Ended}
		var who []string
		for _, by := range report.Who(r.Run, c.Records) {
			who = append(who, by.User+"@"+by.Machine)
		}
		one.By = strings.Join(who, ", ")
		if p, _, err := f.history().Plan(r.Run); err == nil {
			one.From, one.To = p.From, p.To
		}
		done, err := f.result(r.Run)
		if err != nil {
			return list, err
		}
		if done.Downtime != nil {
			one.Away, one.AtLeast, one.Since, one.down = &done.Downtime.Millis, done.Downtime.AtLeast, done.Downtime.Since, done.Downtime
		}
		list = append(list, one)
	}
	if len(list) > 0 {
		list[len(list)-1].last = true
	}
	return list, nil
}
