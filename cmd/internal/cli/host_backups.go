package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"liftalot/cmd/internal/ui"
	"liftalot/inventory"
	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/backup"
	"liftalot/remote"
)

// hostBackups are the backups of a host on this machine and in its bucket.
type hostBackups struct {
	host    inventory.Host
	state   hostFolder
	term    *terminal
	dialog  *dialog
	keyring *keyring
	getenv  func(string) string
	now     func() time.Time

	client      *remote.Client
	dial        func() backup.Runner // one more connection to the host, for bulk
	connections int                  // of a pull, 0 for what the line needs
	trustBucket bool                 // take a copy that nobody vouches for
}

// dir is where they lie.
func (b *hostBackups) dir() string {
	if b.host.Backup.Folder != "" {
		return filepath.Join(b.host.Backup.Folder, b.host.Name)
	}
	return filepath.Join(b.state.dir, "backups")
}

func (b *hostBackups) folder(id string) string { return filepath.Join(b.dir(), id) }

// last is when the newest proven backup here was taken, zero
// when there is none.
func (b *hostBackups) last() time.Time {
	folders, err := os.ReadDir(b.dir())
	if err != nil {
		return time.Time{}
	}
	for _, f := range slices.Backward(folders) { // names begin with the time
		if m, err := backup.Load(b.folder(f.Name())); err == nil {
			return m.Taken
		}
	}
	return time.Time{}
}

// chosen finds a backup of the host by its id and proves it again. One that is only
// in the bucket is brought first.
func (b *hostBackups) chosen(ctx context.Context, id string, tell func(backup.Event)) (backup.Entry, error) {
	hint := fmt.Sprintf("liftalot backups %s", b.host.Name)
	if id == "" {
		return backup.Entry{}, &nothingToDoError{what: b.host.Name + ": say which backup", hint: hint}
	}
	e, err := b.found(id)
	if err != nil {
		return backup.Entry{}, err
	}
	missing := fmt.Sprintf("%s: there is no backup %q on this machine", b.host.Name, id)
	if e == nil && b.hasBucket() {
		err := b.pull(ctx, id, tell)
		if errors.Is(err, backup.ErrNoCopy) {
			return backup.Entry{}, &nothingToDoError{what: missing + ", nor in the bucket", hint: hint}
		}
		if err != nil {
			return backup.Entry{}, err
		}
		if e, err = b.found(id); err != nil {
			return backup.Entry{}, err
		}
	}
	if e == nil {
		return backup.Entry{}, &nothingToDoError{what: missing, hint: hint}
	}
	own, err := b.keyring.opening(ctx)
	if err != nil {
		return backup.Entry{}, err
	}
	if e.Err == nil {
		e.Err = e.Verify(e.Dir, own)
	}
	if e.Err != nil {
		return *e, &backup.UnprovenError{Host: b.host.Name, What: e.ID, Err: e.Err}
	}
	return *e, nil
}

// found is a backup on this machine, nil without one of that id.
func (b *hostBackups) found(id string) (*backup.Entry, error) {
	list, err := backup.List(b.dir())
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		if e.ID == id {
			return &e, nil
		}
	}
	return nil, nil
}

// creator takes backups of the host.
func (b *hostBackups) creator(ctx context.Context, host backup.Runner, track *ui.Track) (*backup.Creator, error) {
	keys, err := b.keyring.keys(ctx, b.host)
	if err != nil {
		return nil, err
	}
	return &backup.Creator{
		Host: host, Watch: b.client, Dial: b.dial, Connections: b.connections, Name: b.host.Name, Keys: keys,
		Tell: onTrack(track), Now: b.now,
	}, nil
}

// runBackups are a host's backups as a run takes and reads them, with its line on the screen.
type runBackups struct {
	of    *hostBackups
	track *ui.Track
}

// Create implements [run.Backups].
func (b runBackups) Create(ctx context.Context, host backup.Runner, op plan.Backup, version string) (apply.BackupNote, error) {
	creator, err := b.of.creator(ctx, host, b.track)
	if err != nil {
		return apply.BackupNote{}, err
	}
	m, err := creator.Create(ctx, backup.Request{Backup: op, Version: version, Run: true}, b.of.folder(op.ID))
	if err != nil {
		return apply.BackupNote{}, err
	}
	dump, _ := m.File(backup.Dump)
	return apply.BackupNote{ID: m.ID, Bytes: m.Size(), SHA256: dump.SHA256}, nil
}

// Load implements [run.Backups].
func (b runBackups) Load(run string) (*backup.Manifest, error) {
	return backup.Load(b.of.folder(run))
}

// Proven implements [run.Backups].
func (b runBackups) Proven(ctx context.Context, id string) (*backup.Manifest, error) {
	e, err := b.of.chosen(ctx, id, nil)
	return e.Manifest, err
}

// Read implements [run.Backups].
func (b runBackups) Read(ctx context.Context, run, path string) ([]byte, error) {
	id, err := b.of.keyring.opening(ctx)
	if err != nil {
		return nil, err
	}
	folder := b.of.folder(run)
	data, err := backup.Read(folder, path, id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the backup %s is not there, or not whole", folder)
	}
	return data, err
}

// Send implements [run.Backups].
func (b runBackups) Send(ctx context.Context, host backup.Runner, op plan.Send) error {
	own, err := b.of.keyring.opening(ctx)
	if err != nil {
		return err
	}
	m, err := backup.Load(b.of.folder(op.Backup))
	if err != nil {
		return err
	}
	f, ok := m.File(backup.Dump)
	if !ok || f.SHA256 != op.SHA256 || m.ID != op.Backup || m.Host != b.of.host.Name {
		return &backup.UnprovenError{Host: b.of.host.Name, What: "the dump is not the one that was agreed on"}
	}
	s := &backup.DumpUploader{Host: host, Manifest: m, Dir: b.of.folder(op.Backup), Identity: own, Tell: b.track.Bytes}
	return s.Send(ctx, f, op.Path, op.Copy)
}

// ImageFile implements [run.Backups]: in the newest backup that was taken with the image.
func (b runBackups) ImageFile(imageID string) (file string) {
	all, err := backup.List(b.of.dir())
	if err != nil {
		return "" // the hint says how else
	}
	for _, e := range all {
		if f, ok := e.File(backup.Image); ok && e.ImageID == imageID && e.Err == nil {
			file = filepath.Join(e.Dir, f.Name+".age")
		}
	}
	return file
}
