package compose

import (
	"bytes"
	"fmt"
	"strings"
)

// The parser says where a node begins and not where it ends. This file works
// the end out from the source, by what kind of node it is.

// start returns where a node begins, its anchor or tag included.
func (t text) start(n *node) int { return t.offset(n.Line, n.Column) }

// afterProperties returns the place right behind a node's anchor and tag.
func (t text) afterProperties(n *node) int {
	at := t.start(n)
	bare := isFlow(n) && bytes.HasPrefix(t.src[at:], []byte("! ")) // a tag that says nothing
	if n.Kind != scalarNode && n.Anchor == "" && n.Style&taggedStyle == 0 && !bare {
		return at // the & or ! that may stand here belongs to the first key
	}
	end := at
	for at < len(t.src) && (t.src[at] == '&' || t.src[at] == '!') {
		for at < len(t.src) && !bytes.ContainsRune([]byte(" \t\r\n,[]{}"), rune(t.src[at])) {
			at++
		}
		end = at
		at = t.skipSpace(at)
	}
	return end
}

// content returns where a node's own text begins.
func (t text) content(n *node) int {
	at := t.afterProperties(n)
	if at == t.start(n) {
		return at
	}
	return t.skipSpace(at)
}

// skipSpace steps over white space, line ends and comments.
func (t text) skipSpace(at int) int {
	for at < len(t.src) {
		switch t.src[at] {
		case ' ', '\t', '\r', '\n':
			at++
		case '#':
			if nl := bytes.IndexByte(t.src[at:], '\n'); nl >= 0 {
				at += nl
			} else {
				at = len(t.src)
			}
		default:
			return at
		}
	}
	return at
}

// end returns the place right behind a node. parent is the column, from 0, of
// the key or dash the node hangs on.
func (t text) end(n *node, parent int) (int, error) {
	switch {
	case n.Kind == aliasNode:
		return t.start(n) + len("*") + len(n.Value), nil
	case n.Kind != scalarNode:
		return t.endOfCollection(n, parent)
	case n.Style&(literalStyle|foldedStyle) != 0:
		return t.endOfBlockScalar(n, parent)
	case n.Style&doubleQuoted != 0:
		return t.endOfQuoted(t.content(n), '"')
	case n.Style&singleQuoted != 0:
		return t.endOfQuoted(t.content(n), '\'')
	case n.Value == "":
		return t.afterProperties(n), nil
	}
	return t.endOfPlain(n)
}

func (t text) endOfCollection(n *node, parent int) (int, error) {
	at := t.content(n)
	if isFlow(n) && at < len(t.src) && (t.src[at] == '[' || t.src[at] == '{') {
		return t.endOfFlow(at)
	}
	if len(n.Content) == 0 {
		return 0, t.lost(n)
	}
	last := n.Content[len(n.Content)-1]
	if !isFlow(n) {
		var err error
		if parent, err = t.column(n); err != nil {
			return 0, err
		}
		if n.Kind == mappingNode && t.absent(last) {
			return t.endOfKey(n.Content[len(n.Content)-2], parent)
		}
	}
	return t.end(last, parent)
}

// absent reports whether a value is one nobody wrote.
func (t text) absent(n *node) bool {
	return isNull(n) && n.Value == "" && t.afterProperties(n) == t.start(n)
}

// endOfKey returns the place right behind a key and its colon, where a value
// would stand.
func (t text) endOfKey(k *node, parent int) (int, error) {
	at, colon, err := t.behindKey(k, parent)
	if err == nil && !colon {
		err = t.lost(k) // `? key`
	}
	return at, err
}

// behindKey returns the place behind a key: behind its colon, if it has one.
// Within brackets, and behind ?, it need not.
func (t text) behindKey(k *node, parent int) (at int, colon bool, err error) {
	if at, err = t.end(k, parent); err != nil {
		return 0, false, err
	}
	rest := bytes.TrimLeft(t.src[at:], " \t")
	if len(rest) > 0 && rest[0] == ':' {
		return len(t.src) - len(rest) + 1, true, nil
	}
	return at, false, nil
}

// column returns the column, from 0, of the keys or dashes of a block
// collection.
func (t text) column(n *node) (int, error) {
	switch {
	case isFlow(n) || len(n.Content) == 0:
		return 0, t.lost(n)
	case n.Kind == mappingNode:
		return n.Content[0].Column - 1, nil
	}
	dash := t.content(n)
	if dash >= len(t.src) || t.src[dash] != '-' {
		return 0, t.lost(n)
	}
	return dash - t.starts[t.lineOf(dash)-1], nil
}

