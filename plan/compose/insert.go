package compose

import (
	"slices"
	"strings"
)

// An addition is a new entry, or several, of a mapping or list.
type addition struct {
	list   bool
	lines  func(column int) []string // when written line by line
	flow   []string                  // when written in brackets; nil: cannot be
	blank  bool                      // a blank line before
	reason string
}

// add plans an addition to the collection v that hangs on the key k, whatever
// the way it is written. k stands at column.
func (f *File) add(k, v *node, column int, a addition) ([]planned, error) {
	switch {
	case f.uses[v] > 0:
		return nil, shared(v)
	case v.Kind == aliasNode:
		return f.addBesideAlias(k, v, column, a)
	case isNull(v):
		return f.replaceValue(k, v, len(v.Value), column, a)
	case v.Kind == scalarNode || a.list != (v.Kind == sequenceNode):
		return nil, refuse(k.Line, WrongForm, "", "%q holds something else than expected", k.Value)
	case isFlow(v) && len(v.Content) == 0 && a.flow == nil:
		return f.addForBraces(k, v, column, a)
	case isFlow(v):
		return f.addInBrackets(k, v, a)
	}
	return f.addLast(k, v, a)
}

// addLast puts the addition below the last entry of a block collection.
func (f *File) addLast(k, v *node, a addition) ([]planned, error) {
	column, err := f.column(v)
	if err != nil {
		return nil, err
	}
	last := v.Content[len(v.Content)-1]
	if v.Kind == mappingNode {
		for i := 0; i < len(v.Content); i += 2 {
			if err := f.leading(v.Content[i]); err != nil {
				return nil, err
			}
		}
	}
	line, err := f.entryEnd(last, column)
	if err != nil {
		return nil, err
	}
	if v.Kind == mappingNode && f.open(last, column, line) {
		return f.aboveLast(v, column, a), nil
	}
	return f.below(line, last, v, column, a)
}

// open reports whether the file ends, on line, inside the text block that v
// ends with, in a way that makes one line end more part of that text.
func (f *File) open(v *node, column, line int) bool {
	block, atEnd := f.closing(v, column, line)
	return atEnd && f.eolOf(line) == "" && !block.strip
}

// aboveLast puts the addition above the last entry of a mapping and the
// comments that head it, where nothing can be put below.
func (f *File) aboveLast(v *node, column int, a addition) []planned {
	key := v.Content[len(v.Content)-2].Line
	line := key
	for line > 1 && f.comment(line-1) && f.indent(line-1) == column {
		line--
	}
	if line == 1 {
		line = key // they head the file
	}
	lines := a.lines(column)
	if a.blank {
		lines = append(lines, "")
	}
	eol := f.eol(line)
	s := Splice{Offset: f.starts[line-1], New: strings.Join(lines, eol) + eol, Reason: a.reason, Line: line}
	return []planned{{s, v}}
}

// below puts the addition below a line, the last of the entry whose value is
// last.
func (f *File) below(line int, last, into *node, column int, a addition) ([]planned, error) {
	block, atEnd := f.closing(last, column, line)
	if f.open(last, column, line) {
		return nil, refuse(line, OpenScalar, "end the last line with a line end",
			"the file ends inside a text block, and a line more would change that text")
	}
	lines := a.lines(column)
	if a.blank && !(atEnd && block.keep) {
		lines = append([]string{""}, lines...)
	}
	return []planned{{f.insertBelow(line, lines, a.reason), into}}, nil
}

// insertBelow returns the splice that puts lines below a line. Where the file
// ends without a line end it goes on doing so.
func (f *File) insertBelow(line int, lines []string, reason string) Splice {
	eol := f.eol(line)
	s := Splice{Offset: f.next(line), Line: min(line+1, f.lines()), Reason: reason}
	if f.eolOf(line) == "" {
		s.New = eol + strings.Join(lines, eol)
	} else {
		s.New = strings.Join(lines, eol) + eol
	}
	return s
}

// entryEnd returns the last line of the entry whose value is v: that of the
// value, or of the comments below it which are indented deeper than its key or
// dash at column.
func (f *File) entryEnd(v *node, column int) (int, error) {
	end, err := f.end(v, column)
	if err != nil {
		return 0, err
	}
	last, below := f.lineOf(end), true
	for l := last + 1; l <= f.lines() && (f.blank(l) || f.comment(l)); l++ {
		if rest := f.line(l)[f.indent(l):]; len(rest) > 0 && rest[0] == '\t' {
			// Where it may stand depends on what is above it.
			return 0, refuse(l, Layout, "use spaces", "a comment or an empty line begins with a tab")
		}
		if f.blank(l) {
			continue
		}
		if below = below && f.indent(l) > column; below {
			last = l
		}
	}
	return last, nil
}

