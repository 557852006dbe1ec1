package cli

import (
	"fmt"
	"time"

	"liftalot/cmd/internal/ui"
	"liftalot/plan/apply"
	"liftalot/units"
)

// downtime is a host's downtime in a table: how long the server did not answer, or since
// when it has not.
func downtime(d *apply.Downtime) string {
	switch {
	case d == nil:
		return "-"
	case !d.Since.IsZero():
		return downSoFar(d.Since, d.Since.Add(openDowntime(d)))
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

// openDowntime is how long the server had not answered when the run ended.
func openDowntime(d *apply.Downtime) time.Duration {
	left := length(d)
	for _, g := range d.Gaps {
		if !g.Until.IsZero() {
			left -= g.Until.Sub(g.From)
		}
	}
	return max(0, left)
}

// downSoFar says since when a server does not answer, and how long that is by a moment.
func downSoFar(since, at time.Time) string {
	return fmt.Sprintf("down since %s (%s)", downSince(since, at), ui.Duration(max(0, at.Sub(since))))
}

// downSince has the date only where it is not that of the moment it is told of.
func downSince(since, at time.Time) string {
	if since, at = since.UTC(), at.UTC(); since.Format(time.DateOnly) != at.Format(time.DateOnly) {
		return units.Time(since)
	}
	return since.Format("15:04 UTC")
}
