package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"liftalot/plan"
)

// Every decision that can be taken by name is taken in a story on a real server, one that
// is refused without it.
func TestEveryDecisionHasAStory(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "server", "*.txtar"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d stories, %v", len(files), err)
	}
	var taken strings.Builder
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "inventory ") && strings.Contains(line, "allow=") {
				taken.WriteString(line)
			}
		}
	}
	for _, d := range plan.Overrides() {
		if !strings.Contains(taken.String(), d) {
			t.Errorf("no story on a real server takes the decision %q", d)
		}
	}
}
