package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/plan/backup"
	"liftalot/plan/journal"
)

func (a *app) backupsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "backups [PATTERN...]", Short: "List the backups on this machine",
		Long: `Lists the backups of each host that lie on this machine, with age, size, version and
whether all of it is there. No host is asked. A backup that was not finished, or
whose pull was cut, is not listed.
` + exitHelp,
		RunE: func(_ *cobra.Command, patterns []string) error {
			s, err := a.open(patterns)
			if err != nil {
				return err
			}
			return s.listBackups()
		},
	}
	cmd.AddCommand(a.verifyBackupsCommand(), a.pruneCommand())
	return cmd
}

// listed is a backup in a list.
type listed struct {
	Host      string    `json:"host"`
	ID        string    `json:"id"`
	Dir       string    `json:"dir"`
	Taken     time.Time `json:"taken"`
	Bytes     int64     `json:"bytes"`
	Version   string    `json:"version"`
	Migration int64     `json:"migration"`
	Tables    int       `json:"tables"`
	Run       bool      `json:"run"`   // taken by an upgrade
	Proof     string    `json:"proof"` // proven, damaged; read again: opened, hashed and read to its end just now
	Why       string    `json:"why,omitempty"`

	Files *backup.Uploads `json:"files,omitempty"` // left out where the backup is without them
}

func (t *target) listed(e backup.Entry) listed {
	l := listed{
		Host: t.host.Name, ID: e.ID, Dir: e.Dir, Taken: e.Taken, Bytes: e.Size(), Version: e.Version, Migration: e.Migration,
		Tables: e.Tables, Run: e.Run, Proof: "proven", Files: e.Uploads,
	}
	if e.Err != nil {
		l.Proof, l.Why = "damaged", e.Err.Error()
	}
	return l
}

func (s *session) listBackups() error {
	var all []listed
	errs := make([]error, len(s.hosts))
	for i, h := range s.hosts {
		t := s.target(h)
		list, err := backup.List(t.backups())
		t.close()
		errs[i] = err
		for _, e := range list {
			all = append(all, t.listed(e))
		}
	}
	return errors.Join(s.printBackups(all), gather(s.hosts, errs))
}

func (s *session) printBackups(all []listed) error {
	if s.flags.json {
		return s.out.JSON(map[string]any{"format": 1, "backups": append([]listed{}, all...)})
	}
	if len(all) == 0 {
		s.out.Printf("there are no backups on this machine; \"liftalot backup\" takes them\n")
		return nil
	}
	table := &ui.Table{Columns: []ui.Column{
		{Title: "HOST"}, {Title: "BACKUP"}, {Title: "AGE", Right: true}, {Title: "SIZE", Right: true}, {Title: "FILES", Right: true}, {Title: "VERSION"},
		{Title: "MIGRATION", Right: true}, {Title: "TAKEN BY"}, {Title: "PROOF"},
	}}
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
			files = ui.Bytes(b.Files.Bytes)
		}
		table.Add(b.Host, b.ID, howOld(s.env.Now().Sub(b.Taken)), ui.Bytes(b.Bytes), files, b.Version, b.Migration, by, proof)
	}
	s.out.Table(table)
	return nil
}

// howOld writes how old a backup is, in the largest unit.
func howOld(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return ui.Count(int(d/(24*time.Hour)), "day", "days")
	case d >= 2*time.Hour:
		return ui.Count(int(d/time.Hour), "hour", "hours")
	}
	return ui.Count(int(max(0, d)/time.Minute), "minute", "minutes")
}

func (a *app) verifyBackupsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "verify [PATTERN...]", Short: "Prove the backups on this machine again",
		Long: `Opens every file of every backup with this machine's key, hashes it and holds it
against what the host had, and reads each dump to its end; of uploaded files, each
content once. No host is asked.
` + exitHelp,
		RunE: func(cmd *cobra.Command, patterns []string) error {
			return a.onHosts(cmd, patterns, func(ctx context.Context, s *session) error { return s.verifyBackups(ctx) })
		},
	}
}

func (s *session) verifyBackups(ctx context.Context) error {
	id, err := s.identity(ctx)
	if err != nil {
		return err
	}
	var all []listed
	errs := make([]error, len(s.hosts))
	progress := s.progress()
	for i, h := range s.hosts {
		t := s.target(h)
		list, err := backup.List(t.backups())
		t.close()
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
			l := t.listed(e)
			if e.Err != nil {
				errs[i] = errors.Join(errs[i], &backup.Unproven{Host: h.Name, What: e.ID, Err: e.Err})
				track.End(ui.Failed, "")
			} else {
				l.Proof = "read again"
				track.End(ui.Done, "")
			}
			all = append(all, l)
		}
	}
	progress.Close()
	return errors.Join(s.printBackups(all), gather(s.hosts, errs))
}

