package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/plan"
	"liftalot/plan/backup"
	"liftalot/plan/journal"
	"liftalot/plan/run"
)

func restoreCommand(a *app) *cobra.Command {
	var drill, files, overwrite, trust bool
	cmd := &cobra.Command{
		Use: "restore HOST [BACKUP]", Short: "Put a backup's database back, or try it without touching anything",
		Long: `With --drill, restores the backup into a throw-away PostgreSQL on the host, without
network or port, as the restore does: with the same roles, login, flags and properties
of the database. Compares every table's rows with the backup, and removes it again.

Without it, puts the database back under the server that runs: shows what is newer
than the backup and would be lost, asks, fills a fresh database in one transaction
while the server runs, then stops the server, dumps the present database once more,
and swaps by rename. The former database is kept under another name. Interrupted, it
is resumed by the same command; failed, it is rolled back. BACKUP is an id of
"liftalot backups HOST", or latest: the newest that can be put back, and of a restore
that was interrupted the one that it is of.

With --files, puts back uploaded files instead of the database, from a backup that
was taken --with-files: shows which are missing or changed on the server, asks, and
sends those. Nothing is removed, and a file that is newer on the server stays,
unless --overwrite is said. Put the database back first: the server removes files
that no row of it names.

A backup that lies only in the bucket is brought here first, whole, and proven.`,
		Example: `  liftalot restore acme latest --drill
  liftalot restore acme 20261130T194109Z-0a1b2c`,
		Annotations: exitCodes(exitCheck, exitLocked, exitAuth, exitStale, exitHostKey, exitBackup, exitUnreachable, exitAlgorithms, exitInterrupted, exitRolledBack, exitPerson, exitState, exitCancelled),
		Args:        cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.open(args[:1])
			if err != nil {
				return err
			}
			if len(s.hosts) != 1 {
				return wrongUse(cmd, fmt.Errorf("%q stands for %s: a restore is of one", args[0], ui.Count(len(s.hosts), "host", "hosts")))
			}
			s.trustBucket = trust
			id := ""
			if s.latest = len(args) == 2 && args[1] == latestBackup; len(args) == 2 && !s.latest {
				id = args[1]
			}
			ctx, cancel := a.limited(cmd.Context())
			defer cancel()
			switch {
			case drill && files, overwrite && !files:
				return wrongUse(cmd, errors.New("--drill is of the database, and --overwrite of --files"))
			case drill:
				return s.drill(ctx, id)
			case files:
				return s.restoreFiles(ctx, id, overwrite)
			}
			return s.restore(ctx, id)
		},
	}
	cmd.Flags().BoolVar(&drill, "drill", false, "restore into a throw-away database and compare; nothing is touched")
	cmd.Flags().BoolVar(&files, "files", false, "put uploaded files back, and leave the database alone")
	cmd.Flags().BoolVar(&overwrite, "overwrite", false, "with --files: write over files that are newer on the server, too")
	cmd.Flags().BoolVar(&trust, "trust-bucket", false, "take a backup from the bucket that was not sent with this machine's key")
	cmd.Flags().BoolVarP(&a.flags.yes, "yes", "y", false, "do not ask")
	return cmd
}

// latestBackup is said in the place of the newest backup's id.
const latestBackup = "latest"

// drillResult is how a drill ended.
type drillResult struct {
	Host   string        `json:"host"`
	Backup string        `json:"backup"`
	Tables int           `json:"tables"`
	Rows   int64         `json:"rows"`
	Took   time.Duration `json:"took_ns"`
}

func (s *session) drill(ctx context.Context, id string) error {
	got := collectChanges(ctx, s, "prove the backup", func(ctx context.Context, t *target, track *ui.Track) (*drillResult, error) {
		return t.drill(ctx, id, track)
	})
	return present(s, "drills", got, func(d *drillResult) {
		s.term.out.Printf("%s  backup %s restores: %s with %d rows are those of the backup, in %s; nothing of the drill is left\n",
			ui.Bold(d.Host), d.Backup, ui.Count(d.Tables, "table", "tables"), d.Rows, ui.Duration(d.Took))
	})
}

func (t *target) drill(ctx context.Context, id string, track *ui.Track) (*drillResult, error) {
	began := t.now()
	e, err := t.backups.chosen(ctx, id, onTrack(track))
	if err != nil {
		return nil, err
	}
	facts, err := t.server(track).Look(ctx)
	if err != nil {
		return nil, err
	}
	if facts.Database.Container != "" {
		if err := t.server(track).RolesThere(ctx, facts, e.Manifest); err != nil {
			return nil, err
		}
	}
	dump, _ := e.File(backup.Dump)
	warnings, err := plan.RoomForDrill(facts, dump.Size)
	if err != nil {
		return nil, err
	}
	for _, w := range warnings {
		t.term.warnOnce(t.host.Name + ": " + w)
	}
	own, err := t.backups.keyring.opening(ctx)
	if err != nil {
		return nil, err
	}
	id, err = run.NewID(began)
	if err != nil {
		return nil, err
	}
	local, err := journal.TakeLock(t.folder.dir, journal.Holder{PID: os.Getpid(), Purpose: "drill", Since: began})
	if err != nil {
		return nil, err
	}
	defer func() { _ = local.Release() }()
	host := t.locked(id, "drill", func(s string) { track.Say(s) })
	defer func() { _ = host.Release(context.WithoutCancel(ctx)) }()
	d := &backup.Drill{Host: host, Watch: t.client, Manifest: e.Manifest, Dir: e.Dir, Identity: own, Database: facts.Database, ID: id, Tell: onTrack(track)}
	tables, rows, err := d.Run(ctx)
	if err != nil {
		return nil, err
	}
	return &drillResult{Host: t.host.Name, Backup: e.ID, Tables: tables, Rows: rows, Took: t.now().Sub(began)}, nil
}

// onTrack shows what happens to a backup.
func onTrack(track *ui.Track) func(backup.Event) {
	return func(e backup.Event) {
		if e.Stage != "" {
			track.Say(e.Stage)
			return
		}
		track.Bytes(e.Done, e.Total)
	}
}

func (s *session) restore(ctx context.Context, id string) error {
	jobs := make([]run.Job, 1)
	errs := make([]error, 1)
	errs[0] = s.one(ctx, s.hosts[0], func(ctx context.Context, t *target) (err error) {
		jobs[0], err = t.server(nil).NextRestore(ctx, id)
		return err
	})
	return s.runAll(ctx, jobs, errs, string(plan.Restoration), rolloutOptions{})
}
