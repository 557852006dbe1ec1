package cli

import (
	"strings"
	"testing"
)

func TestD12WhichKeysOpenWhichBackup(t *testing.T) {
	rows := []backupRow{
		{Host: "acme", ID: "a1", Recipients: []string{"age1own"}}, {Host: "acme", ID: "a2", Recipients: []string{"age1own"}},
		{Host: "acme", ID: "a3", Recipients: []string{"age1own", "age1safe"}}, {Host: "acme", ID: "torn"},
		{Host: "zeta", ID: "z1", Recipients: []string{"age1other"}},
	}
	got := strings.Join(openedBy(rows, "age1own", map[string][]string{"acme": {"age1safe"}}), "\n")
	want := strings.Join([]string{
		"2 backups, opened by: this machine's key",
		"1 backup, opened by: this machine's key, age1safe",
		"1 backup, opened by: age1other",
		"acme: taken before age1safe was named, which does not open a1, a2",
	}, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if lines := openedBy(nil, "", nil); lines != nil {
		t.Errorf("of none: %q", lines)
	}
}
