package compose

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// An UndoResult is a file with our change taken out.
type UndoResult struct {
	Content []byte
	// Kept reports that somebody has edited the file since, and that Content
	// keeps what they did. Otherwise Content is the file before, byte for byte.
	Kept bool
	// Hunks are what going back changes in the file as it is now.
	Hunks []Hunk
}

// An UndoConflictError says that somebody has edited, since, what we edited. Nothing
// can be reverted there without losing theirs.
type UndoConflictError struct{ Clashes []Clash }

// A Clash is one place both sides changed. Lines have no line ends; they may
// hold secrets.
type Clash struct {
	Line   int // in the file as it is now, from 1
	Before []string
	Ours   []string
	Now    []string
}

func (c *UndoConflictError) Error() string {
	var lines []string
	for _, clash := range c.Clashes {
		lines = append(lines, fmt.Sprint(clash.Line))
	}
	return "the file was edited since, in the same place as we did: line " + strings.Join(lines, ", ")
}

// Undo takes out of now the change that led from before to ours, and keeps
// what was changed since. It works on the lines of any text. Where all three
// are compose files their meaning decides as well: the outcome must mean what
// now means, less our change, or else Undo gives an [*UndoConflictError].
func Undo(before, ours, now []byte) (UndoResult, error) {
	switch {
	case bytes.Equal(now, ours):
		return undone(before, now, false), nil
	case bytes.Equal(now, before):
		return undone(before, now, false), nil
	case bytes.Equal(before, ours):
		return undone(now, now, true), nil
	}
	m := &undoMerge{before: withLineEnds(before), ours: withLineEnds(ours), now: withLineEnds(now)}
	back := lineDiff(m.ours, m.before)
	since := lineDiff(m.ours, m.now)
	content := m.merge(back, since)
	if len(m.clashes) > 0 {
		return UndoResult{}, &UndoConflictError{m.clashes}
	}
	if isEnded(now) == isEnded(ours) && !isEnded(before) || isEnded(now) != isEnded(ours) && !isEnded(now) {
		content = []byte(bareText(string(content)))
	}
	if !meansUndone(before, ours, now, content) {
		m.clashAll(back, since)
		return UndoResult{}, &UndoConflictError{m.clashes}
	}
	return undone(content, now, true), nil
}

func undone(content, now []byte, kept bool) UndoResult {
	return UndoResult{Content: bytes.Clone(content), Kept: kept, Hunks: lineHunks(now, content, "reverted")}
}

// lineHunks tells the difference between two texts by line.
func lineHunks(a, b []byte, reason string) []Hunk {
	la, lb := splitLines(a), splitLines(b)
	var out []Hunk
	for _, r := range lineDiff(la, lb) {
		out = append(out, Hunk{Line: r.a0 + 1, Removed: trimLineEnds(la[r.a0:r.a1]), Added: trimLineEnds(lb[r.b0:r.b1]), Reason: reason})
	}
	return out
}

// withLineEnds returns lines with a line end on the last one too, whether or not it
// has one, so that a line put below it leaves it alone.
func withLineEnds(src []byte) []string {
	lines := splitLines(src)
	if isEnded(src) {
		return lines
	}
	last, end := &lines[len(lines)-1], "\n"
	if len(lines) > 1 && strings.HasSuffix(lines[len(lines)-2], "\r\n") {
		end = "\r\n"
	}
	*last += end
	return lines
}

func isEnded(src []byte) bool { return len(src) == 0 || src[len(src)-1] == '\n' }

func bareText(line string) string {
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
}

// trimLineEnds returns lines without their line ends.
func trimLineEnds(lines []string) []string {
	out := make([]string, 0, len(lines))
	for _, l := range lines {
		out = append(out, bareText(l))
	}
	return out
}

// An undoMerge goes back from ours to before and on from ours to now at once.
type undoMerge struct {
	before, ours, now []string
	clashes           []Clash
}

