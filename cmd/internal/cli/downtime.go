package cli

import (
	"errors"
	"time"

	"liftalot/cmd/internal/ui"
	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/journal"
)

// downtime is a host's downtime in a table: how long the server did not answer, or since
// when it has not.
func downtime(d *apply.Downtime) string {
	switch {
	case d == nil:
		return "-"
	case !d.Since.IsZero():
		return "down since " + downSince(d)
	case d.AtLeast:
		return "at least " + ui.Duration(length(d))
	}
	return ui.Duration(length(d))
}

// downWords says the same in a sentence's end.
func downWords(d *apply.Downtime) string {
	if d != nil && d.Since.IsZero() {
		return "down for " + downtime(d)
	}
	return downtime(d)
}

func length(d *apply.Downtime) time.Duration { return time.Duration(d.Millis) * time.Millisecond }

// downSince has the date only where the run that told of it went over midnight.
func downSince(d *apply.Downtime) string {
	at, end := d.Since.UTC(), d.Since.UTC()
	for _, g := range d.Gaps {
		if g.From.Equal(d.Since) {
			end = at.Add(length(d))
		}
	}
	if at.Format(time.DateOnly) != end.Format(time.DateOnly) {
		return at.Format("2006-01-02 15:04 UTC")
	}
	return at.Format("15:04 UTC")
}

// downBefore is what is known of the server's downtime before a run, or an earlier start of
// it, is carried out: what that one left, or where nobody could write it down, that it had
// begun to replace the server.
func (t *target) downBefore(p *plan.Plan, records []journal.Record) (*apply.Downtime, error) {
	runs := journal.Runs(records)
	if len(runs) == 0 {
		return nil, nil
	}
	last := runs[len(runs)-1]
	done, err := t.result(last.Run)
	if err != nil {
		return nil, err
	}
	if done.Downtime != nil || last.Run == p.ID || !last.Interrupted() {
		return done.Downtime, nil
	}
	was, _, err := t.history().Plan(last.Run)
	var damaged *journal.DamagedError
	if errors.As(err, &damaged) {
		return nil, nil // such as on the machine that adopted a later run
	}
	if err != nil {
		return nil, err
	}
	return apply.OpenGap(last, was), nil
}
