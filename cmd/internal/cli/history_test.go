package cli

import (
	"strings"
	"testing"
)

func TestHistoryIsLimitedToTheNewest(t *testing.T) {
	all := []runRow{{Run: "1"}, {Run: "2"}, {Run: "3"}}
	for limit, want := range map[int]string{0: "123", 1: "3", 2: "23", 3: "123", 9: "123"} {
		got := ""
		for _, r := range newestRuns(all, limit) {
			got += r.Run
		}
		if got != want {
			t.Errorf("%d: got %s, want %s", limit, got, want)
		}
	}
	for _, limit := range []string{"0", "-1"} {
		if code, _, said := typed("history", "--limit", limit); code != exitUsage || !strings.Contains(said, "--limit is a number of runs from 1 on") {
			t.Errorf("%s: %d, %q", limit, code, said)
		}
	}
}
