package compose

import (
	"maps"
	"slices"
	"strings"
)

// A value is what a piece of YAML means once aliases and merge keys are
// followed. Values are never changed; equal pieces may be one value.
type value struct {
	kind   valueKind
	tag    string
	text   string            // of a scalar
	items  []*value          // of a list
	fields map[string]*value // of a mapping, keys as written
	shared bool              // reached by more than one road
	size   int               // nodes when every alias is written out
}

type valueKind int

const (
	scalarValue valueKind = iota
	listValue
	mapValue
)

func textValue(s string) *value { return &value{tag: "!!str", text: s, size: 1} }

func nullValue() *value { return &value{tag: "!!null", size: 1} }

func mapOf(fields map[string]*value) *value {
	return &value{kind: mapValue, tag: "!!map", fields: fields, size: 1}
}

func listOf(items ...*value) *value {
	return &value{kind: listValue, tag: "!!seq", items: items, size: 1}
}

// null reports whether v is absent or a null without a meaning of its own.
func (v *value) null() bool { return v == nil || v.kind == scalarValue && v.tag == "!!null" }

// empty reports whether v is absent, null, {} or [].
func (v *value) empty() bool {
	return v.null() || v.kind != scalarValue && len(v.fields)+len(v.items) == 0
}

func (v *value) get(path ...string) *value {
	for _, key := range path {
		if v == nil {
			return nil
		}
		v = v.fields[key]
	}
	return v
}

// with returns v with one entry of a mapping set, or taken away when to is nil.
func (v *value) with(to *value, path ...string) *value {
	if len(path) == 0 {
		return to
	}
	out := mapOf(map[string]*value{})
	if v != nil && v.fields != nil {
		out.tag = v.tag
		out.fields = maps.Clone(v.fields)
	}
	if inner := out.fields[path[0]].with(to, path[1:]...); inner == nil {
		delete(out.fields, path[0])
	} else {
		out.fields[path[0]] = inner
	}
	return out
}

// and returns v, a list or nothing, with items added.
func (v *value) and(items ...*value) *value {
	if v.null() {
		return listOf(items...)
	}
	out := listOf(append(slices.Clip(v.items), items...)...)
	out.tag = v.tag
	return out
}

// scalar returns a scalar's text as Compose reads it.
func (v *value) scalar() string {
	if v.null() || v.kind != scalarValue {
		return ""
	}
	return v.text
}

func (v *value) strings() []string {
	if v == nil {
		return nil
	}
	var out []string
	for _, item := range v.items {
		out = append(out, item.scalar())
	}
	return out
}

// keys returns a mapping's keys, sorted.
func (v *value) keys() []string {
	if v == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(v.fields))
}

// A comparison remembers which pairs of shared values it has seen, so that
// what is written once is compared once, however often it is referred to.
type comparison struct{ seen map[[2]*value]bool }

// firstDifference returns the path at which two values part, and false if
// they are equal.
func firstDifference(a, b *value) ([]string, bool) {
	return (&comparison{seen: map[[2]*value]bool{}}).walk(a, b, nil)
}

func equalValues(a, b *value) bool {
	_, differ := firstDifference(a, b)
	return !differ
}

func (c *comparison) walk(a, b *value, path []string) ([]string, bool) {
	if a == b {
		return nil, false
	}
	if a == nil || b == nil || a.kind != b.kind || a.tag != b.tag ||
		a.text != b.text || len(a.items) != len(b.items) || len(a.fields) != len(b.fields) {
		return slices.Clone(path), true
	}
	if a.shared || b.shared {
		pair := [2]*value{a, b}
		if c.seen[pair] {
			return nil, false
		}
		c.seen[pair] = true
	}
	for i := range a.items {
		if at, differ := c.walk(a.items[i], b.items[i], append(path, "-")); differ {
			return at, true
		}
	}
	for key, va := range a.fields {
		if at, differ := c.walk(va, b.fields[key], append(path, key)); differ {
			return at, true
		}
	}
	return nil, false
}

func joinPath(path []string) string {
	if len(path) == 0 {
		return "the file"
	}
	return strings.Join(path, ".")
}

// String writes a value out in one line, for messages and for comparing.
func (v *value) String() string {
	var b strings.Builder
	v.write(&b)
	return b.String()
}

func (v *value) write(b *strings.Builder) {
	switch {
	case v.null():
		b.WriteString("null")
	case v.kind == scalarValue:
		b.WriteString(v.text)
	case v.kind == listValue:
		b.WriteByte('[')
		for i, item := range v.items {
			if i > 0 {
				b.WriteString(", ")
			}
			item.write(b)
		}
		b.WriteByte(']')
	default:
		b.WriteByte('{')
		for i, key := range v.keys() {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(key + ": ")
			v.fields[key].write(b)
		}
		b.WriteByte('}')
	}
}