func (m *undoMerge) merge(back, since []region) []byte {
	var out strings.Builder
	at := 0 // in ours
	for len(back) > 0 || len(since) > 0 {
		if len(back) > 0 && len(since) > 0 && m.same(back[0], since[0]) {
			since = since[1:] // ours is out already; back writes it once
		} else if len(back) > 0 && len(since) > 0 && overlap(back[0], since[0]) {
			back, since = m.clash(back, since)
			continue
		}
		mine := len(since) == 0 || len(back) > 0 && precedes(back[0], since[0])
		r, with := region{}, m.now
		if mine {
			r, with, back = back[0], m.before, back[1:]
		} else {
			r, since = since[0], since[1:]
		}
		out.WriteString(strings.Join(m.ours[at:max(at, r.a0)], ""))
		out.WriteString(strings.Join(with[r.b0:r.b1], ""))
		at = max(at, r.a1)
	}
	out.WriteString(strings.Join(m.ours[at:], ""))
	return []byte(out.String())
}

// same reports whether a change back and a change since are one and the same.
func (m *undoMerge) same(back, since region) bool {
	return back.a0 == since.a0 && back.a1 == since.a1 &&
		slices.Equal(m.before[back.b0:back.b1], m.now[since.b0:since.b1])
}

// overlap reports whether two changes of ours are in the same place. Neighbours
// are not, but two insertions at one point are: nothing tells their order.
func overlap(x, y region) bool {
	if x.a0 == x.a1 && y.a0 == y.a1 {
		return x.a0 == y.a0
	}
	return x.a0 < y.a1 && y.a0 < x.a1
}

func precedes(x, y region) bool {
	if x.a0 != y.a0 {
		return x.a0 < y.a0
	}
	return x.a1 < y.a1
}

// clash notes the place where the first two changes meet, with all that
// overlaps it, and returns what is left.
func (m *undoMerge) clash(back, since []region) (restBack, restSince []region) {
	a0, a1 := min(back[0].a0, since[0].a0), max(back[0].a1, since[0].a1)
	i, j := 1, 1
	for grown := true; grown; {
		grown = false
		if i < len(back) && back[i].a0 < a1 {
			a1, i, grown = max(a1, back[i].a1), i+1, true
		}
		if j < len(since) && since[j].a0 < a1 {
			a1, j, grown = max(a1, since[j].a1), j+1, true
		}
	}
	m.note(a0, a1, back[:i], since[:j])
	return back[i:], since[j:]
}

func (m *undoMerge) note(a0, a1 int, back, since []region) {
	b0, b1 := project(back, a0, a1)
	n0, n1 := project(since, a0, a1)
	m.clashes = append(m.clashes, Clash{
		Line:   n0 + 1,
		Before: trimLineEnds(m.before[b0:b1]),
		Ours:   trimLineEnds(m.ours[a0:a1]),
		Now:    trimLineEnds(m.now[n0:n1]),
	})
}

// project returns the lines on the other side of regions that stand for lines
// a0 to a1 of ours.
func project(regions []region, a0, a1 int) (int, int) {
	first, last := regions[0], regions[len(regions)-1]
	return first.b0 - (first.a0 - a0), last.b1 + (a1 - last.a1)
}

// clashAll notes each of our changes beside the change since that is nearest.
// Texts that differ in nothing but their last line end have no changed line.
func (m *undoMerge) clashAll(back, since []region) {
	for _, r := range back {
		if len(since) == 0 {
			break
		}
		near := slices.MinFunc(since, func(x, y region) int { return distance(r, x) - distance(r, y) })
		if distance(r, near) > 1 {
			continue
		}
		m.note(min(r.a0, near.a0), max(r.a1, near.a1), []region{r}, []region{near})
	}
	if len(m.clashes) > 0 {
		return
	}
	var r region
	if len(back) > 0 {
		r = back[0]
	}
	m.note(r.a0, r.a1, []region{r}, []region{{a0: r.a0, a1: r.a0, b0: r.a0, b1: r.a0}})
}

func distance(x, y region) int { return max(0, max(x.a0-y.a1, y.a0-x.a1)) }
