package cli

import (
	"time"

	"liftalot/cmd/internal/ui"
	"liftalot/plan/apply"
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
