package cli

import (
	"fmt"
	"slices"
	"strings"

	"liftalot/cmd/internal/ui"
)

// openedBy says which keys open which backups: how many there are of each set of keys, and
// which do not open with a recipient that the inventory names for their host now. Own is
// this machine's recipient, "" where that is not known.
func openedBy(all []backupRow, own string, named map[string][]string) (lines []string) {
	var sets []string
	count := map[string]int{}
	without := map[string][]string{} // of a host and a recipient, the ids
	var lacking []string
	for _, b := range all {
		if len(b.Recipients) == 0 { // its manifest cannot be read
			continue
		}
		var keys []string
		for _, r := range b.Recipients {
			if r == own {
				r = "this machine's key"
			}
			keys = append(keys, r)
		}
		set := strings.Join(keys, ", ")
		if count[set]++; count[set] == 1 {
			sets = append(sets, set)
		}
		for _, r := range named[b.Host] {
			if slices.Contains(b.Recipients, r) {
				continue
			}
			line := fmt.Sprintf("%s: taken before %s was named, which does not open", b.Host, r)
			if without[line] = append(without[line], b.ID); len(without[line]) == 1 {
				lacking = append(lacking, line)
			}
		}
	}
	for _, set := range sets {
		lines = append(lines, fmt.Sprintf("%s, opened by: %s", ui.Count(count[set], "backup", "backups"), set))
	}
	for _, line := range lacking {
		lines = append(lines, line+" "+strings.Join(without[line], ", "))
	}
	return lines
}
