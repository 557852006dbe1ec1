package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"liftalot/plan/compose"
)

// FileSecrets are the values in the client's files that may be secrets, by the same
// judgement as in a difference: in those that were read, and what compose makes of those
// that a service's env_file names. What the look tells openly besides, such as the name of
// a container, is none: to hide it would blot out what people have to read.
func (f *Facts) FileSecrets() []string {
	var found []string
	for _, x := range slices.Concat(f.Files, f.Included) {
		found = append(found, compose.Secrets(x.Data)...)
	}
	if f.Model != nil {
		found = append(found, compose.Secrets(environments(f.Model))...)
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

// environments are the variables of all services, as in a .env file.
func environments(m *compose.Model) []byte {
	var lines []byte
	for _, service := range m.ServiceNames() {
		vars := m.Service(service).Environment
		for _, key := range slices.Sorted(maps.Keys(vars)) {
			lines = fmt.Appendf(lines, "%s=%s\n", key, vars[key])
		}
	}
	return lines
}
