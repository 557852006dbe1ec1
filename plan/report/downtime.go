package report

import (
	"fmt"
	"time"

	"liftalot/units"
)

// Downtime is how long the server did not answer.
type Downtime struct {
	Millis  int64     `json:"millis"`
	After   int64     `json:"after"` // milliseconds from the beginning of the swap
	How     string    `json:"how"`   // probe, script or clock
	Probes  int       `json:"probes"`
	Rate    float64   `json:"rate"` // probes a second
	AtLeast bool      `json:"at_least,omitempty"`
	Since   time.Time `json:"down_since,omitzero"` // it did not answer when the run ended, and nothing that came later saw an answer
	Gaps    []Gap     `json:"gaps,omitempty"`
	Words   string    `json:"words"`              // the same for a person, such as "2.3s"
	Ended   string    `json:"ended_by,omitempty"` // the later run that ended it
}

// A Gap is one time without an answer; Until is zero where it had not ended.
type Gap struct {
	From    time.Time `json:"from"`
	Until   time.Time `json:"until,omitzero"`
	AtLeast bool      `json:"at_least,omitempty"` // nobody saw when it answered again: it was after Until
}

// sameGap is how far apart two runs may tell the beginning of one gap.
const sameGap = 3 * time.Second

// EndedBy takes from a later run of the host when a server that was down at the end of
// this one answered again: downtime is from the last answer to the next one, whoever
// brought it back.
func (d *Downtime) EndedBy(run string, later *Downtime) {
	if d.Since.IsZero() || later == nil || len(d.Gaps) == 0 {
		return
	}
	last := &d.Gaps[len(d.Gaps)-1]
	for _, g := range later.Gaps {
		if g.Until.IsZero() || g.From.Sub(last.From).Abs() > sameGap {
			continue
		}
		last.Until, last.AtLeast = g.Until, g.AtLeast
		d.Since, d.Ended, d.How, d.Millis, d.AtLeast = time.Time{}, run, "clock", 0, false
		for _, g := range d.Gaps {
			d.Millis += max(0, g.Until.Sub(g.From).Milliseconds())
			d.AtLeast = d.AtLeast || g.AtLeast
		}
		d.Words = units.Duration(time.Duration(min(d.Millis, longest)) * time.Millisecond)
		if d.AtLeast {
			d.Words = "at least " + d.Words
		}
		return
	}
}

// Sentence is the end of one that begins with "the server was".
func (d Downtime) Sentence() string {
	if d.Since.IsZero() {
		return "down for " + d.Words
	}
	return d.Words + ", and still when the run ended"
}

// BroughtBack says which later run ended the downtime, and when; "" for one that the run
// itself has ended, or nobody.
func (d Downtime) BroughtBack() string {
	if d.Ended == "" {
		return ""
	}
	last := d.Gaps[len(d.Gaps)-1]
	return fmt.Sprintf("It was down from %s to %s, when run %s brought it back.", clock(last.From), clock(last.Until), d.Ended)
}

// Measured says how the downtime is known.
func (d Downtime) Measured() string {
	switch d.How {
	case "probe":
		return fmt.Sprintf("measured from the host by %d probes, %.1f a second", d.Probes, d.Rate)
	case "script":
		return "by the clock of the script that replaced it"
	}
	return "from the last answer to the next one, by the times of the host and of the journal"
}

// longest, in milliseconds, keeps times in their type whatever a host said.
const longest = 366 * 24 * 3600 * 1000
