package cli

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"liftalot/plan"
	"liftalot/plan/backup"
)

// keepBackup writes the manifest of a backup, of the moment that its id begins with, and
// none of its files.
func keepBackup(t *testing.T, b *hostBackups, id string, m backup.Manifest) {
	t.Helper()
	taken, err := time.Parse("20060102T150405Z", id[:16])
	must(t, err)
	m.Format, m.ID, m.Taken = 2, id, taken
	plain, err := json.MarshalIndent(m, "", " ")
	must(t, err)
	m.Sum = plan.Hash(plain)
	data, err := json.MarshalIndent(m, "", " ")
	must(t, err)
	must(t, os.MkdirAll(b.folder(id), 0o700))
	must(t, os.WriteFile(filepath.Join(b.folder(id), "manifest.json"), append(data, '\n'), 0o600))
}

func TestLatestIsTheNewestBackupThatIsSound(t *testing.T) {
	d := newDesk(t, "")
	if id, err := d.backups.newest(context.Background()); err == nil {
		t.Errorf("of none: %q", id)
	}
	keepBackup(t, d.backups, "20261123T210405Z-0a1b2c", backup.Manifest{})
	keepBackup(t, d.backups, "20261124T210405Z-0a1b2c", backup.Manifest{})
	keepBackup(t, d.backups, "20261125T210405Z-0a1b2c", backup.Manifest{Files: []backup.File{{Name: backup.Dump, Sealed: 3}}})
	id, err := d.backups.newest(context.Background())
	if err != nil || id != "20261124T210405Z-0a1b2c" {
		t.Errorf("got %q, %v", id, err)
	}
}
