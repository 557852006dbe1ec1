package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The page on security promises by the names of tests; the names are real.
func TestThePageOnSecurityNamesRealTests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range regexp.MustCompile(`(?m)^\| .* \|$`).FindAllString(string(text), -1) {
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		if len(cells) != 2 || cells[0] == "promise" || strings.HasPrefix(cells[0], "---") {
			continue
		}
		var code strings.Builder
		files := regexp.MustCompile("`([^`]*_test\\.go)`").FindAllStringSubmatch(cells[1], -1)
		if len(files) == 0 {
			t.Errorf("nothing holds the promise %q", cells[0])
		}
		for _, file := range files {
			data, err := os.ReadFile(filepath.Join(root, file[1]))
			if err != nil {
				t.Errorf("%q: %v", cells[0], err)
			}
			code.Write(data)
		}
		for _, name := range regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w+`).FindAllString(cells[1], -1) {
			if !strings.Contains(code.String(), "func "+name+"(") {
				t.Errorf("%q: there is no %s in the files it names", cells[0], name)
			}
		}
	}
}
