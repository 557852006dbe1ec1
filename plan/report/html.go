package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

// Render writes the page as HTML.
func Render(w io.Writer, p Page) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"date":     func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"stamp":    func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"clock":    clock,
		"span":     func(from, to time.Time) time.Duration { return round(to.Sub(from)) },
		"round":    round,
		"timeline": draw,
		"tone":     tone,
		"side":     side,
	}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("read the page's template: %w", err)
	}
	if err := t.Execute(w, p); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// tone is the colour of a word; the word says it all without one.
func tone(word string) string {
	switch word {
	case "completed", "verified", "done":
		return "good"
	case "not signed", "stopped, can be resumed", "taken back":
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
