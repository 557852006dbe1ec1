package arch

import (
	"strings"
	"testing"
)

// What is checked in public is what is checked here: the workflow calls .ci/run, and no
// other program of the project.
func TestTheWorkflowCallsTheSameScript(t *testing.T) {
	text := read(t, ".github/workflows/ci.yml")
	if n := strings.Count(text, "\" .ci/run\n"); n != 1 {
		t.Errorf("it calls .ci/run %d times", n)
	}
	for _, word := range []string{"make ", "go test", "go build", "go vet"} {
		if strings.Contains(text, word) {
			t.Errorf("it calls %q itself: that belongs into .ci/run, which anybody can run", word)
		}
	}
}
