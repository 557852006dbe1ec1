package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"liftalot/cmd/internal/ui"
	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/backup"
	"liftalot/plan/release"
	"liftalot/plan/run"
	"liftalot/remote"
)

// server is the host of a target as a run sees it: with this invocation's state folder,
// inventory, vendor and screen. track may be nil.
func (t *target) server(track *ui.Track) *run.Host {
	h := &run.Host{
		Name: t.host.Name, ComposeDir: t.host.ComposeDir, Settings: t.settings(), By: whoWorks(), Client: t.client, State: t.history(),
		Release: vendorRelease{t}, Backups: localBackups{t, track}, Clock: clock{t.env.Now}, Teller: screen{t, track},
		Credentials: t.credentials(), Downtime: t.downBefore, Stop: t.stop,
	}
	if t.host.PublicURL != "" {
		h.Public = func(ctx context.Context) plan.Check { return publicCheck(ctx, t.host.PublicURL) }
	}
	return h
}

// history is what this machine has of the host.
func (t *target) history() run.Folder { return run.Folder{Host: t.host.Name, Dir: t.folder()} }

type clock struct{ now func() time.Time }

func (c clock) Now() time.Time                                   { return c.now() }
func (c clock) Sleep(ctx context.Context, d time.Duration) error { return remote.Sleep(ctx, d) }

// screen shows a run on its line, and logs it.
type screen struct {
	*target
	track *ui.Track
}

func (s screen) Event(ev apply.Event) {
	show(s.track, ev)
	s.logEvent(s.host.Name, ev)
}

func (s screen) Say(sentence string) {
	if s.track == nil {
		s.err.Printf("%s  %s\n", s.host.Name, sentence)
		return
	}
	s.track.Say(sentence)
}

func (s screen) Secrets(words []string) {
	for _, w := range words {
		s.secret.Add([]byte(w))
	}
}

func (s screen) Redact(text string) string { return s.secret.String(text) }

// vendorRelease is what the vendor offers and the inventory trusts.
type vendorRelease struct{ *target }

// Resolve implements [run.Release].
func (v vendorRelease) Resolve(ctx context.Context, f *plan.Facts) (plan.Release, error) {
	return v.resolve(ctx, f)
}

// Installed implements [run.Release].
func (v vendorRelease) Installed(p *plan.Plan) { v.rememberInstalled(p) }

// Unchanged implements [run.Release]: the registry is asked again, from here, what the tags
// of the plan's images point to.
func (v vendorRelease) Unchanged(ctx context.Context, p *plan.Plan) error {
	var images []release.Image
	for _, ref := range []plan.Ref{p.Release.Server, p.Release.Updater, p.Release.Proxy} {
		images = append(images, release.Image{Repo: ref.Repo, Tag: ref.Tag, Digest: ref.Digest})
	}
	moved, err := v.env.Vendor.Moved(ctx, v.source(), images...)
	if err != nil || len(moved) == 0 {
		return err
	}
	stale := &apply.StaleError{Host: v.host.Name}
	for _, i := range moved {
		stale.Moved = append(stale.Moved, fmt.Sprintf("the tag %s points to %s now, another image than was planned", i.TagRef(), i.Digest))
	}
	return stale
}

// localBackups are the host's backups on this machine and in its bucket.
type localBackups struct {
	*target
	track *ui.Track
}

// Take implements [run.Backups].
func (b localBackups) Take(ctx context.Context, host backup.Runner, op plan.Backup, version string) (apply.BackupNote, error) {
	taker, err := b.taker(ctx, host, b.track)
	if err != nil {
		return apply.BackupNote{}, err
	}
	m, err := taker.Take(ctx, backup.Request{Backup: op, Version: version, Run: true}, b.backupFolder(op.ID))
	if err != nil {
		return apply.BackupNote{}, err
	}
	dump, _ := m.File(backup.Dump)
	return apply.BackupNote{ID: m.ID, Bytes: m.Size(), SHA256: dump.SHA256}, nil
}

// Load implements [run.Backups].
func (b localBackups) Load(run string) (*backup.Manifest, error) {
	return backup.Load(b.backupFolder(run))
}

// Proven implements [run.Backups].
func (b localBackups) Proven(ctx context.Context, id string) (*backup.Manifest, error) {
	e, err := b.chosen(ctx, id, nil)
	return e.Manifest, err
}

// Read implements [run.Backups].
func (b localBackups) Read(ctx context.Context, run, path string) ([]byte, error) {
	id, err := b.opening(ctx)
	if err != nil {
		return nil, err
	}
	folder := b.backupFolder(run)
	data, err := backup.Read(folder, path, id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the backup %s is not there, or not whole", folder)
	}
	return data, err
}

// Send implements [run.Backups].
func (b localBackups) Send(ctx context.Context, host backup.Runner, op plan.Send) error {
	own, err := b.opening(ctx)
	if err != nil {
		return err
	}
	m, err := backup.Load(b.backupFolder(op.Backup))
	if err != nil {
		return err
	}
	f, ok := m.File(backup.Dump)
	if !ok || f.SHA256 != op.SHA256 || m.ID != op.Backup || m.Host != b.host.Name {
		return &backup.UnprovenError{Host: b.host.Name, What: "the dump is not the one that was agreed on"}
	}
	s := &backup.DumpUploader{Host: host, Manifest: m, Dir: b.backupFolder(op.Backup), Identity: own, Tell: b.track.Bytes}
	return s.Send(ctx, f, op.Path, op.Copy)
}

// ImageFile implements [run.Backups]: in the newest backup that was taken with the image.
func (b localBackups) ImageFile(imageID string) (file string) {
	all, err := backup.List(b.backups())
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
