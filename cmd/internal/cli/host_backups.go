package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"liftalot/cmd/internal/ui"
	"liftalot/inventory"
	"liftalot/plan/backup"
	"liftalot/plan/run"
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
	latest      bool                 // where no id is given the newest is meant
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
	if id == "" && b.latest {
		newest, err := b.newest(ctx)
		if err != nil {
			return backup.Entry{}, err
		}
		id = newest
	}
	if id == "" {
		return backup.Entry{}, &nothingToDoError{what: b.host.Name + ": say which backup", hint: hint}
	}
	e, err := b.find(id)
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
		if e, err = b.find(id); err != nil {
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

// newest is the id of the newest backup that can be put back, wherever it lies. One that
// is newer and cannot is named.
func (b *hostBackups) newest(ctx context.Context) (string, error) {
	here, err := backup.List(b.dir())
	if err != nil {
		return "", err
	}
	there, err := b.listCopies(ctx)
	if err != nil {
		return "", err
	}
	for _, row := range slices.Backward(b.merge(here, there)) {
		if row.Why == "" || row.Proof == "foreign" && b.trustBucket {
			return row.ID, nil
		}
		b.term.warnOnce(fmt.Sprintf("%s: latest is not backup %s, which is %s: %s", b.host.Name, row.ID, row.Proof, row.Why))
	}
	return "", &nothingToDoError{what: b.host.Name + ": there is no backup that could be put back", hint: "liftalot backups " + b.host.Name}
}

// find returns the backup of that id on this machine, or nil.
func (b *hostBackups) find(id string) (*backup.Entry, error) {
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

// forRun is what a run takes and reads of them, with its line on the screen.
func (b *hostBackups) forRun(track *ui.Track) run.BackupFolder {
	return run.BackupFolder{
		Host: b.host.Name, Dir: b.dir(), Key: b.keyring.opening, Tell: track.Bytes,
		Creator: func(ctx context.Context, host backup.Runner) (*backup.Creator, error) {
			return b.creator(ctx, host, track)
		},
		Choose: func(ctx context.Context, id string) (*backup.Manifest, error) {
			e, err := b.chosen(ctx, id, nil)
			return e.Manifest, err
		},
	}
}
