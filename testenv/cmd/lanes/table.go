package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"liftalot/testenv/images"
)

const passed = "passes"

// columns are what a server says of itself.
var columns = []string{"system", "engine", "Compose", "PostgreSQL", "sudo", "tools", "OpenSSH"}

// A result is a line of the table.
type result struct {
	lane    images.Lane
	day     string
	facts   []string
	outcome map[string]string // by suite
}

func (r result) line() string {
	cells := append([]string{"`" + r.lane.Name + "`"}, r.facts...)
	for _, s := range suites() {
		cells = append(cells, r.outcome[s.name])
	}
	return row(append(cells, r.day))
}

func header() string {
	cells := append([]string{"lane"}, columns...)
	for _, s := range suites() {
		cells = append(cells, s.name)
	}
	cells = append(cells, "measured")
	return row(cells) + "\n" + row(strings.Split(strings.TrimSuffix(strings.Repeat("---,", len(cells)), ","), ",")) + "\n"
}

func row(cells []string) string { return "| " + strings.Join(cells, " | ") + " |" }

// The markers between which the table stands in a page.
const (
	begin = "<!-- lanes: begin -->\n"
	end   = "<!-- lanes: end -->\n"
)

// replaceLine writes the table of a page anew, with the result's line in place of its
// lane's last one. Lanes that are gone lose theirs.
func replaceLine(file string, r result) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, rest, ok := bytes.Cut(page, []byte(begin))
	table, tail, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		return fmt.Errorf("%s has no lines %q and %q to write between", file, begin, end)
	}
	return os.WriteFile(file, []byte(string(head)+begin+updated(string(table), r)+end+string(tail)), 0o644)
}

func updated(table string, r result) string {
	lines := map[string]string{}
	if strings.HasPrefix(table, header()) { // of a table with other columns nothing is kept
		for line := range strings.Lines(table) {
			name, _, _ := strings.Cut(strings.TrimPrefix(line, "| `"), "`")
			lines[name] = line
		}
	}
	lines[r.lane.Name] = r.line() + "\n"
	text := header()
	for _, l := range images.Lanes() {
		text += lines[l.Name]
	}
	return text
}