func (a *app) pruneCommand() *cobra.Command {
	var policy backup.Policy
	var really bool
	cmd := &cobra.Command{
		Use: "prune [PATTERN...]", Short: "Remove old backups from this machine",
		Long: `Shows which backups would stay and which would go, and removes nothing unless
--delete is said. Of the last so many days, weeks and months that have a backup the
newest of each stays. The newest sound backup of a host stays always, and so do one
that a rollback or an interrupted run may still need, and one that is damaged. With
the backups go the contents of uploaded files that no other backup names.

  liftalot backups prune --keep-daily 7 --keep-weekly 4 --keep-monthly 6
` + exitHelp,
		RunE: func(cmd *cobra.Command, patterns []string) error {
			if policy == (backup.Policy{}) {
				return wrongUse(cmd, errors.New("say what to keep: --keep-daily, --keep-weekly, --keep-monthly"))
			}
			s, err := a.open(patterns)
			if err != nil {
				return err
			}
			return s.prune(cmd.Context(), policy, really)
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
	Host string `json:"host"`
	ID   string `json:"id"`
	Keep bool   `json:"keep"`
	Why  string `json:"why,omitempty"`
}

func (s *session) prune(ctx context.Context, policy backup.Policy, really bool) error {
	var all []pruned
	errs := make([]error, len(s.hosts))
	going := 0
	for i, h := range s.hosts {
		t := s.target(h)
		choices, err := t.choose(policy)
		t.close()
		errs[i] = err
		for _, c := range choices {
			all = append(all, pruned{h.Name, c.ID, c.Keeps(), c.Why()})
			if !c.Keeps() {
				going++
			}
		}
	}
	if err := s.printPruned(all, really); err != nil || !really || going == 0 {
		return errors.Join(err, gather(s.hosts, errs))
	}
	if err := s.confirm(ctx, ui.Textf("\nRemove %s for good?", ui.Count(going, "backup", "backups"))); err != nil {
		return err
	}
	for i, h := range s.hosts {
		if errs[i] == nil {
			errs[i] = s.one(ctx, h, func(ctx context.Context, t *target) error { return t.prune(ctx, policy) })
		}
	}
	return gather(s.hosts, errs)
}

func (s *session) printPruned(all []pruned, really bool) error {
	if s.flags.json {
		return s.out.JSON(map[string]any{"format": 1, "delete": really, "backups": append([]pruned{}, all...)})
	}
	table := &ui.Table{Columns: []ui.Column{{Title: "HOST"}, {Title: "BACKUP"}, {Title: ""}, {Title: "WHY"}}}
	for _, p := range all {
		what := ui.Good("stays")
		if !p.Keep {
			what = ui.Warn("goes")
		}
		table.Add(p.Host, p.ID, what, p.Why)
	}
	s.out.Table(table)
	if !really {
		s.out.Printf("nothing was removed: --delete does it\n")
	}
	return nil
}

func (t *target) choose(policy backup.Policy) ([]backup.Choice, error) {
	list, err := backup.List(t.backups())
	if err != nil {
		return nil, err
	}
	needed, err := t.neededBackups()
	if err != nil {
		return nil, err
	}
	return policy.Choose(list, needed), nil
}

// neededBackups are those of runs that can still go on or be taken back.
func (t *target) neededBackups() (map[string]string, error) {
	runs, err := t.runs()
	if err != nil {
		return nil, err
	}
	needed := map[string]string{}
	if last, ok := lastUpgrade(runs); ok && !undone(runs, last.Run) {
		needed[last.Run] = "a rollback of the last upgrade needs it"
	}
	for _, r := range runs {
		if r.Interrupted() {
			needed[r.Run] = "a run that was interrupted needs it"
			if r.Undoes != "" {
				needed[r.Undoes] = needed[r.Run]
			}
		}
	}
	return needed, nil
}

// prune decides once more, with nobody else at work on the host's folder, and
// removes what may go.
func (t *target) prune(ctx context.Context, policy backup.Policy) error {
	local, err := journal.TakeLock(t.folder(), journal.Holder{PID: os.Getpid(), Purpose: "removal of old backups", Since: t.env.Now()})
	if err != nil {
		return err
	}
	defer func() { _ = local.Release() }()
	choices, err := t.choose(policy)
	if err != nil {
		return err
	}
	gone := 0
	for _, c := range choices {
		if c.Keeps() {
			continue
		}
		if err := c.Remove(); err != nil {
			return fmt.Errorf("%w; %s removed before it", err, ui.Count(gone, "backup was", "backups were"))
		}
		gone++
	}
	if !t.flags.json {
		t.out.Printf("%s  %s removed\n", ui.Bold(t.host.Name), ui.Count(gone, "backup", "backups"))
	}
	return t.sweep(ctx)
}

// sweep removes the contents of uploaded files that no backup names any more.
func (t *target) sweep(ctx context.Context) error {
	if !backup.HasStore(t.backups()) {
		return nil
	}
	id, err := t.identity(ctx)
	if err != nil {
		return err
	}
	gone, freed, err := backup.Sweep(t.backups(), id)
	if err != nil {
		return &backup.Unproven{Host: t.host.Name, What: "the backups that were to go are removed, but", Err: err}
	}
	if gone > 0 && !t.flags.json {
		t.out.Printf("%s  %s of uploaded files removed, %s\n", ui.Bold(t.host.Name), ui.Count(gone, "content", "contents"), ui.Bytes(freed))
	}
	return nil
}
