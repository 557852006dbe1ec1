package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A table is one of a page's tables.
type table struct {
	head []string
	rows [][]string
}

// column is the place of a column with this heading; -1 if there is none.
func (tb table) column(name string) int { return slices.Index(tb.head, name) }

// tables reads the tables of a page. Cells hold no bar.
func tables(text string) (found []table) {
	var lines [][]string
	for line := range strings.Lines(text + "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "|") {
			lines = append(lines, cells(line))
			continue
		}
		if len(lines) > 2 {
			found = append(found, table{lines[0], lines[2:]})
		}
		lines = nil
	}
	return found
}

func cells(line string) (list []string) {
	for c := range strings.SplitSeq(strings.TrimSuffix(strings.TrimPrefix(line, "|"), "|"), "|") {
		list = append(list, strings.TrimSpace(c))
	}
	return list
}

// heldBy is the heading of a column that says which tests hold what the row states.
const heldBy = "held by"

// What a page says is held by a test is: the files are there, and each test stands
// in one of the files that its group names. Groups end with a semicolon.
func TestPagesNameRealTests(t *testing.T) {
	for _, page := range []string{"docs/security.md", "docs/promises.md", "docs/traps.md", "docs/runbook.md"} {
		t.Run(filepath.Base(page), func(t *testing.T) {
			rows := 0
			for _, tb := range tables(read(t, page)) {
				held := tb.column(heldBy)
				for _, row := range tb.rows {
					if held >= 0 && len(row) > held {
						checkEvidence(t, row[0], row[held])
						rows++
					}
				}
			}
			if rows == 0 {
				t.Errorf("%s has no table with a column %q", page, heldBy)
			}
		})
	}
}

// A page may also send the reader to the one that names the test.
var (
	testFile   = regexp.MustCompile("`([^` ]*/[^` ]*(?:_test\\.go|\\.txtar))`")
	testName   = regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w+`)
	otherPage  = regexp.MustCompile(`\]\(([a-z]+\.md)(#[^)]*)?\)`)
	notForHere = regexp.MustCompile(`^-$|^not held`)
)

func checkEvidence(t *testing.T, what, cell string) {
	t.Helper()
	found := notForHere.MatchString(cell) || otherPage.MatchString(cell)
	for group := range strings.SplitSeq(cell, ";") {
		var code strings.Builder
		for _, file := range testFile.FindAllStringSubmatch(group, -1) {
			data, err := os.ReadFile(filepath.Join(root, file[1]))
			if err != nil {
				t.Errorf("%q: %v", what, err)
			}
			code.Write(data)
			found = true
		}
		for _, name := range testName.FindAllString(group, -1) {
			if !strings.Contains(code.String(), "func "+name+"(") {
				t.Errorf("%q: there is no %s in the files that stand before it", what, name)
			}
		}
	}
	if !found {
		t.Errorf("nothing holds %q", what)
	}
}
