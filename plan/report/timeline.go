package report

import (
	"fmt"
	"time"

	"liftalot/units"
)

// A timeline is a picture of a run: its steps on one line, and beneath it how long
// the server was down. Its width is 1000 units, whatever the screen's is. It reaches as far as
// the downtime does, though the run ended before.
type timeline struct {
	ID     string // unlike any other on the page
	Bars   []bar
	Down   []bar // the times without a server
	Marks  []string
	End    float64 // where the run ended, 0 where the picture ends with it
	Text   string  // of the steps, in a sentence
	Words  string  // the whole picture, for who cannot see it
	Legend []legend
}

type bar struct {
	X, Width float64
	Class    string
	Title    string
}

// A legend says what a colour means.
type legend struct{ Class, Text string }

const (
	width    = 1000
	thinnest = 2 // what can be seen
)

// beyond is the part of the picture after a run that left the server down.
const beyond = 0.15

// draw returns nil for a run without a length.
func draw(id int, r Run) *timeline {
	ended := r.Ended
	for _, s := range r.Steps {
		if s.Ended.After(ended) {
			ended = s.Ended
		}
	}
	if r.Begun.IsZero() || !ended.After(r.Begun) {
		return nil
	}
	gaps := r.gaps()
	end, still := pictureEnd(r.Begun, ended, gaps)
	whole := end.Sub(r.Begun)
	at := func(t time.Time) float64 { return width * float64(t.Sub(r.Begun)) / float64(whole) }
	l := &timeline{
		ID:    fmt.Sprintf("timeline-%d", id),
		Text:  fmt.Sprintf("%d steps in %s, beginning at %s.", len(r.Steps), units.Duration(ended.Sub(r.Begun)), clock(r.Begun)),
		Marks: []string{clock(r.Begun), clock(end)},
	}
	switch {
	case still:
		l.Marks[1], l.End = "still down after "+clock(ended), at(ended)
	case end.After(ended):
		l.End = at(ended)
		l.Text += fmt.Sprintf(" The run ended at %s, the dashed line.", clock(ended))
	}
	l.Words = l.Text
	l.drawSteps(r, ended, at)
	l.drawGaps(r, gaps, at)
	return l
}

// pictureEnd is the end of the run, or of the downtime where that lasted longer, and
// whether nobody has seen its end.
func pictureEnd(begun, ended time.Time, gaps []Gap) (end time.Time, still bool) {
	end = ended
	for _, g := range gaps {
		if g.Until.IsZero() {
			return ended.Add(time.Duration(beyond * float64(ended.Sub(begun)))), true
		}
		if g.Until.After(end) && g.Until.Sub(begun) < longest*time.Millisecond {
			end = g.Until
		}
	}
	return end, false
}

func (l *timeline) drawSteps(r Run, ended time.Time, at func(time.Time) float64) {
	seen := map[string]bool{}
	for _, s := range r.Steps {
		if s.Begun.IsZero() {
			continue
		}
		until := s.Ended
		if until.IsZero() {
			until = ended
		}
		b := bar{X: at(s.Begun), Width: max(at(until)-at(s.Begun), thinnest), Title: fmt.Sprintf("%s: %s, %s", s.Title, s.Words(), units.Duration(until.Sub(s.Begun)))}
		switch {
		case s.Failed || s.State == "failed" || s.State == "unknown" || s.State == "not reverted":
			b.Class = "failed"
		case s.State == "reverted":
			b.Class = "reverted"
		default:
			b.Class = "step"
		}
		seen[b.Class] = true
		l.Bars = append(l.Bars, b)
	}
	for _, e := range []legend{{"step", "a step, done"}, {"reverted", "a step, done and reverted"}, {"failed", "a step that failed, or whose end nobody saw"}} {
		if seen[e.Class] {
			l.Legend = append(l.Legend, e)
		}
	}
}

func (l *timeline) drawGaps(r Run, gaps []Gap, at func(time.Time) float64) {
	for _, g := range gaps {
		x := max(0, min(at(g.From), width-1))
		end := float64(width)
		if !g.Until.IsZero() {
			end = min(at(g.Until), width)
		}
		l.Down = append(l.Down, bar{X: x, Width: max(end-x, 1)})
	}
	if r.Downtime != nil {
		l.Words += fmt.Sprintf(" The server was %s.", r.Downtime.Sentence())
		l.Legend = append(l.Legend, legend{"outage", "the server was down"})
	}
}

// gaps are the times without a server: by the clock where they are known so, else by the
// beginning of the step that replaced it.
func (r Run) gaps() []Gap {
	if r.Downtime == nil {
		return nil
	}
	d := *r.Downtime
	for _, s := range r.Steps {
		if s.Swap && !s.Begun.IsZero() && len(d.Gaps) == 0 {
			began := s.Begun.Add(time.Duration(min(d.After, longest)) * time.Millisecond)
			if began.After(s.Ended) && !s.Ended.IsZero() {
				began = s.Ended
			}
			return []Gap{{From: began, Until: began.Add(time.Duration(min(d.Millis, longest)) * time.Millisecond)}}
		}
	}
	return d.Gaps
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05") }
