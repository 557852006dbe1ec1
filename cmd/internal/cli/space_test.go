package cli

import "testing"

// The throw-away database of a drill fills no disk that the live one needs.
func TestNoDrillOnAFullDisk(t *testing.T) {
	f := newSimFleet(t, simHost{name: "acme"})
	f.does(exitDone, "backup", "acme")
	var list struct{ Backups []backupRow }
	f.documented(exitDone, "backups", &list, "backups", "acme")
	s := f.servers["acme"]
	s.Machine.Do(func() { s.Machine.FillDisk(true) })
	for _, id := range []string{list.Backups[0].ID, "latest"} {
		f.wants(f.does(exitCheck, "restore", "acme", id, "--drill"),
			"acme: .*disk space: /var/backups .* has 0 B free, but .* is needed: the dump", "nothing was changed", "hint: make room on the host first")
	}
}
