package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/plan"
	"liftalot/plan/backup"
	"liftalot/plan/journal"
	"liftalot/plan/run"
	"liftalot/remote"
	"liftalot/remote/lock"
	"liftalot/units"
)

// backupOptions are what a person may ask of a backup.
type backupOptions struct {
	image bool
	files bool // that users have sent to the server
	keep  bool // the copy on the host
}

func backupCommand(a *app) *cobra.Command {
	var o backupOptions
	var connections int
	cmd := &cobra.Command{
		Use: "backup [PATTERN...]", Short: "Take a backup off each host, encrypted and proven",
		Long: `Takes the database, the secrets, .env, the compose files and the list of containers
off each host. The dump is written once on the host, by a job that a broken line
does not end, and pulled in pieces; what arrives is encrypted before it touches
this machine's disk, then read back and proven. Typed again, an interrupted backup
resumes the dump it had made. An upgrade of the same host waits meanwhile.

Where the host lacks the room for a dump it is streamed, over one connection, and
a break begins it anew. The copy on the host is removed once this one is proven.

With --with-files the files that users have uploaded come too, each content once
for all backups of a host: what was not touched since the last one is neither read
there nor pulled again.

Where the inventory names a bucket the backup is copied there too once it is proven
here, sealed as it is, with those that were taken since the newest one there. That it
could not be copied is said, ends with 16 (20 where the line broke), and takes
nothing away from the backup here: "liftalot backups push" sends it later.`,
		Example:     `  liftalot backup acme --with-files`,
		Annotations: exitCodes(exitCheck, exitLocked, exitAuth, exitHostKey, exitBackup, exitUnreachable, exitAlgorithms, exitInterrupted, exitState, exitCancelled),
		RunE: func(cmd *cobra.Command, patterns []string) error {
			if connections < 0 {
				return wrongUse(cmd, errors.New("--connections is not below zero"))
			}
			return a.onHosts(cmd, patterns, func(ctx context.Context, s *session) error {
				s.connections = connections
				return s.backup(ctx, o)
			})
		},
	}
	cmd.Flags().BoolVar(&o.image, "with-image", false, "save the running server's image too")
	cmd.Flags().BoolVar(&o.files, "with-files", false, "take the uploaded files too; only what is new is pulled")
	cmd.Flags().BoolVar(&o.keep, "keep-on-host", false, "leave the copy on the host, in a folder only root can read")
	cmd.Flags().IntVar(&connections, "connections", 0, "connections to pull over (default: one on a short line, four on a long one)")
	return cmd
}

// backedUp is a backup that was taken.
type backedUp struct {
	Host     string        `json:"host"`
	ID       string        `json:"id"`
	Dir      string        `json:"dir"`
	Bytes    int64         `json:"bytes"`
	Dump     int64         `json:"dump_bytes"`
	Tables   int           `json:"tables"`
	Took     time.Duration `json:"took_ns"`
	Streamed bool          `json:"streamed"`

	Files  *backup.Uploads `json:"files,omitempty"`  // left out where they were not asked for
	Bucket string          `json:"bucket,omitempty"` // left out where it is not in one
	Left   []backup.Left   `json:"left,omitempty"`   // what the project names and the backup is without
}

func (s *session) backup(ctx context.Context, o backupOptions) error {
	if _, err := s.keyring.identity(ctx); err != nil {
		return err
	}
	got := collectChanges(ctx, s, "look at the host", func(ctx context.Context, t *target, track *ui.Track) (*backedUp, error) {
		return t.backup(ctx, o, track)
	})
	if s.app.flags.json {
		return present(s, "backups", got, func(*backedUp) {})
	}
	table := &ui.Table{Columns: []ui.Column{
		{Title: "HOST"}, {Title: "BACKUP"}, {Title: "SIZE", Right: true}, {Title: "DUMP", Right: true}, {Title: "TABLES", Right: true}, {Title: "TOOK", Right: true},
	}}
	for _, b := range got.found {
		table.Add(b.Host, b.ID, units.Bytes(b.Bytes), units.Bytes(b.Dump), b.Tables, ui.Duration(b.Took))
	}
	if len(got.found) > 0 {
		s.term.out.Table(table)
	}
	for _, b := range got.found {
		s.term.sayFiles(b)
		if b.Bucket != "" {
			s.term.out.Printf("%s  a copy is in %s\n", ui.Bold(b.Host), b.Bucket)
		}
	}
	return gather(s.hosts, got.errs)
}

