package cli

import (
	"liftalot/cmd/internal/ui"
	"liftalot/plan/journal"
)

// printFailure shows what was seen of a step that failed: the findings, and of each
// container how it ended and what it said last.
func printFailure(to *ui.Console, f *journal.Failure) {
	if f == nil {
		return
	}
	if len(f.Findings) > 1 {
		for _, one := range f.Findings {
			to.Printf("  - %s\n", one)
		}
	}
	for _, c := range f.Containers {
		to.Printf("  %s\n", c.Words())
		for _, line := range c.Log {
			to.Printf("    %s %s\n", ui.Dim("|"), line)
		}
	}
}
