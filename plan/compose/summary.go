package compose

import (
	"fmt"
	"slices"
	"strings"
)

// Summary tells differences in words and without secrets:
//
//	chatalot: image registry.example/chatalot:0.24.6, build gone, 4 environment keys, 1 secret; new network inner
func Summary(diffs []Difference) string {
	var order []string
	parts := map[string]*counts{}
	var rest []string
	for _, d := range diffs {
		path := splitPointer(d.Path)
		if path[0] != "services" || len(path) < 3 {
			rest = append(rest, whole(d, path))
			continue
		}
		if parts[path[1]] == nil {
			parts[path[1]] = &counts{}
			order = append(order, path[1])
		}
		parts[path[1]].take(d, path[2:])
	}
	var out []string
	for _, service := range order {
		out = append(out, service+": "+parts[service].String())
	}
	return strings.Join(append(out, rest...), "; ")
}

// whole tells of a service, or of an entry of another section.
func whole(d Difference, path []string) string {
	if len(path) != 2 {
		return d.String()
	}
	what := strings.TrimSuffix(path[0], "s") + " " + path[1]
	switch d.Change {
	case Added:
		return "new " + what
	case Removed:
		return what + " gone"
	}
	return what + " " + string(d.Change)
}

// A counts counts what differs in one service.
type counts struct {
	words  []string
	counts []count
}

type count struct {
	what   noun
	change Change
	n      int
}

type noun struct{ one, many string }

func nounOf(key string) noun {
	switch key {
	case "environment":
		return noun{"environment key", "environment keys"}
	case "depends_on":
		return noun{"dependency", "dependencies"}
	case "secrets", "networks", "volumes", "ports", "labels", "profiles", "configs":
		return noun{strings.TrimSuffix(key, "s"), key}
	}
	return noun{key + " setting", key + " settings"}
}

func (t *counts) take(d Difference, path []string) {
	if len(path) == 1 {
		t.words = append(t.words, word(d, path[0]))
		return
	}
	what := nounOf(path[0])
	if len(path) > 2 && d.Change != Undone {
		d.Change = Changed // something inside the entry
	}
	for i := range t.counts {
		if t.counts[i].what == what && t.counts[i].change == d.Change {
			t.counts[i].n++
			return
		}
	}
	t.counts = append(t.counts, count{what, d.Change, 1})
}

// word tells of a part of a service that has no entries.
func word(d Difference, key string) string {
	before, after := d.redacted()
	switch {
	case d.Change == Removed:
		return key + " gone"
	case d.Change == Undone && after == "":
		return key + " still there"
	case d.Change == Undone:
		return fmt.Sprintf("%s stays %s", key, strings.Trim(orNothing(before), `"`))
	case after == hidden || len(after) > 200 || !strings.HasPrefix(after, `"`):
		return fmt.Sprintf("%s %s", key, d.Change)
	}
	return key + " " + strings.Trim(after, `"`)
}

func (t *counts) String() string {
	out := slices.Clone(t.words)
	for _, c := range t.counts {
		s := fmt.Sprintf("%d %s", c.n, c.what.many)
		if c.n == 1 {
			s = "1 " + c.what.one
		}
		switch c.change {
		case Removed:
			s += " gone"
		case Changed, Undone:
			s += " " + string(c.change)
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}
