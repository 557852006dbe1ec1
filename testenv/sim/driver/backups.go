package driver

import (
	"context"
	"errors"
	"path/filepath"

	"filippo.io/age"

	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/backup"
	"liftalot/remote"
)

// backups are those in the laptop's folder.
type backups struct {
	*Laptop
	watch *remote.Client
}

func (b backups) folder(id string) string { return filepath.Join(b.Dir, "backups", id) }

// key is the laptop's own, which opens its backups.
func (l *Laptop) key() (*age.X25519Identity, error) {
	id, _, err := backup.OwnIdentity(filepath.Join(l.Dir, "key"), nil)
	return id, err
}

func (b backups) Create(ctx context.Context, host backup.Runner, op plan.Backup, version string) (apply.BackupNote, error) {
	key, err := b.key()
	if err != nil {
		return apply.BackupNote{}, err
	}
	creator := &backup.Creator{Host: host, Watch: b.watch, Name: HostName, Keys: backup.Keys{Identity: key}, Now: b.Now}
	m, err := creator.Create(ctx, backup.Request{Backup: op, Version: version, Run: true}, b.folder(op.ID))
	if err != nil {
		return apply.BackupNote{}, err
	}
	return apply.BackupNote{ID: m.ID, Bytes: m.Size()}, nil
}

func (b backups) Load(run string) (*backup.Manifest, error) { return backup.Load(b.folder(run)) }

func (b backups) Read(_ context.Context, run, path string) ([]byte, error) {
	key, err := b.key()
	if err != nil {
		return nil, err
	}
	return backup.Read(b.folder(run), path, key)
}

func (b backups) ImageFile(string) string { return "" }

// errNoRestore: a laptop here restores nothing but with a rollback, from the host's own copy.
var errNoRestore = errors.New("a simulated laptop restores no backup")

func (b backups) Proven(context.Context, string) (*backup.Manifest, error) { return nil, errNoRestore }
func (b backups) Send(context.Context, backup.Runner, plan.Send) error     { return errNoRestore }

// Prove reads every backup on the laptop that has a manifest to its end.
func (l *Laptop) Prove() error {
	folders, err := filepath.Glob(filepath.Join(l.Dir, "backups", "*", "manifest.json"))
	if err != nil || len(folders) == 0 {
		return err
	}
	id, err := l.key()
	if err != nil {
		return err
	}
	for _, f := range folders {
		m, err := backup.Load(filepath.Dir(f))
		if err == nil {
			err = m.Verify(filepath.Dir(f), id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
