package run

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"filippo.io/age"

	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/backup"
)

// A BackupFolder is the backups of a host in a folder of this machine. It implements
// [Backups].
type BackupFolder struct {
	Host string // its name in the inventory
	Dir  string
	// Key is the one that opens what there is: it makes none.
	Key func(ctx context.Context) (*age.X25519Identity, error)
	// Creator takes backups of the host.
	Creator func(ctx context.Context, host backup.Runner) (*backup.Creator, error)
	// Choose finds a backup by its id, wherever it lies, and proves it; nil where none is
	// restored.
	Choose func(ctx context.Context, id string) (*backup.Manifest, error)
	// Tell is told how much of a dump is on the host; nil is told nothing.
	Tell func(done, total int64)
}

// Folder is where the backup of a run lies.
func (f BackupFolder) Folder(run string) string { return filepath.Join(f.Dir, run) }

// Create implements [Backups].
func (f BackupFolder) Create(ctx context.Context, host backup.Runner, op plan.Backup, version string) (apply.BackupNote, error) {
	creator, err := f.Creator(ctx, host)
	if err != nil {
		return apply.BackupNote{}, err
	}
	m, err := creator.Create(ctx, backup.Request{Backup: op, Version: version, Run: true}, f.Folder(op.ID))
	if err != nil {
		return apply.BackupNote{}, err
	}
	dump, _ := m.File(backup.Dump)
	return apply.BackupNote{ID: m.ID, Bytes: m.Size(), SHA256: dump.SHA256}, nil
}

// Load implements [Backups].
func (f BackupFolder) Load(run string) (*backup.Manifest, error) { return backup.Load(f.Folder(run)) }

// Proven implements [Backups].
func (f BackupFolder) Proven(ctx context.Context, id string) (*backup.Manifest, error) {
	return f.Choose(ctx, id)
}

// Read implements [Backups].
func (f BackupFolder) Read(ctx context.Context, run, path string) ([]byte, error) {
	key, err := f.Key(ctx)
	if err != nil {
		return nil, err
	}
	data, err := backup.Read(f.Folder(run), path, key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the backup %s is not there, or not whole", f.Folder(run))
	}
	return data, err
}

// Send implements [Backups].
func (f BackupFolder) Send(ctx context.Context, host backup.Runner, op plan.Send) error {
	key, err := f.Key(ctx)
	if err != nil {
		return err
	}
	m, err := f.Load(op.Backup)
	if err != nil {
		return err
	}
	dump, ok := m.File(backup.Dump)
	if !ok || dump.SHA256 != op.SHA256 || m.ID != op.Backup || m.Host != f.Host {
		return &backup.UnprovenError{Host: f.Host, What: "the dump is not the one that was agreed on"}
	}
	s := &backup.DumpUploader{Host: host, Manifest: m, Dir: f.Folder(op.Backup), Identity: key, Tell: f.Tell}
	return s.Send(ctx, dump, op.Path, op.Copy)
}

// ImageFile implements [Backups]: in the newest backup that was taken with the image.
func (f BackupFolder) ImageFile(imageID string) (file string) {
	all, err := backup.List(f.Dir)
	if err != nil {
		return "" // the hint says how else
	}
	for _, e := range all {
		if image, ok := e.File(backup.Image); ok && e.ImageID == imageID && e.Err == nil {
			file = filepath.Join(e.Dir, image.Name+".age")
		}
	}
	return file
}
