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
	"liftalot/units"
)

//go:embed page.html
var pageText string

//go:embed head.html
var headText string // of every page

// Render writes the page as HTML.
func Render(w io.Writer, p Page) error {
	if p.Client {
		return renderClient(w, p)
	}
	return render(w, pageText, p, template.FuncMap{
		"recipe":   p.recipe,
		"clock":    clock,
		"timeline": func(id int, r Run) *timeline { return draw(id, r) },
		"tone":     tone,
		"side":     side,
		"like":     p.like,
		"bytes":    units.Bytes,
		"still":    func(since time.Time) string { return units.Duration(p.Made.Sub(since)) },
	})
}

func render(w io.Writer, text string, data any, funcs template.FuncMap) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"date":  units.Time,
		"short": func(host string) bool { return len(host) <= shortName },
		"stamp": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"span":  units.Duration,
		"since": func(from, to time.Time) string { return units.Duration(to.Sub(from)) },
	}).Funcs(funcs).Parse(headText + text)
	if err != nil {
		return fmt.Errorf("read the page's template: %w", err)
	}
	if err := t.Execute(w, data); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// shortName is a host's name that need not be wrapped in a table.
const shortName = 20

// like is the earlier host of the page whose file was changed in the same way, "" for none.
func (p Page) like(run int, d plan.FileDiff) string {
	for _, r := range p.Runs[:run] {
		for _, other := range r.Diffs {
			if other.Path == d.Path && slices.Equal(other.Lines, d.Lines) {
				return r.Host
			}
		}
	}
	return ""
}

// tone is the colour of a word; the word says it all without one.
func tone(word string) string {
	switch word {
	case "upgraded", "restored", "verified", "done":
		return "good"
	case "rolled back", "not signed", "reverted", "interrupted, not finished", "given up, left as it was":
		return "warn"
	case "not begun":
		return "dim"
	}
	return "bad"
}

// side says whether a line of a diff was added or taken away.
func side(line string) string {
	switch {
	case strings.HasPrefix(line, "+"):
		return "add"
	case strings.HasPrefix(line, "-"):
		return "take"
	}
	return "same"
}
