package compose

import (
	"slices"
	"strings"
)

// A Hunk is a change as a person reads it: whole lines, with the reason.
type Hunk struct {
	// Line is that of the first line removed, or of the line above which lines
	// come in, from 1.
	Line    int      `json:"line"`
	Removed []string `json:"removed,omitempty"` // without line ends
	Added   []string `json:"added,omitempty"`
	Reason  string   `json:"reason,omitempty"`
}

// hunks tells splices by line. Splices in one line or in neighbours make one hunk.
func hunks(before, after text, splices []Splice) []Hunk {
	var out []Hunk
	var open *lineChange
	shift := 0
	for _, s := range splices {
		next := &lineChange{reasons: []string{s.Reason}}
		next.was, next.wasEnd = lineSpan(before, s.Offset, s.end())
		next.is, next.isEnd = lineSpan(after, s.Offset+shift, s.Offset+shift+len(s.New))
		shift += len(s.New) - len(s.Old)
		switch {
		case open == nil:
			open = next
		case next.was <= open.wasEnd || next.is <= open.isEnd:
			open.take(next)
		default:
			out = append(out, open.hunk(before, after))
			open = next
		}
	}
	if open != nil {
		out = append(out, open.hunk(before, after))
	}
	return out
}

// A lineChange has the lines a hunk replaces and those it replaces them with, the
// end not included.
type lineChange struct {
	was, wasEnd int
	is, isEnd   int
	reasons     []string
}

func (s *lineChange) take(next *lineChange) {
	s.wasEnd, s.isEnd = max(s.wasEnd, next.wasEnd), max(s.isEnd, next.isEnd)
	if !slices.Contains(s.reasons, next.reasons[0]) {
		s.reasons = append(s.reasons, next.reasons[0])
	}
}

func (s *lineChange) hunk(before, after text) Hunk {
	return Hunk{
		Line:    s.was,
		Removed: linesOf(before, s.was, s.wasEnd),
		Added:   linesOf(after, s.is, s.isEnd),
		Reason:  strings.Join(s.reasons, ", "),
	}.trimmed()
}

// lineSpan returns the lines a stretch of bytes touches, the end not included.
// A stretch that begins at a line's start and ends at one touches no more.
func lineSpan(t text, from, to int) (first, end int) {
	first = t.lineOf(from)
	if from >= len(t.src) && from > 0 && t.src[from-1] == '\n' {
		return t.lines() + 1, t.lines() + 1
	}
	if from == to && from == t.starts[first-1] {
		return first, first
	}
	end = t.lineOf(to)
	if to > t.starts[end-1] {
		end++
	}
	return first, max(first, end)
}

func linesOf(t text, first, end int) []string {
	var out []string
	for l := first; l < end && l <= t.lines(); l++ {
		out = append(out, string(t.line(l)))
	}
	return out
}

// trimmed takes away lines that stand on both sides.
func (h Hunk) trimmed() Hunk {
	for len(h.Removed) > 0 && len(h.Added) > 0 && h.Removed[0] == h.Added[0] {
		h.Removed, h.Added = h.Removed[1:], h.Added[1:]
		h.Line++
	}
	for len(h.Removed) > 0 && len(h.Added) > 0 && slices.Equal(h.Removed[len(h.Removed)-1:], h.Added[len(h.Added)-1:]) {
		h.Removed, h.Added = h.Removed[:len(h.Removed)-1], h.Added[:len(h.Added)-1]
	}
	return h
}
