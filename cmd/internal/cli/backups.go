package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/inventory"
	"liftalot/plan/backup"
	"liftalot/plan/journal"
	"liftalot/plan/run"
	"liftalot/units"
)

func backupsCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "backups [PATTERN...]", Short: "List the backups on this machine and in the bucket",
		Long: `Lists the backups of each host that lie on this machine, with age, size, version and
whether all of it is there. No host is asked. A backup that was not finished, or
whose pull was cut, is not listed. Below stands whose keys open them, and which were
taken before a recipient of the inventory was named.

Where the inventory names a bucket, that is asked too: WHERE says whether a backup is
here, there, or both. One there that is called foreign was not sent with this
machine's key.`,
		Example:     `  liftalot backups acme`,
		Annotations: exitCodes(exitAuth, exitBackup, exitUnreachable, exitAlgorithms, exitState, exitCancelled),
		RunE: func(cmd *cobra.Command, patterns []string) error {
			return a.onHosts(cmd, patterns, func(ctx context.Context, s *session) error { return s.listBackups(ctx) })
		},
	}
	cmd.AddCommand(verifyBackupsCommand(a), pruneCommand(a), pushCommand(a))
	return cmd
}

// backupRow is a backup in a list.
type backupRow struct {
	Host      string    `json:"host"`
	ID        string    `json:"id"`
	Dir       string    `json:"dir"`
	Taken     time.Time `json:"taken"`
	Bytes     int64     `json:"bytes"`
	Version   string    `json:"version"`
	Migration int64     `json:"migration"`
	Tables    int       `json:"tables"`
	Run       bool      `json:"run"`   // taken by an upgrade
	Proof     string    `json:"proof"` // proven, damaged, foreign; read again: opened, hashed and read to its end just now
	Why       string    `json:"why,omitempty"`
	Where     string    `json:"where"`            // here, bucket, both
	Bucket    string    `json:"bucket,omitempty"` // where it is there

	Recipients []string `json:"recipients,omitempty"` // whose keys open it

	Files *backup.Uploads `json:"files,omitempty"` // left out where the backup is without them
	Left  []backup.Left   `json:"left,omitempty"`  // what the project names and the backup is without
}

func (b *hostBackups) row(e backup.Entry) backupRow {
	l := backupRow{
		Host: b.host.Name, ID: e.ID, Dir: e.Dir, Taken: e.Taken, Bytes: e.Size(), Version: e.Version, Migration: e.Migration,
		Tables: e.Tables, Run: e.Run, Proof: "proven", Files: e.Uploads, Where: isHere, Left: e.Left,
		Recipients: e.Recipients,
	}
	if e.Err != nil {
		l.Proof, l.Why = "damaged", e.Err.Error()
	}
	return l
}

func (s *session) listBackups(ctx context.Context) error {
	rows := make([][]backupRow, len(s.hosts))
	number := s.positions()
	errs := s.eachOf(ctx, s.hosts, s.lookingAtOnce(), func(ctx context.Context, t *target) error {
		here, err := backup.List(t.backups.dir())
		there, berr := t.backups.listCopies(ctx)
		rows[number[t.host.Name]] = t.backups.merge(here, there)
		return errors.Join(err, berr)
	})
	return s.printBackups(slices.Concat(rows...), gather(s.hosts, errs))
}

// usesBucket reports whether any of the hosts has a bucket.
func (s *session) usesBucket() bool {
	return slices.ContainsFunc(s.hosts, func(h inventory.Host) bool { return !h.Backup.Bucket.IsZero() })
}

