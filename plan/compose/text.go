package compose

import (
	"bytes"
	"sort"
	"unicode/utf8"
)

const bom = "\uFEFF"

// text is a file's bytes with the start of each of its lines. Lines are
// counted from 1 and columns from 1 in code points, as the parser does.
type text struct {
	src    []byte
	starts []int
	ascii  bool
}

func newText(src []byte) text {
	t := text{src: src, ascii: true}
	first := 0
	if bytes.HasPrefix(src, []byte(bom)) {
		first = len(bom) // it counts for nothing in columns
	}
	t.starts = append(make([]int, 0, bytes.Count(src, []byte{'\n'})+1), first)
	for i, b := range src {
		if b == '\n' && i+1 < len(src) {
			t.starts = append(t.starts, i+1)
		}
		if b >= utf8.RuneSelf && i >= first {
			t.ascii = false
		}
	}
	return t
}

func (t text) lines() int { return len(t.starts) }

// offset turns a line and a column into a place in the bytes.
func (t text) offset(line, col int) int {
	if line < 1 || line > len(t.starts) {
		return len(t.src)
	}
	at := t.starts[line-1]
	if t.ascii {
		return min(at+col-1, len(t.src))
	}
	for ; col > 1 && at < len(t.src); col-- {
		_, size := utf8.DecodeRune(t.src[at:])
		at += size
	}
	return at
}

// lineOf returns the line a place is on.
func (t text) lineOf(offset int) int {
	return max(1, sort.Search(len(t.starts), func(i int) bool { return t.starts[i] > offset }))
}

// next returns the start of the line below, or the end of the file.
func (t text) next(line int) int {
	if line < len(t.starts) {
		return t.starts[line]
	}
	return len(t.src)
}

// line returns a line without its line end.
func (t text) line(n int) []byte { return t.src[t.starts[n-1]:t.lineEnd(n)] }

// lineEnd returns the place right before a line's line end.
func (t text) lineEnd(n int) int { return t.next(n) - len(t.eolOf(n)) }

// eolOf returns a line's own line end, "" where the file stops without one.
func (t text) eolOf(n int) string {
	switch line := t.src[t.starts[n-1]:t.next(n)]; {
	case bytes.HasSuffix(line, []byte("\r\n")):
		return "\r\n"
	case bytes.HasSuffix(line, []byte("\n")):
		return "\n"
	}
	return ""
}

// eol returns the line end to write next to line n: its own, or that of the
// nearest line above which has one.
func (t text) eol(n int) string {
	for ; n >= 1; n-- {
		if e := t.eolOf(n); e != "" {
			return e
		}
	}
	return "\n"
}

// indent returns how many spaces a line begins with.
func (t text) indent(n int) int {
	line := t.line(n)
	return len(line) - len(bytes.TrimLeft(line, " "))
}

// blank reports whether a line holds nothing but white space.
func (t text) blank(n int) bool { return len(bytes.TrimLeft(t.line(n), " \t")) == 0 }

// comment reports whether a line holds a comment and nothing else.
func (t text) comment(n int) bool {
	line := bytes.TrimLeft(t.line(n), " \t")
	return len(line) > 0 && line[0] == '#'
}

// startsLine reports whether nothing but spaces stands before a place on its line.
func (t text) startsLine(offset int) bool {
	start := t.starts[t.lineOf(offset)-1]
	return start <= offset && len(bytes.TrimLeft(t.src[start:offset], " ")) == 0
}