// sayFiles tells what a backup has of the uploaded files, and what it has not.
func (t *terminal) sayFiles(b *backedUp) {
	f := b.Files
	if f == nil {
		return
	}
	t.out.Printf("%s  %s of %s, %s of it new", ui.Bold(b.Host), ui.Count(f.Files, "uploaded file", "uploaded files"), units.Bytes(f.Bytes), units.Bytes(f.Pulled))
	if f.Others > 0 {
		t.out.Printf("; links and the like, not followed: %d", f.Others)
	}
	t.out.Printf("\n")
	if f.Lost > 0 {
		t.warnOnce(fmt.Sprintf("%s: %s changed or went while they were copied and are not in the backup; the next one takes them", b.Host, ui.Count(f.Lost, "file", "files")))
	}
	if f.Note != "" {
		t.warnOnce(fmt.Sprintf("%s: the uploaded files: %s", b.Host, f.Note))
	}
}

// backup takes one host's backup, and copies it to the bucket once the host is free
// for others.
func (t *target) backup(ctx context.Context, o backupOptions, track *ui.Track) (*backedUp, error) {
	local, err := journal.TakeLock(t.folder.dir, journal.Holder{PID: os.Getpid(), Purpose: "backup", Since: t.now()})
	if err != nil {
		return nil, err
	}
	defer func() { _ = local.Release() }()
	b, err := t.take(ctx, o, track)
	if err != nil || !t.backups.hasBucket() {
		return b, err
	}
	track.Begin("copy to the bucket")
	_, err = t.backups.push(ctx, track, func(e backup.Entry, newest time.Time) bool {
		return e.ID == b.ID || !newest.IsZero() && e.Taken.After(newest)
	})
	if err == nil {
		b.Bucket = t.backups.address(b.ID)
	}
	return b, err
}

// take takes one host's backup under both locks, of which the caller holds that of
// the folder: an upgrade and a nightly backup never meet.
func (t *target) take(ctx context.Context, o backupOptions, track *ui.Track) (*backedUp, error) {
	began := t.now()
	facts, err := t.server(nil).Look(ctx)
	if err != nil {
		return nil, err
	}
	if facts.Database.Container == "" {
		return nil, &plan.RefusedError{Host: t.host.Name, Checks: []plan.Check{{
			Name: "database", Level: plan.Stop, Detail: "it runs in no container of this project, so its dump cannot be taken from here",
			Hint: "back it up where it runs",
		}}}
	}
	p, stale, err := t.pending(facts, o)
	if err != nil {
		return nil, err
	}
	host := t.locked(p.ID, "backup", func(s string) { track.Say(s) })
	defer func() { _ = host.Release(context.WithoutCancel(ctx)) }()
	if _, err := host.Hold(ctx); err != nil {
		return nil, err
	}
	for _, old := range stale {
		if err := t.discard(ctx, host, old); err != nil {
			return nil, err
		}
	}
	if err := p.Begin(); err != nil {
		return nil, err
	}
	track.Begin("back up")
	m, err := t.takeBackup(ctx, host, p, track)
	if err != nil {
		return nil, t.backupError(ctx, host, p, err)
	}
	if !o.keep {
		if err := t.removeOnHost(ctx, host, p); err != nil {
			t.term.warnOnce(fmt.Sprintf("%s: the copy on the host stays in %s: %v", t.host.Name, p.Backup.Dir, err))
		}
	}
	for _, secret := range facts.Secrets {
		if secret.Broken {
			t.term.warnOnce(fmt.Sprintf("%s: %s is a link that leads nowhere: whatever it stood for is not in the backup", t.host.Name, secret.Path))
		}
	}
	for _, left := range m.Left {
		t.term.warnOnce(fmt.Sprintf("%s: the backup is without %s: %s", t.host.Name, left.Name, left.Why))
	}
	dump, _ := m.File(backup.Dump)
	return &backedUp{
		Host: t.host.Name, ID: m.ID, Dir: p.Dir, Bytes: m.Size(), Dump: dump.Size, Tables: m.Tables, Took: t.now().Sub(began), Streamed: p.Stream,
		Files: m.Uploads, Left: m.Left,
	}, p.End()
}

// locked is a host whose every command runs under the operator's lock.
func (t *target) locked(id, reason string, tell func(string)) *lock.Host {
	name, machine := whoami()
	return &lock.Host{
		Client: t.client, File: run.LockFile, Tell: tell,
		Holder: lock.Holder{User: name, Machine: machine, RunID: id, Reason: reason},
	}
}

func (t *target) takeBackup(ctx context.Context, host *lock.Host, p *backup.Pending, track *ui.Track) (*backup.Manifest, error) {
	creator, err := t.backups.creator(ctx, host, track)
	if err != nil {
		return nil, err
	}
	return creator.Create(ctx, p.Request, p.Dir)
}

// staleAfter is how long an unfinished backup is worth resuming.
const staleAfter = 24 * time.Hour

