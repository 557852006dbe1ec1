package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"liftalot/cmd/internal/ui"
	"liftalot/plan"
	"liftalot/plan/backup"
	"liftalot/plan/journal"
	"liftalot/plan/run"
	"liftalot/units"
)

// uploadRestoreResult is what became of the uploaded files of a host.
type uploadRestoreResult struct {
	Host    string        `json:"host"`
	Backup  string        `json:"backup"`
	Missing int           `json:"missing"` // they were put back
	Changed int           `json:"changed"` // they were written over
	Kept    int           `json:"kept"`    // newer on the host, or no files there
	Same    int           `json:"same"`
	Lost    int           `json:"lost"` // the backup has no content of them
	Bytes   int64         `json:"bytes"`
	Took    time.Duration `json:"took_ns"`
}

// restoreFiles puts uploaded files of a backup back: it shows what is lacking,
// asks, and sends that, under both locks.
func (s *session) restoreFiles(ctx context.Context, id string, overwrite bool) error {
	got := look[uploadRestoreResult]{errs: make([]error, 1)}
	got.errs[0] = s.one(ctx, s.hosts[0], func(ctx context.Context, t *target) error {
		done, err := t.restoreFiles(ctx, id, overwrite)
		if done != nil {
			got.found = append(got.found, done)
		}
		return err
	})
	return present(s, "files", got, func(f *uploadRestoreResult) {
		s.term.out.Printf("%s  %s put back, %s, in %s; %d on the server stay as they are\n",
			ui.Bold(f.Host), ui.Count(f.Missing+f.Changed, "file", "files"), units.Bytes(f.Bytes), ui.Duration(f.Took), f.Kept+f.Same)
	})
}

func (t *target) restoreFiles(ctx context.Context, id string, overwrite bool) (*uploadRestoreResult, error) {
	began := t.now()
	e, err := t.backups.chosen(ctx, id, nil)
	if err != nil {
		return nil, err
	}
	facts, err := t.server(nil).Look(ctx)
	if err != nil {
		return nil, err
	}
	server, err := t.keepsFiles(facts)
	if err != nil {
		return nil, err
	}
	run, err := run.NewID(t.now())
	if err != nil {
		return nil, err
	}
	local, err := journal.TakeLock(t.folder.dir, journal.Holder{PID: os.Getpid(), Purpose: "restore of files", Since: began})
	if err != nil {
		return nil, err
	}
	defer func() { _ = local.Release() }()
	progress := t.term.progress()
	defer func() { progress.Close() }() // whichever it is by then
	track := progress.Host(t.host.Name)
	track.Begin("compare files")
	host := t.locked(run, "restore of files", func(s string) { track.Say(s) })
	defer func() { _ = host.Release(context.WithoutCancel(ctx)) }()
	if _, err := host.Hold(ctx); err != nil {
		return nil, err
	}
	creator, err := t.backups.creator(ctx, host, track)
	if err != nil {
		return nil, err
	}
	p := &backup.UploadRestore{
		Creator: creator, Manifest: e.Manifest, Dir: e.Dir, ID: run, Overwrite: overwrite, Database: facts.Database.Container, Server: server,
	}
	d, err := p.Compare(ctx)
	if err != nil {
		track.End(ui.Failed, "")
		return nil, err
	}
	track.End(ui.Done, "")
	done := &uploadRestoreResult{
		Host: t.host.Name, Backup: e.ID, Missing: len(d.Missing), Changed: len(d.Changed), Kept: len(d.Kept), Same: d.Same, Lost: d.Lost, Bytes: d.Bytes(),
	}
	progress.Close() // or it would draw over the list
	if err := t.agreeFiles(ctx, e, d); err != nil {
		return nil, err
	}
	progress = t.term.progress()
	track = progress.Host(t.host.Name)
	if p.Creator, err = t.backups.creator(ctx, host, track); err != nil {
		return nil, err
	}
	track.Begin("put files back")
	if err := p.Do(ctx, d); err != nil {
		track.End(ui.Failed, "")
		return nil, &hostError{
			host: t.host.Name, code: exitInterrupted, err: withHost(t.host.Name, err),
			hint: fmt.Sprintf("no file is half written; liftalot restore %s %s --files puts back what is still missing", t.host.Name, e.ID),
		}
	}
	track.End(ui.Done, "")
	done.Took = t.now().Sub(began)
	return done, nil
}

// keepsFiles is the container whose mounts hold the uploaded files. They are read
// through the database's image, which must be a container's too.
func (t *target) keepsFiles(f *plan.Facts) (string, error) {
	server, ok := f.Server()
	if !ok || f.Database.Container == "" {
		return "", &plan.RefusedError{Host: t.host.Name, Checks: []plan.Check{{
			Name: "files", Level: plan.Stop, Detail: "its server, or its database, is no container of this project, so its files cannot be reached from here",
			Hint: "copy the files where they lie",
		}}}
	}
	return server.Name, nil
}

// shownFiles is how many names are shown of each kind.
const shownFiles = 10

// agreeFiles shows what would be put back, and asks.
func (t *target) agreeFiles(ctx context.Context, e backup.Entry, d *backup.Difference) error {
	if !t.term.flags.json {
		t.term.out.Printf("%s  backup %s: %d missing, %d changed, %d newer on the server and kept, %d the same",
			ui.Bold(t.host.Name), e.ID, len(d.Missing), len(d.Changed), len(d.Kept), d.Same)
		if d.Lost > 0 {
			t.term.out.Printf(", %d of which the backup has no content", d.Lost)
		}
		t.term.out.Printf("\n")
		t.term.showFiles("missing", d.Missing)
		t.term.showFiles("changed", d.Changed)
		t.term.showFiles("kept", d.Kept)
	}
	if len(d.Files())+len(d.Folders) == 0 {
		return nil
	}
	return t.dialog.confirm(ctx, ui.Textf("\nPut %s back, %s, and write over %d of them?", ui.Count(len(d.Files()), "file", "files"), units.Bytes(d.Bytes()), len(d.Changed)))
}

func (t *terminal) showFiles(what string, files []*backup.Upload) {
	for k, f := range files {
		if k == shownFiles {
			t.out.Printf("  %s  and %d more\n", what, len(files)-k)
			return
		}
		t.out.Printf("  %s  %s  %s  %s\n", what, f.Path, units.Bytes(f.Size), units.Time(time.Unix(f.Modified, 0)))
	}
}