// endOfPlain follows a plain scalar's words over line ends.
func (t text) endOfPlain(n *node) (int, error) {
	at := t.content(n)
	if bytes.HasPrefix(t.src[at:], []byte(n.Value)) {
		return at + len(n.Value), nil
	}
	for _, word := range strings.Fields(n.Value) {
		at += len(t.src[at:]) - len(bytes.TrimLeft(t.src[at:], " \t\r\n"))
		if !bytes.HasPrefix(t.src[at:], []byte(word)) {
			return 0, t.lost(n)
		}
		at += len(word)
	}
	return at, nil
}

func (t text) endOfQuoted(at int, quote byte) (int, error) {
	line := t.lineOf(at)
	for i := at + 1; i < len(t.src); i++ {
		switch {
		case quote == '"' && t.src[i] == '\\':
			i++
		case t.src[i] != quote:
		case quote == '\'' && i+1 < len(t.src) && t.src[i+1] == quote:
			i++
		default:
			return i + 1, nil
		}
	}
	return 0, fmt.Errorf("line %d: find the end of a quoted text", line)
}

// endOfFlow finds the bracket that closes the one at a place. A quote opens a
// text only where a value may begin, and # a comment only behind white space.
func (t text) endOfFlow(at int) (int, error) {
	depth, line, before := 0, t.lineOf(at), byte('[')
	for i := at; i < len(t.src); i++ {
		c := t.src[i]
		opens := strings.IndexByte(" \t\r\n[{,:", before) >= 0
		switch {
		case (c == '"' || c == '\'') && opens:
			end, err := t.endOfQuoted(i, c)
			if err != nil {
				return 0, err
			}
			i = end - 1
		case c == '#' && strings.IndexByte(" \t\r\n", before) >= 0:
			i = t.lineEnd(t.lineOf(i)) - 1
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			if depth--; depth == 0 {
				return i + 1, nil
			}
		}
		before = t.src[i]
	}
	return 0, fmt.Errorf("line %d: find the closing bracket", line)
}

// endOfBlockScalar returns the end of the last line of a | or > text. Blank
// lines below it are part of it only with the indicator +.
func (t text) endOfBlockScalar(n *node, parent int) (int, error) {
	at := t.content(n)
	head := t.lineOf(at)
	header := blockHeader(t.src[at:t.lineEnd(head)])
	inner := parent + header.indent
	last, tail := head, head
	for l := head + 1; l <= t.lines(); l++ {
		if t.blank(l) && (inner == parent || t.indent(l) <= inner) {
			tail = l
			continue
		}
		if inner == parent {
			inner = t.indent(l)
		}
		if t.indent(l) <= parent && parent >= 0 || t.indent(l) < inner {
			break
		}
		last, tail = l, l
	}
	if header.keep {
		last = tail
	}
	return t.lineEnd(last), nil
}

// A scalarHeader is what stands behind | or >.
type scalarHeader struct {
	indent      int // 0: taken from the first line
	keep, strip bool
}

func blockHeader(head []byte) scalarHeader {
	var h scalarHeader
	for i, c := range head {
		switch {
		case c == '+':
			h.keep = true
		case c == '-':
			h.strip = true
		case c >= '1' && c <= '9':
			h.indent = int(c - '0')
		case i > 0:
			return h
		}
	}
	return h
}

// lastScalar returns the block scalar a node ends with and the column it hangs
// on, nil if the node ends with something else.
func (t text) lastScalar(n *node, parent int) (*node, int) {
	for n.Kind != scalarNode && len(n.Content) > 0 && !isFlow(n) {
		column, err := t.column(n)
		if err != nil {
			return nil, 0
		}
		n, parent = n.Content[len(n.Content)-1], column
	}
	if n.Kind == scalarNode && n.Style&(literalStyle|foldedStyle) != 0 {
		return n, parent
	}
	return nil, 0
}

func (t text) header(scalar *node) scalarHeader {
	at := t.content(scalar)
	return blockHeader(t.src[at:t.lineEnd(t.lineOf(at))])
}

func (t text) lost(n *node) error {
	return fmt.Errorf("line %d: find the end of a value in the source", n.Line)
}
