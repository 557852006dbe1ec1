package cli

import (
	"os"
	"path/filepath"
	"testing"
)

// A key that is away does not hold up a rollback: the host has a copy of the files, and the plan
// knows what they were. None is made in its place, or the backup would look damaged.
func TestARollbackWithoutTheBackupKey(t *testing.T) {
	f := newSimFleet(t, simHost{name: "acme"}, simHost{name: "initech"})
	f.does(exitDone, "plan")
	f.does(exitDone, "apply", "--yes")
	key := filepath.Join(f.dir, ".liftalot", "backup.key")
	must(t, os.Rename(key, key+".away"))
	f.does(exitDone, "rollback", "--yes", "acme")

	if said, status := f.servers["initech"].Shell(`rm -r /var/backups/*/file.*`); status != 0 {
		t.Fatal(said)
	}
	f.wants(f.does(exitPerson, "rollback", "--yes", "initech"), "backup.key: it is not there", "and from the host: the copy in /var/backups/.* is gone",
		"hint: put the key that opens the backup, or a recovery key, into .*backup.key, then: liftalot rollback initech")
	if _, err := os.Stat(key); !os.IsNotExist(err) {
		t.Errorf("a key that opens nothing is there: %v", err)
	}
	must(t, os.Rename(key+".away", key))
	f.does(exitDone, "rollback", "--yes", "initech")
	f.does(exitDone, "backups", "verify")
}