// printBackups lists what there is, and passes on what went wrong meanwhile.
func (s *session) printBackups(all []backupRow, failed error) error {
	if s.app.flags.json {
		doc := map[string]any{"format": 1, "backups": append([]backupRow{}, all...)}
		if list := failures(failed); len(list) > 0 {
			doc["errors"] = list
		}
		return errors.Join(s.term.out.JSON(doc), failed)
	}
	if len(all) == 0 && failed != nil {
		return failed
	}
	if len(all) == 0 {
		where := "on this machine"
		if s.usesBucket() {
			where += ", nor in the bucket"
		}
		s.term.out.Printf("there are no backups %s; \"liftalot backup\" takes them\n", where)
		return nil
	}
	table := &ui.Table{Columns: []ui.Column{
		{Title: "HOST"}, {Title: "BACKUP"}, {Title: "AGE", Right: true}, {Title: "SIZE", Right: true}, {Title: "FILES", Right: true}, {Title: "VERSION"},
		{Title: "MIGRATION", Right: true}, {Title: "TAKEN BY"}, {Title: "PROOF"},
	}}
	if s.usesBucket() {
		table.Columns = slices.Insert(table.Columns, len(table.Columns)-1, ui.Column{Title: "WHERE"})
	}
	for _, b := range all {
		by := "backup"
		if b.Run {
			by = "upgrade"
		}
		proof := ui.Good(b.Proof)
		if b.Why != "" {
			proof = ui.Textf("%s: %s", ui.Bad(b.Proof), b.Why)
		}
		files := "-"
		if b.Files != nil {
			files = units.Bytes(b.Files.Bytes)
		}
		row := []any{b.Host, b.ID, ageText(s.app.env.Now().Sub(b.Taken)), units.Bytes(b.Bytes), files, b.Version, b.Migration, by}
		if s.usesBucket() {
			row = append(row, b.Where)
		}
		table.Add(append(row, proof)...)
	}
	s.term.out.Table(table)
	for _, b := range all {
		for _, left := range b.Left {
			s.term.out.Printf("%s  %s is without %s: %s\n", ui.Bold(b.Host), b.ID, left.Name, left.Why)
		}
	}
	named := map[string][]string{}
	for _, h := range s.hosts {
		named[h.Name] = h.Backup.Recipients
	}
	for _, line := range openedBy(all, s.keyring.ownRecipient(), named) {
		s.term.out.Printf("%s\n", line)
	}
	return failed
}

// ageText writes how old a backup is, in the largest unit.
func ageText(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return ui.Count(int(d/(24*time.Hour)), "day", "days")
	case d >= 2*time.Hour:
		return ui.Count(int(d/time.Hour), "hour", "hours")
	}
	return ui.Count(int(max(0, d)/time.Minute), "minute", "minutes")
}

func verifyBackupsCommand(a *app) *cobra.Command {
	var inBucket bool
	cmd := &cobra.Command{
		Use: "verify [PATTERN...]", Short: "Prove the backups on this machine again",
		Long: `Opens every file of every backup with this machine's key, hashes it and holds it
against what the host had, and reads each dump to its end; of uploaded files, each
content once. No host is asked. With --bucket it reads all that is in the bucket the
same way, and keeps none of it here.`,
		Example:     `  liftalot backups verify --bucket`,
		Annotations: exitCodes(exitAuth, exitBackup, exitUnreachable, exitAlgorithms, exitState, exitCancelled),
		RunE: func(cmd *cobra.Command, patterns []string) error {
			return a.onHosts(cmd, patterns, func(ctx context.Context, s *session) error { return s.verifyBackups(ctx, inBucket) })
		},
	}
	cmd.Flags().BoolVar(&inBucket, "bucket", false, "also read and prove all that is in the bucket")
	return cmd
}

func (s *session) verifyBackups(ctx context.Context, inBucket bool) error {
	id, err := s.keyring.knownIdentity(ctx)
	if err != nil {
		return err
	}
	var all []backupRow
	errs := make([]error, len(s.hosts))
	progress := s.term.progress()
	for i, h := range s.hosts {
		t := s.target(h)
		list, err := backup.List(t.backups.dir())
		t.close()
		if id == nil && (len(list) > 0 || inBucket && t.backups.hasBucket()) {
			_, err = s.keyring.opening(ctx)
			progress.Close()
			return err
		}
		errs[i] = err
		track := progress.Host(h.Name)
		contents := map[[32]byte]bool{}
		for _, e := range list {
			if ctx.Err() != nil {
				progress.Close()
				return context.Cause(ctx)
			}
			track.Begin("read backup " + e.ID)
			if e.Err == nil {
				e.Err = e.Verify(e.Dir, id)
			}
			if e.Err == nil {
				e.Err = e.VerifyUploads(ctx, e.Dir, id, contents)
			}
			if e.Err != nil && ctx.Err() != nil { // given up, which says nothing of the backup
				progress.Close()
				return context.Cause(ctx)
			}
			l := t.backups.row(e)
			if e.Err != nil {
				errs[i] = errors.Join(errs[i], &backup.UnprovenError{Host: h.Name, What: e.ID, Err: e.Err})
				track.End(ui.Failed, "")
			} else {
				l.Proof = "read again"
				track.End(ui.Done, "")
			}
			all = append(all, l)
		}
		if inBucket && t.backups.hasBucket() {
			there, err := t.backups.verifyCopies(ctx, id, track)
			all, errs[i] = append(all, there...), errors.Join(errs[i], err)
		}
	}
	progress.Close()
	return s.printBackups(all, gather(s.hosts, errs))
}

