package plan

import (
	"encoding/json"
	"strings"

	"liftalot/plan/compose"
)

// FileSecrets are the values in the client's files that may be secrets, by the same
// judgement as in a difference. What the look tells openly besides, such as the name of
// a container, is none: to hide it would blot out what people have to read.
func (f *Facts) FileSecrets() []string {
	var found []string
	for _, x := range f.Files {
		found = append(found, compose.Secrets(x.Data)...)
	}
	if len(found) == 0 {
		return nil
	}
	told := *f
	told.Failures = nil // a host's own words
	open, err := json.Marshal(told)
	if err != nil {
		return found
	}
	var out []string
	for _, v := range found {
		if !strings.Contains(string(open), v) {
			out = append(out, v)
		}
	}
	return out
}
