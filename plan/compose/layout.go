package compose

import (
	"strings"
)

// A body is the YAML of an entry to add, which our callers wrote.
type body struct {
	text
	root  *node // nil: nothing
	value *value
}

// parseBody reads the body of an entry: nothing, or a mapping from column 0
// without anchors, aliases and brackets around it.
func parseBody(name, src string) (*body, *RefusalError) {
	if strings.TrimSpace(src) == "" {
		return &body{value: nullValue()}, nil
	}
	bad := func(line int, reason string) (*body, *RefusalError) {
		return nil, refuse(line, BadEdit, "", "the body of %q: %s", name, reason)
	}
	src = strings.TrimRight(src, "\n") + "\n"
	if err := checkText("the body of "+name, src); err != nil {
		return nil, err
	}
	if strings.ContainsAny(src, "\t\r") {
		return bad(0, "it holds a tab or a carriage return")
	}
	root, err := decode([]byte(src))
	if err != nil {
		return bad(0, err.Error())
	}
	b := &body{text: newText([]byte(src)), root: root}
	if root.Kind != mappingNode || isFlow(root) || root.Content[0].Column != 1 {
		return bad(root.Line, "it is not a mapping from column 0")
	}
	v, uses, refusal := resolve(root)
	if refusal != nil {
		return nil, refusal
	}
	if len(uses) > 0 || anchored(root) {
		return bad(root.Line, "it holds anchors or aliases")
	}
	b.value = v
	return b, nil
}

func anchored(n *node) bool {
	if n.Anchor != "" {
		return true
	}
	for _, c := range n.Content {
		if anchored(c) {
			return true
		}
	}
	return false
}

// lines returns the entry `name:` at a column with the body below it, indented
// in a style.
func (b *body) lines(name string, column int, s style) []string {
	head := spaces(column) + scalarText(name) + ":"
	if b.root == nil {
		return []string{head}
	}
	m := &mover{body: b, style: s, by: make([]int, b.text.lines()+1), known: make([]bool, b.text.lines()+1)}
	m.collection(b.root, 0, column+s.mapping)
	return append([]string{head}, m.moved()...)
}

// A mover works out how far each line of a body moves.
type mover struct {
	*body
	style style
	by    []int // per line, from 1
	known []bool
}

func (m *mover) set(line, by int) {
	if !m.known[line] {
		m.known[line], m.by[line] = true, by
	}
}

// collection moves a block collection whose keys or dashes stand at column was
// to column is.
func (m *mover) collection(n *node, was, is int) {
	if n.Kind == mappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			m.set(n.Content[i].Line, is-was)
			m.under(n.Content[i+1], was, is, false)
		}
		return
	}
	for _, item := range n.Content {
		m.set(item.Line, is-was)
		m.under(item, was, is, true)
	}
}

// under moves what hangs on a key or dash at column was, which moved to is.
func (m *mover) under(n *node, was, is int, dash bool) {
	if n.Kind == scalarNode || isFlow(n) {
		m.follow(n, was, is)
		return
	}
	column, err := m.column(n)
	if err != nil {
		return
	}
	switch {
	case dash:
		is += column - was // it goes on in the dash's line
	case n.Kind == mappingNode:
		is += m.style.mapping
	default:
		is += m.style.list
	}
	m.collection(n, column, is)
}

// follow moves the further lines of a value over several lines with its first.
func (m *mover) follow(n *node, was, is int) {
	end, err := m.end(n, was)
	if err != nil {
		return
	}
	for l := n.Line; l <= m.lineOf(end); l++ {
		m.set(l, is-was)
	}
}

// moved returns the body's lines, moved. Comments go with the line below them.
func (m *mover) moved() []string {
	n := m.text.lines()
	for l, by := n, 0; l >= 1; l-- {
		if m.known[l] {
			by = m.by[l]
		} else {
			m.by[l] = by
		}
	}
	out := make([]string, 0, n)
	for l := 1; l <= n; l++ {
		line := string(m.line(l))
		if m.blank(l) {
			out = append(out, "")
			continue
		}
		out = append(out, spaces(max(0, m.indent(l)+m.by[l]))+strings.TrimLeft(line, " "))
	}
	return out
}