func pruneCommand(a *app) *cobra.Command {
	var policy backup.Policy
	var really bool
	cmd := &cobra.Command{
		Use: "prune [PATTERN...]", Short: "Remove old backups from this machine and from the bucket",
		Long: `Shows which backups would stay and which would go, and removes nothing unless
--delete is said. Of the last so many days, weeks and months that have a backup the
newest of each stays. The newest sound backup of a host stays always, and so do one
that a rollback or an interrupted run may still need, and one that is damaged. With
the backups go the contents of uploaded files that no other backup names. The same is
decided for the bucket by itself, if there is one; contents stay there for a day more.`,
		Example:     `  liftalot backups prune --keep-daily 7 --keep-weekly 4 --keep-monthly 6`,
		Annotations: exitCodes(exitLocked, exitAuth, exitBackup, exitUnreachable, exitAlgorithms, exitState, exitCancelled),
		RunE: func(cmd *cobra.Command, patterns []string) error {
			if policy == (backup.Policy{}) {
				return wrongUse(cmd, errors.New("say what to keep: --keep-daily, --keep-weekly, --keep-monthly"))
			}
			if min(policy.Daily, policy.Weekly, policy.Monthly) < 0 { // elsewhere it means all
				return wrongUse(cmd, errors.New("--keep-daily, --keep-weekly and --keep-monthly are numbers from 0 on"))
			}
			return a.onHosts(cmd, patterns, func(ctx context.Context, s *session) error { return s.prune(ctx, policy, really) })
		},
	}
	cmd.Flags().IntVar(&policy.Daily, "keep-daily", 0, "days of which the newest backup stays")
	cmd.Flags().IntVar(&policy.Weekly, "keep-weekly", 0, "weeks of which the newest backup stays")
	cmd.Flags().IntVar(&policy.Monthly, "keep-monthly", 0, "months of which the newest backup stays")
	cmd.Flags().BoolVar(&really, "delete", false, "remove what would go, after asking")
	cmd.Flags().BoolVarP(&a.flags.yes, "yes", "y", false, "do not ask")
	return cmd
}

// pruned is what is decided about a backup.
type pruned struct {
	Host  string `json:"host"`
	ID    string `json:"id"`
	Keep  bool   `json:"keep"`
	Why   string `json:"why,omitempty"`
	Where string `json:"where"` // here, bucket
	Bytes int64  `json:"bytes"` // without uploaded files, which backups share
}

func (s *session) prune(ctx context.Context, policy backup.Policy, really bool) error {
	var all []pruned
	errs := make([]error, len(s.hosts))
	going, freed := 0, int64(0)
	for i, h := range s.hosts {
		t := s.target(h)
		here, err := t.backups.choose(policy)
		there, berr := t.backups.chooseCopies(ctx, policy)
		t.close()
		errs[i] = errors.Join(err, berr)
		for k, c := range slices.Concat(here, there) {
			where := isHere
			if k >= len(here) {
				where = isInBucket
			}
			all = append(all, pruned{h.Name, c.ID, c.Keeps(), c.Why(), where, c.Size()})
			if !c.Keeps() {
				going, freed = going+1, freed+c.Size()
			}
		}
	}
	if err := s.term.printPruned(all, really, gather(s.hosts, errs)); err != nil || !really || going == 0 {
		return errors.Join(err, gather(s.hosts, errs))
	}
	if err := s.dialog.confirm(ctx, ui.Textf("\nRemove %s for good, %s?", ui.Count(going, "backup", "backups"), units.Bytes(freed))); err != nil {
		return err
	}
	for i, h := range s.hosts {
		if errs[i] == nil {
			errs[i] = s.one(ctx, h, func(ctx context.Context, t *target) error { return t.backups.prune(ctx, policy) })
		}
	}
	return gather(s.hosts, errs)
}

