package plan

import (
	"fmt"
	"strings"

	"liftalot/plan/compose"
)

// GuardError reports that the edited files would mean something else to the
// host's compose than what the plan declares.
type GuardError struct {
	Host  string
	Diffs []compose.Difference
}

func (e *GuardError) Error() string {
	var all []string
	for _, d := range e.Diffs {
		all = append(all, d.String())
	}
	return fmt.Sprintf("%s: no plan: the merged compose model would change beyond what is meant: %s", e.Host, strings.Join(all, "; "))
}

// Guard compares the merged model before with the one the host's compose makes
// of the edited files: nothing but what the edits declare may differ, and what
// they declare must have come about. It returns the difference in words.
func Guard(host string, before, after *compose.Model, edited []EditedFile) (string, error) {
	var declared []compose.Declared
	for _, e := range edited {
		declared = append(declared, e.Declared...)
	}
	if bad := compose.CheckModels(before, after, declared); len(bad) > 0 {
		return "", &GuardError{Host: host, Diffs: bad}
	}
	return compose.Summary(compose.CompareModels(before, after)), nil
}
