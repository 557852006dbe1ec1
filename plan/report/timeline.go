package report

import (
	"fmt"
	"time"
)

// A timeline is a picture of a run: its steps on one line, and beneath it how long
// the server was away. Its width is 1000 units, whatever the screen's is.
type timeline struct {
	ID    string // unlike any other on the page
	Bars  []bar
	Away  []bar // the times without a server
	Marks []mark
	Words string // the picture, for who cannot see it
}

type bar struct {
	X, Width float64
	Class    string
	Title    string
}

// A mark is a moment on the axis.
type mark struct {
	X     float64
	Label string
	Last  bool
}

const width = 1000

// draw returns nil for a run without a length.
func draw(id int, r Run) *timeline {
	end := r.Ended
	for _, s := range r.Steps {
		if s.Ended.After(end) {
			end = s.Ended
		}
	}
	whole := end.Sub(r.Begun)
	if r.Begun.IsZero() || whole <= 0 {
		return nil
	}
	at := func(t time.Time) float64 { return width * float64(t.Sub(r.Begun)) / float64(whole) }
	l := &timeline{
		ID:    fmt.Sprintf("timeline-%d", id),
		Words: fmt.Sprintf("%d steps in %s, beginning at %s.", len(r.Steps), round(whole), clock(r.Begun)),
		Marks: []mark{{0, clock(r.Begun), false}, {width, clock(end), true}},
	}
	for i, s := range r.Steps {
		if s.Begun.IsZero() {
			continue
		}
		ended := s.Ended
		if ended.IsZero() {
			ended = end
		}
		b := bar{X: at(s.Begun), Width: max(at(ended)-at(s.Begun), 1), Title: fmt.Sprintf("%s: %s, %s", s.Title, s.State, round(ended.Sub(s.Begun)))}
		switch {
		case s.State == "failed" || s.State == "unknown" || s.State == "not taken back":
			b.Class = "bad"
		case i%2 == 1:
			b.Class = "odd"
		default:
			b.Class = "even"
		}
		l.Bars = append(l.Bars, b)
	}
	if r.Downtime != nil {
		l.drawGaps(*r.Downtime, r, at)
	}
	return l
}

// drawGaps draws the times without a server: by the clock where they are known so, else by the
// beginning of the step that replaced it.
func (l *timeline) drawGaps(d Downtime, r Run, at func(time.Time) float64) {
	gaps := d.Gaps
	for _, s := range r.Steps {
		if s.Swap && !s.Begun.IsZero() && len(gaps) == 0 {
			began := s.Begun.Add(time.Duration(min(d.After, longest)) * time.Millisecond)
			if began.After(s.Ended) && !s.Ended.IsZero() {
				began = s.Ended
			}
			gaps = []Gap{{began, began.Add(time.Duration(min(d.Millis, longest)) * time.Millisecond)}}
		}
	}
	for _, g := range gaps {
		x := max(0, min(at(g.From), width-1))
		end := float64(width)
		if !g.Until.IsZero() {
			end = min(at(g.Until), width)
		}
		l.Away = append(l.Away, bar{X: x, Width: max(end-x, 1), Class: "bad"})
	}
	l.Words += fmt.Sprintf(" The server was %s.", d.Sentence())
}

// longest, in milliseconds, keeps times in their type whatever a host said.
const longest = 366 * 24 * 3600 * 1000

func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}
