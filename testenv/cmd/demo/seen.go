package main

import (
	"context"
	"fmt"
	"strings"
)

// An item is one thing that can be seen of a server.
type item struct{ name, value string }

func parseItems(out string) ([]item, error) {
	var items []item
	for line := range strings.Lines(out) {
		name, value, ok := strings.Cut(strings.TrimRight(line, "\n"), "\t")
		if !ok || name == "" || value == "" {
			return nil, fmt.Errorf("line %q: want a name, a tab and a value", line)
		}
		items = append(items, item{name, value})
	}
	if len(items) == 0 {
		return nil, fmt.Errorf("saw nothing")
	}
	return items, nil
}

// lookAtAll looks at every server. What it sees is what an upgrade could change
// and a rollback must put back.
func (d *demo) lookAtAll(ctx context.Context) (map[string][]item, error) {
	seen := map[string][]item{}
	for _, h := range d.hosts {
		items, err := h.look(ctx)
		if err != nil {
			return nil, fmt.Errorf("look at %s: %w", h.name, err)
		}
		seen[h.name] = items
	}
	return seen, nil
}

// printNow shows what runs at the moment.
func (d *demo) printNow(ctx context.Context) error {
	seen, err := d.lookAtAll(ctx)
	if err != nil {
		return err
	}
	for _, h := range d.hosts {
		for _, it := range seen[h.name] {
			switch it.name {
			case "running", "health", "server image", "database", "rows":
				fmt.Fprintf(d.out, "  %-8s %-14s %s\n", h.name, it.name, it.value)
			}
		}
	}
	return nil
}

// A comparison is one thing before and after; empty is "was not there".
type comparison struct{ name, before, after string }

func (c comparison) same() bool { return c.before == c.after }

func (c comparison) String() string {
	switch {
	case c.same():
		return fmt.Sprintf("same     %-27s %s", c.name, c.after)
	case c.before == "":
		return fmt.Sprintf("NEW      %-27s %s", c.name, c.after)
	case c.after == "":
		return fmt.Sprintf("GONE     %-27s was %s", c.name, c.before)
	}
	return fmt.Sprintf("DIFFERS  %-27s was %s\n%47sis  %s", c.name, c.before, "", c.after)
}

// comparisons pairs what was seen: all of before in its order, then what is new.
func comparisons(before, after []item) []comparison {
	now := map[string]string{}
	for _, it := range after {
		now[it.name] = it.value
	}
	var list []comparison
	for _, it := range before {
		list = append(list, comparison{it.name, it.value, now[it.name]})
		delete(now, it.name)
	}
	for _, it := range after {
		if value, ok := now[it.name]; ok {
			list = append(list, comparison{it.name, "", value})
		}
	}
	return list
}
