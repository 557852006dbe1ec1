package backup

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Policy says which backups stay: the newest of each of the last so many days,
// weeks and months that have one, in UTC.
type Policy struct{ Daily, Weekly, Monthly int }

// A Choice is a backup with the reasons for which it stays; without one it may
// go.
type Choice struct {
	Entry
	Reasons []string
}

// Keeps reports whether the backup stays.
func (c Choice) Keeps() bool { return len(c.Reasons) > 0 }

// Choose decides about backups. Those in needed stay whatever the policy says,
// and so do the newest sound one and those that are damaged: they count for no
// day, and throwing them away is for a person.
func (p Policy) Choose(list []Entry, needed map[string]string) []Choice {
	out := make([]Choice, len(list))
	for i, e := range list {
		out[i].Entry = e
		if why := needed[e.ID]; why != "" {
			out[i].keep(why)
		}
		if e.Err != nil {
			out[i].keep("damaged: look at it yourself")
		}
	}
	newest := slices.Clone(out)
	slices.SortStableFunc(newest, func(a, b Choice) int { return b.Taken.Compare(a.Taken) })
	first := true
	for _, rule := range p.rules() {
		seen := map[string]bool{}
		for _, c := range newest {
			if c.Err != nil {
				continue
			}
			at := slices.IndexFunc(out, func(o Choice) bool { return o.ID == c.ID })
			if first {
				out[at].keep("the newest")
				first = false
			}
			if key := rule.bucket(c.Taken.UTC()); !seen[key] && len(seen) < rule.keep {
				seen[key] = true
				out[at].keep(rule.name + " " + key)
			}
		}
	}
	return out
}

func (c *Choice) keep(why string) {
	if !slices.Contains(c.Reasons, why) {
		c.Reasons = append(c.Reasons, why)
	}
}

// Why says for a person why a backup stays.
func (c Choice) Why() string { return strings.Join(c.Reasons, ", ") }

type rule struct {
	name   string
	keep   int
	bucket func(time.Time) string
}

func (p Policy) rules() []rule {
	return []rule{
		{"day", p.Daily, func(t time.Time) string { return t.Format(time.DateOnly) }},
		{"week", p.Weekly, func(t time.Time) string {
			year, week := t.ISOWeek()
			return fmt.Sprintf("%d-W%02d", year, week)
		}},
		{"month", p.Monthly, func(t time.Time) string { return t.Format("2006-01") }},
	}
}
