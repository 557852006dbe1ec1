package compose

import (
	"fmt"
	"slices"
	"strings"
)

// A DiffKind says what a line of a difference is.
type DiffKind string

// The kinds of lines, by how they begin in a unified difference.
const (
	DiffFile    DiffKind = "file"    // --- or +++ and the name
	DiffHunk    DiffKind = "hunk"    // @@ and where; Reason says why
	DiffContext DiffKind = "context" // as it is
	DiffAdd     DiffKind = "add"
	DiffRemove  DiffKind = "remove"
)

// A DiffLine is one line of a unified difference, for people to read. It is not
// for patching: values may be hidden.
type DiffLine struct {
	Kind   DiffKind `json:"kind"`
	Text   string   `json:"text"`
	Reason string   `json:"reason,omitempty"`
}

// String returns the line as `diff -u` prints it, with a hunk's reason behind.
func (l DiffLine) String() string {
	switch l.Kind {
	case DiffAdd:
		return "+" + l.Text
	case DiffRemove:
		return "-" + l.Text
	case DiffContext:
		return " " + l.Text
	}
	if l.Reason != "" {
		return l.Text + " " + l.Reason
	}
	return l.Text
}

type diffOptions struct {
	reasons []Splice
}

// A DiffOption changes what [Diff] shows.
type DiffOption func(*diffOptions)

// WithReasons puts the reasons of the splices that made the difference at the
// head of its hunks.
func WithReasons(splices []Splice) DiffOption {
	return func(o *diffOptions) { o.reasons = splices }
}

// context is how many unchanged lines stand around a change.
const context = 3

// Diff returns the difference of two versions of a file, as `diff -u` does, or
// nothing if they are equal. What may be a secret is hidden as in [RedactLine].
func Diff(name string, before, after []byte, options ...DiffOption) []DiffLine {
	var o diffOptions
	for _, option := range options {
		option(&o)
	}
	a, b := splitLines(before), splitLines(after)
	regions := lineDiff(a, b)
	if len(regions) == 0 {
		return nil
	}
	p := &printer{a: shown(a), b: shown(b), reasons: o.reasons}
	p.put(DiffFile, "--- "+name)
	p.put(DiffFile, "+++ "+name)
	for len(regions) > 0 {
		n := 1
		for n < len(regions) && regions[n].a0-regions[n-1].a1 <= 2*context {
			n++
		}
		p.hunk(regions[:n])
		regions = regions[n:]
	}
	return p.out
}

// shown returns lines as they may be shown.
func shown(lines []string) []string {
	redact := newRedactor().line
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = redact(bareText(l))
		if !strings.HasSuffix(l, "\n") {
			out[i] += " (no line end)"
		}
	}
	return out
}

type printer struct {
	a, b    []string
	reasons []Splice
	out     []DiffLine
}

func (p *printer) put(kind DiffKind, lines ...string) {
	for _, l := range lines {
		p.out = append(p.out, DiffLine{Kind: kind, Text: l})
	}
}

func (p *printer) hunk(regions []region) {
	first, last := regions[0], regions[len(regions)-1]
	before, after := min(context, first.a0), min(context, len(p.a)-last.a1)
	a0, a1 := first.a0-before, last.a1+after
	b0, b1 := first.b0-before, last.b1+after
	p.out = append(p.out, DiffLine{
		Kind:   DiffHunk,
		Text:   fmt.Sprintf("@@ -%s +%s @@", lineRange(a0, a1), lineRange(b0, b1)),
		Reason: p.reason(first.a0, last.a1),
	})
	for _, r := range regions {
		p.put(DiffContext, p.a[a0:r.a0]...)
		p.put(DiffRemove, p.a[r.a0:r.a1]...)
		p.put(DiffAdd, p.b[r.b0:r.b1]...)
		a0 = r.a1
	}
	p.put(DiffContext, p.a[a0:a1]...)
}

func lineRange(from, to int) string {
	if from == to {
		return fmt.Sprintf("%d,0", from)
	}
	return fmt.Sprintf("%d,%d", from+1, to-from)
}

// reason returns the reasons of the splices in lines a0 to a1, from 0.
func (p *printer) reason(a0, a1 int) string {
	var out []string
	for _, s := range p.reasons {
		if s.Line >= a0 && s.Line <= a1+1 && s.Reason != "" && !slices.Contains(out, s.Reason) {
			out = append(out, s.Reason)
		}
	}
	return strings.Join(out, ", ")
}