// pending is the backup to take: the one that an earlier start did not finish,
// or a new one. What is too old to resume is returned apart.
func (t *target) pending(f *plan.Facts, o backupOptions) (p *backup.Pending, stale []backup.Pending, err error) {
	old, err := backup.Unfinished(t.backups.dir())
	if err != nil {
		return nil, nil, err
	}
	for _, u := range old {
		now := plan.BackupOf(f, u.ID, u.Backup.Dir, 0)
		if p == nil && t.now().Sub(u.Begun) < staleAfter && u.Image == o.image && u.Uploads == o.files && u.Migration == now.Migration && u.Tables == now.Tables {
			p = &u
			continue
		}
		stale = append(stale, u)
	}
	if p != nil {
		return p, stale, nil
	}
	id, err := run.NewID(t.now())
	if err != nil {
		return nil, nil, err
	}
	server := ""
	if o.files {
		if server, err = t.keepsFiles(f); err != nil {
			return nil, nil, err
		}
	}
	version, _ := plan.RunningVersion(f)
	return &backup.Pending{
		Begun: t.now().UTC(), Dir: t.backups.folder(id),
		Request: backup.Request{Backup: plan.BackupOf(f, id, workRoot+id, t.host.Backup.DumpTimeout), Version: version, Image: o.image, Stream: t.mustStream(f), Uploads: o.files, Server: server},
	}, stale, nil
}

// workRoot begins the name of the folder in which a backup is made on a host;
// that of the runbook, which an upgrade leaves, has another.
const workRoot = plan.BackupRoot + "/liftalot-backup-"

// spare is what a host's disk must have left beside a dump.
const spare = 256 << 20

// mustStream reports whether the host lacks the room for a dump, which is at
// most about as large as the database.
func (t *target) mustStream(f *plan.Facts) bool {
	d, known := f.DiskFor(plan.BackupRoot)
	need := f.Database.Bytes + spare
	if !known || d.Free >= need {
		return false
	}
	t.term.warnOnce(fmt.Sprintf("%s: a dump may need %s and %s has %s free: it is streamed, over one connection, and a break begins it anew",
		t.host.Name, units.Bytes(need), d.Mount, units.Bytes(d.Free)))
	return true
}

// backupError says what became of a backup that was not finished: after a break
// it can be resumed, anything else leaves nothing behind.
func (t *target) backupError(ctx context.Context, host *lock.Host, p *backup.Pending, err error) error {
	var unproven *backup.UnprovenError
	if errors.As(err, &unproven) {
		tidy, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyTime)
		defer cancel()
		if derr := t.discard(tidy, host, *p); derr != nil {
			t.term.warnOnce(fmt.Sprintf("%s: what was made of the backup stays in %s on the host until the next backup: %v", t.host.Name, p.Backup.Dir, derr))
		}
		return err
	}
	if remote.Transient(err) || ctx.Err() != nil {
		return &hostError{
			host: t.host.Name, code: exitInterrupted, err: withHost(t.host.Name, err),
			hint: fmt.Sprintf("liftalot backup %s resumes it; nothing of the server was changed", t.host.Name),
		}
	}
	return err
}

// tidyTime is for what is removed after a failure.
const tidyTime = 30 * time.Second

// discard removes a backup that will not be finished, there and here.
func (t *target) discard(ctx context.Context, host *lock.Host, p backup.Pending) error {
	if err := t.removeOnHost(ctx, host, &p); err != nil {
		return err
	}
	return p.Discard()
}

// removeOnHost removes the folder in which a backup was made. Its name is made
// anew from the id, so that no file can point it elsewhere.
func (t *target) removeOnHost(ctx context.Context, host *lock.Host, p *backup.Pending) error {
	if p.Backup.Dir != workRoot+p.ID || filepath.Base(p.ID) != p.ID {
		return fmt.Errorf("%s is no folder of a backup", p.Backup.Dir)
	}
	_, err := host.Run(ctx, remote.Command{Name: "remove the backup's folder", Script: `rm -rf -- "$1"`, Args: []string{workRoot + p.ID}, Root: true})
	return err
}

// collectChanges does something for every host that changes things there, a few at a
// time, with a live line. Documents come in the order of the inventory.
func collectChanges[T any](ctx context.Context, s *session, doing string, do func(context.Context, *target, *ui.Track) (*T, error)) look[T] {
	found := make([]*T, len(s.hosts))
	number := s.positions()
	progress := s.term.progress()
	defer progress.Close()
	errs := s.eachOf(ctx, s.hosts, s.changingAtOnce(), func(ctx context.Context, t *target) error {
		track := progress.Host(t.host.Name)
		track.Begin(doing)
		s.term.log(logLine{Host: t.host.Name, Event: "step-begun", Step: doing})
		got, err := do(ctx, t, track)
		outcome, line := ui.Done, logLine{Host: t.host.Name, Event: "step-done", Step: doing}
		if err != nil {
			outcome, line.Event, line.Text = ui.Failed, "step-failed", err.Error()
		}
		track.End(outcome, "")
		s.term.log(line)
		found[number[t.host.Name]] = got
		return err
	})
	return look[T]{slices.DeleteFunc(found, func(d *T) bool { return d == nil }), errs}
}
