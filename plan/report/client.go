package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/units"
)

//go:embed client.html
var clientText string

// A clientPage is what the client reads, in sentences that are ready.
type clientPage struct {
	Page
	Lang     string
	Labels   map[string]string // of the table's columns
	MadeOn   string
	texts    *texts
	Lead     string
	Rows     []clientRow
	Sections []clientSection
}

type clientRow struct{ Host, Result, Tone, When, Version, Down string }

// A clientSection has a heading and then what it has of these, in this order.
type clientSection struct {
	Heading  string
	Text     []string
	Facts    []fact
	Points   []string
	Numbered []string
}

// A fact is a digest, and what it is of.
type fact struct{ Name, Code string }

func renderClient(w io.Writer, p Page) error {
	t, err := readTexts(p.Lang)
	if err != nil {
		return err
	}
	c := clientPage{Page: p, Lang: t.lang, MadeOn: t.say("made", "date", units.Time(p.Made)), Labels: map[string]string{}, texts: t}
	for _, column := range []string{"server", "result", "when", "version", "downtime"} {
		c.Labels[column] = t.say("table." + column)
	}
	c.tell()
	if t.err != nil {
		return t.err
	}
	return render(w, clientText, c, template.FuncMap{"recipe": p.recipe})
}

func (c *clientPage) tell() {
	upgraded := slices.DeleteFunc(slices.Clone(c.Runs), func(r Run) bool { return !r.managed() })
	c.Lead = c.lead(upgraded)
	for _, r := range c.Runs {
		c.Rows = append(c.Rows, c.row(r))
	}
	for _, r := range c.Rest {
		c.Rows = append(c.Rows, clientRow{Host: r.Host, Result: c.texts.say("result.no-run"), Tone: "dim", When: "–", Version: "–", Down: "–"})
	}
	if len(upgraded) > 0 {
		c.add("changed", clientSection{Points: c.each("changed.server", "changed.helpers", "changed.files", "changed.data")})
	}
	c.add("downtime", clientSection{Text: c.each("downtime.how")})
	c.backups()
	if len(upgraded) > 0 {
		c.trust(upgraded)
		c.channel(upgraded)
		c.add("update", clientSection{Numbered: c.each("update.1", "update.2", "update.3", "update.4")})
		c.keepSafe(upgraded)
	}
	c.evidence()
}

// managed reports whether the host receives managed updates by this run.
func (r Run) managed() bool {
	return r.Kind == string(plan.Upgrade) && r.Outcome == Words(journal.Completed) && !r.Undone()
}

func (c *clientPage) lead(upgraded []Run) string {
	all := len(c.Runs) + len(c.Rest)
	values := []string{"count", fmt.Sprint(len(upgraded)), "all", fmt.Sprint(all)}
	switch {
	case len(upgraded) == 0:
		return c.texts.say("lead.none")
	case all == 1:
		return c.texts.say("lead.one", "host", upgraded[0].Host, "to", upgraded[0].To)
	case len(upgraded) == all:
		return c.texts.say("lead.all", values...)
	}
	return c.texts.say("lead.some", values...)
}

func (c *clientPage) row(r Run) clientRow {
	key, tone := r.clientResult()
	row := clientRow{Host: r.Host, Result: c.texts.say("result."+key, "from", r.From, "to", r.To), Tone: tone, When: "–", Version: r.From + " → " + r.To, Down: c.down(r.Downtime)}
	if !r.Begun.IsZero() {
		row.When = units.Time(r.Begun)
	}
	if key != "upgraded" && key != "put-back" && key != "rollback" {
		row.Version = r.From
	}
	return row
}