func (t *terminal) printPruned(all []pruned, really bool, failed error) error {
	if t.flags.json {
		doc := map[string]any{"format": 1, "delete": really, "backups": append([]pruned{}, all...)}
		if list := failures(failed); len(list) > 0 {
			doc["errors"] = list
		}
		return t.out.JSON(doc)
	}
	table := &ui.Table{Columns: []ui.Column{{Title: "HOST"}, {Title: "BACKUP"}, {Title: "SIZE", Right: true}, {Title: "WHERE"}, {Title: ""}, {Title: "WHY"}}}
	going, freed := 0, int64(0)
	for _, p := range all {
		what := ui.Good("stays")
		if !p.Keep {
			what = ui.Warn("goes")
			going, freed = going+1, freed+p.Bytes
		}
		table.Add(p.Host, p.ID, units.Bytes(p.Bytes), p.Where, what, p.Why)
	}
	t.out.Table(table)
	if going > 0 {
		t.out.Printf("removing %s frees %s, and the uploaded files that no other backup names\n", ui.Count(going, "backup", "backups"), units.Bytes(freed))
	}
	if !really {
		t.out.Printf("nothing was removed: --delete does it\n")
	}
	return nil
}

func (b *hostBackups) choose(policy backup.Policy) ([]backup.Choice, error) {
	list, err := backup.List(b.dir())
	if err != nil {
		return nil, err
	}
	needed, err := run.NeededBackups(b.state.history())
	if err != nil {
		return nil, err
	}
	return policy.Choose(list, needed), nil
}

// prune decides once more, with nobody else at work on the host's folder, and
// removes what may go.
func (b *hostBackups) prune(ctx context.Context, policy backup.Policy) error {
	local, err := journal.TakeLock(b.state.dir, journal.Holder{PID: os.Getpid(), Purpose: "removal of old backups", Since: b.now()})
	if err != nil {
		return err
	}
	defer func() { _ = local.Release() }()
	choices, err := b.choose(policy)
	if err != nil {
		return err
	}
	gone, freed := 0, int64(0)
	for _, c := range choices {
		if c.Keeps() {
			continue
		}
		if err := c.Remove(); err != nil {
			return fmt.Errorf("%w; %s removed before it", err, ui.Count(gone, "backup was", "backups were"))
		}
		gone, freed = gone+1, freed+c.Size()
	}
	b.term.log(logLine{Host: b.host.Name, Event: "step-done", Step: "remove old backups", Text: ui.Count(gone, "backup", "backups") + " removed"})
	if !b.term.flags.json {
		b.term.out.Printf("%s  %s removed, %s freed\n", ui.Bold(b.host.Name), ui.Count(gone, "backup", "backups"), units.Bytes(freed))
	}
	if err := b.sweep(ctx); err != nil {
		return err
	}
	return b.pruneCopies(ctx, policy)
}

// sweep removes the contents of uploaded files that no backup names any more.
func (b *hostBackups) sweep(ctx context.Context) error {
	if !backup.HasStore(b.dir()) {
		return nil
	}
	id, err := b.keyring.opening(ctx)
	if err != nil {
		return err
	}
	gone, freed, err := backup.CollectGarbage(b.dir(), id)
	if err != nil {
		return &hostError{
			host: b.host.Name, code: exitBackup, err: fmt.Errorf("%s: the backups that were to go are removed, and no uploaded file with them: %w", b.host.Name, err),
			hint: fmt.Sprintf("\"liftalot backups verify %s\" names what cannot be read; move it away and prune again", b.host.Name),
		}
	}
	if gone > 0 && !b.term.flags.json {
		b.term.out.Printf("%s  %s of uploaded files removed, %s\n", ui.Bold(b.host.Name), ui.Count(gone, "content", "contents"), units.Bytes(freed))
	}
	return nil
}