// closing returns how the text block is written that the entry of value v ends
// with, if it reaches as far down as line.
func (f *File) closing(v *node, column, line int) (scalarHeader, bool) {
	s, parent := f.lastScalar(v, column)
	if s == nil {
		return scalarHeader{}, false
	}
	end, err := f.endOfBlockScalar(s, parent)
	return f.header(s), err == nil && f.lineOf(end) >= line
}

// replaceValue puts the addition below the key k, and takes away its value, which is
// so many bytes long.
func (f *File) replaceValue(k, v *node, length, column int, a addition) ([]planned, error) {
	if err := f.leading(k); err != nil {
		return nil, err
	}
	line, err := f.entryEnd(v, column)
	if err != nil {
		return nil, err
	}
	out, err := f.below(line, v, v, column+f.step(a.list), a)
	if err != nil || length == 0 {
		return out, err
	}
	return append([]planned{f.dropValue(v, length, a.reason)}, out...), nil
}

// addForBraces puts the addition in the place of an empty {} or [].
func (f *File) addForBraces(k, v *node, column int, a addition) ([]planned, error) {
	end, err := f.end(v, column)
	if err != nil {
		return nil, err
	}
	at := f.start(v)
	if v.Anchor != "" || v.Style&taggedStyle != 0 || strings.ContainsAny(string(f.src[at:end]), "#\n") {
		return nil, refuse(v.Line, FlowStyle, "write it line by line", "%q holds brackets that cannot be replaced", k.Value)
	}
	return f.replaceValue(k, v, end-at, column, a)
}

// dropValue takes away a value of so many bytes and the blanks before it, unless
// they have to keep a comment apart.
func (f *File) dropValue(v *node, length int, reason string) planned {
	at := f.content(v)
	end := at + length
	comment := end < len(f.src) && f.src[end] == '#'
	for !comment && at > 0 && (f.src[at-1] == ' ' || f.src[at-1] == '\t') {
		at--
	}
	return planned{Splice: Splice{Offset: at, Old: string(f.src[at:end]), Reason: reason, Line: f.lineOf(at)}}
}

// addBesideAlias turns `key: *other` into a mapping that merges *other.
func (f *File) addBesideAlias(k, v *node, column int, a addition) ([]planned, error) {
	if a.list || v.Alias.Kind != mappingNode {
		return nil, refuse(k.Line, WrongForm, "write the list out", "%q is an alias of a list, and lists cannot be merged", k.Value)
	}
	if f.lineOf(f.start(v)) != k.Line {
		return nil, refuse(v.Line, KeyStyle, "", "the alias of %q stands on a line of its own", k.Value)
	}
	own := a.lines
	a.lines = func(column int) []string {
		return append([]string{spaces(column) + "<<: *" + v.Value}, own(column)...)
	}
	return f.replaceValue(k, v, len("*")+len(v.Value), column, a)
}

// addInBrackets puts the addition behind the last entry of a flow collection.
func (f *File) addInBrackets(k, v *node, a addition) ([]planned, error) {
	if a.flow == nil {
		return nil, refuse(v.Line, FlowStyle, "write it line by line", "%q is written in brackets", k.Value)
	}
	s := Splice{Reason: a.reason, New: strings.Join(a.flow, ", ")}
	if len(v.Content) == 0 {
		s.Offset = f.content(v) + 1
	} else {
		end, err := f.end(v.Content[len(v.Content)-1], 0)
		if err != nil {
			return nil, err
		}
		s.Offset, s.New = end, ", "+s.New
	}
	s.Line = f.lineOf(s.Offset)
	return []planned{{Splice: s}}, nil
}

// leading refuses a key that is not written as `key:` at the beginning of a
// line: one behind ?, or inside brackets.
func (f *File) leading(k *node) error {
	plain := k.Kind == scalarNode && f.startsLine(f.start(k)) && f.start(k) == f.content(k)
	if plain {
		if _, colon, err := f.behindKey(k, 0); err == nil && colon {
			return nil
		}
	}
	return refuse(k.Line, KeyStyle, "write it as `key: value` on a line of its own", "the key %q does not begin its line", k.Value)
}

func (f *File) step(list bool) int {
	if list {
		return f.style.list
	}
	return f.style.mapping
}

func shared(n *node) *RefusalError {
	return refuse(n.Line, Shared, "write the edited part out where it is used",
		"the anchor %q carries an edit here to other places", n.Anchor)
}

func spaces(n int) string { return strings.Repeat(" ", n) }

// indented returns lines moved to a column.
func indented(column int, lines []string) []string {
	out := slices.Clone(lines)
	for i, l := range out {
		if l != "" {
			out[i] = spaces(column) + l
		}
	}
	return out
}