// clientResult is the key of the sentence about how a run ended, and its colour.
func (r Run) clientResult() (key, tone string) {
	switch {
	case r.Undone() && r.Outcome == Words(journal.Completed):
		return "put-back", "warn"
	case r.Undone():
		return "rolled-back", "warn"
	}
	switch r.Outcome {
	case Words(journal.Completed):
		switch plan.RunKind(r.Kind) {
		case plan.Rollback:
			return "rollback", "warn"
		case plan.Restoration:
			return "restore", "good"
		}
		return "upgraded", "good"
	case Words(journal.RolledBack):
		return "rolled-back", "warn"
	case Words(journal.Aborted):
		return "unchanged", "warn"
	case Words(journal.NeedsPerson):
		return "person", "bad"
	case Words(journal.Forgotten):
		return "forgotten", "warn"
	case notBegun:
		return "not-begun", "dim"
	}
	return "unfinished", "bad"
}

func (c *clientPage) down(d *Downtime) string {
	if d == nil {
		return c.texts.say("down.none")
	}
	if !d.Since.IsZero() {
		return c.texts.say("down.since", "time", units.Time(d.Since))
	}
	length := c.texts.duration(time.Duration(min(d.Millis, longest)) * time.Millisecond)
	if d.AtLeast {
		return c.texts.say("down.atleast", "time", length)
	}
	return length
}

func (c *clientPage) add(heading string, s clientSection) {
	s.Heading = c.texts.say(heading)
	c.Sections = append(c.Sections, s)
}

func (c *clientPage) each(keys ...string) (list []string) {
	for _, key := range keys {
		list = append(list, c.texts.say(key))
	}
	return list
}

func (c *clientPage) backups() {
	s := clientSection{Text: c.each("backup.how")}
	for _, r := range c.Runs {
		if r.Backup == nil {
			continue
		}
		of := c.texts.say("backup.of", "host", r.Host, "date", units.Time(r.Backup.Taken), "tables", fmt.Sprint(r.Backup.Tables))
		for _, f := range r.Backup.Files {
			if f.Name == "db.dump" {
				s.Facts = append(s.Facts, fact{of, f.SHA256})
			}
		}
	}
	if len(s.Facts) > 0 {
		c.add("backup", s)
	}
}

func (c *clientPage) trust(upgraded []Run) {
	s := clientSection{Text: c.each("trust.how")}
	signed := "trust.verified"
	for _, r := range upgraded {
		if !slices.ContainsFunc(s.Facts, func(f fact) bool { return f.Code == r.Key }) {
			s.Facts = append(s.Facts, fact{Code: r.Key})
		}
		for _, i := range r.Images {
			switch {
			case i.Signature == "verified":
			case i.Name == "socket proxy" && signed == "trust.verified":
				signed = "trust.partly"
			case i.Name != "socket proxy":
				signed = "trust.not"
			}
		}
	}
	s.Points = c.each("trust.compare", signed)
	c.add("trust", s)
}

func (c *clientPage) channel(upgraded []Run) {
	var s clientSection
	for _, r := range upgraded {
		text := c.texts.say("channel.named", "channel", r.Channel)
		if r.Channel == "" {
			text = c.texts.say("channel.none")
		}
		if !slices.Contains(s.Text, text) {
			s.Text = append(s.Text, text)
		}
	}
	c.add("channel", s)
}

func (c *clientPage) keepSafe(upgraded []Run) {
	var dirs []string
	for _, r := range upgraded {
		if r.Backup != nil && r.Backup.OnHost != "" {
			if dir := strings.TrimSuffix(r.Backup.OnHost, r.Backup.ID); !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
	}
	s := clientSection{Points: c.each("safe.secrets")}
	if len(dirs) > 0 {
		s.Points = append(s.Points, c.texts.say("safe.backup", "dirs", strings.Join(dirs, ", ")), c.texts.say("safe.images"))
	}
	s.Points = append(s.Points, c.each("safe.admin", "safe.page")...)
	c.add("safe", s)
}

func (c *clientPage) evidence() {
	s := clientSection{Text: c.each("evidence.how")}
	for _, r := range c.Runs {
		s.Facts = append(s.Facts, fact{c.texts.say("evidence.run", "host", r.Host, "run", r.ID), r.Head.SHA256})
	}
	if len(s.Facts) > 0 {
		c.add("evidence", s)
	}
}
