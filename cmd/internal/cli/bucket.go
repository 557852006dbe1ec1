package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/plan/backup"
	"liftalot/plan/backup/bucket"
	"liftalot/plan/journal"
	"liftalot/plan/run"
	"liftalot/units"
)

// hasBucket reports whether copies of the host's backups go to a bucket.
func (b *hostBackups) hasBucket() bool { return !b.host.Backup.Bucket.IsZero() }

// address is a backup in the bucket, as other programs write it.
func (b *hostBackups) address(id string) string {
	return b.host.Backup.Bucket.URL(b.host.Name + "/" + id)
}

// copies are the host's backups in its bucket, until done is called.
func (b *hostBackups) copies(own *age.X25519Identity, tell func(backup.Event)) (c *backup.RemoteStore, done func()) {
	at := b.host.Backup.Bucket
	store := &bucket.Bucket{
		Place: bucket.Place{Endpoint: at.Endpoint, Region: at.Region, Name: at.Name, Prefix: at.Prefix, PathStyle: at.PathStyle},
		Login: b.bucketLogin,
	}
	return &backup.RemoteStore{Objects: store, Host: b.host.Name, Keys: backup.Keys{Identity: own, Others: b.host.Backup.Recipients}, Tell: tell}, store.Close
}

// bucketLogin is who we are to the bucket: whom the inventory names, or else whom
// AWS's own programs would be.
func (b *hostBackups) bucketLogin(ctx context.Context) (login bucket.Login, err error) {
	ref := b.host.Backup.BucketLogin
	if ref.IsZero() {
		home, _ := os.UserHomeDir()
		login, err = bucket.OwnLogin(b.getenv, home)
	} else {
		text, serr := b.dialog.secretOf(ctx, ref, "login of "+b.host.Backup.Bucket.URL("")+" (ACCESS_KEY_ID:SECRET)")
		if serr != nil {
			return login, serr
		}
		login, err = bucket.ParseLogin(text)
	}
	if err != nil {
		return login, &hostError{
			host: b.host.Name, code: exitAuth, err: withHost(b.host.Name, err),
			hint: `"bucket_login:" beside "bucket:" in the inventory says where ACCESS_KEY_ID:SECRET is`,
		}
	}
	b.term.secret.Add([]byte(login.Secret))
	b.term.secret.Add([]byte(login.Token))
	return login, nil
}

// storeTrouble reports an error that says nothing about what the store keeps.
func storeTrouble(err error) bool {
	var store *bucket.Error
	var login *hostError
	return errors.As(err, &login) || errors.As(err, &store) && (store.Refused() || store.Away())
}

// listCopies are the backups in the host's bucket, none without one.
func (b *hostBackups) listCopies(ctx context.Context) ([]backup.RemoteBackup, error) {
	if !b.hasBucket() {
		return nil, nil
	}
	own, err := b.keyring.knownIdentity(ctx)
	if err != nil {
		return nil, err
	}
	c, done := b.copies(own, nil)
	defer done()
	return c.List(ctx)
}

// Where a backup lies.
const (
	isHere     = "here"
	isInBucket = "bucket"
	isBoth     = "both"
)

// notOurs is said of a copy that nobody vouches for.
const notOurs = "it was not sent with this machine's key"

func (b *hostBackups) listedCopy(m backup.RemoteBackup) backupRow {
	l := b.row(m.Entry)
	l.Where, l.Bucket = isInBucket, b.address(m.ID)
	if m.Err == nil && !m.Authenticated {
		l.Proof, l.Why = "foreign", notOurs
	}
	return l
}

// merge lists a backup that is in both places once.
func (b *hostBackups) merge(here []backup.Entry, there []backup.RemoteBackup) []backupRow {
	var all []backupRow
	for _, e := range here {
		l := b.row(e)
		if k := slices.IndexFunc(there, func(m backup.RemoteBackup) bool { return isCopied(e, m) }); k >= 0 {
			l.Where, l.Bucket = isBoth, b.address(e.ID)
			there = slices.Delete(slices.Clone(there), k, k+1)
		}
		all = append(all, l)
	}
	for _, m := range there {
		all = append(all, b.listedCopy(m))
	}
	slices.SortStableFunc(all, func(a, b backupRow) int { return a.Taken.Compare(b.Taken) })
	return all
}

// isCopied reports whether a copy is whole, ours, and of that backup.
func isCopied(e backup.Entry, m backup.RemoteBackup) bool {
	return m.ID == e.ID && m.Sum == e.Sum && m.Err == nil && m.Authenticated
}

func pushCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "push [PATTERN...]", Short: "Send the backups that are only on this machine to the bucket",
		Long: `Sends every sound backup that is here and not in the host's bucket, sealed as it
lies here. What is there whole is not sent again, so that the same command goes on
after a break. "liftalot backup" does this for the backup it takes, and for those
that were taken since the newest one there: this is for the rest. No host is asked.`,
		Example:     `  liftalot backups push acme`,
		Annotations: exitCodes(exitLocked, exitAuth, exitBackup, exitUnreachable, exitAlgorithms, exitInterrupted, exitState, exitCancelled),
		RunE: func(cmd *cobra.Command, patterns []string) error {
			return a.onHosts(cmd, patterns, func(ctx context.Context, s *session) error { return s.push(ctx) })
		},
	}
}

// pushed is a backup that was sent to the bucket.
type pushed struct {
	Host   string        `json:"host"`
	ID     string        `json:"id"`
	Bucket string        `json:"bucket"`
	Bytes  int64         `json:"bytes"` // that were not there
	Took   time.Duration `json:"took_ns"`
}

func (s *session) push(ctx context.Context) error {
	if !s.usesBucket() {
		return &nothingToDoError{what: "none of these hosts has a bucket", hint: `"bucket:" under "backup:" in the inventory names one`}
	}
	if _, err := s.keyring.opening(ctx); err != nil {
		return err
	}
	got := collectChanges(ctx, s, "copy to the bucket", func(ctx context.Context, t *target, track *ui.Track) (*[]pushed, error) {
		if !t.backups.hasBucket() {
			return nil, nil
		}
		local, err := journal.TakeLock(t.folder.dir, journal.Holder{PID: os.Getpid(), Purpose: "copy to the bucket", Since: t.now()})
		if err != nil {
			return nil, err
		}
		defer func() { _ = local.Release() }()
		sent, err := t.backups.push(ctx, track, func(backup.Entry, time.Time) bool { return true })
		return &sent, err
	})
	all := look[pushed]{errs: got.errs}
	for _, of := range got.found {
		for k := range *of {
			all.found = append(all.found, &(*of)[k])
		}
	}
	if len(all.found) == 0 && !s.app.flags.json && gather(s.hosts, all.errs) == nil {
		s.term.out.Printf("every backup on this machine is in its bucket\n")
	}
	return present(s, "pushed", all, func(p *pushed) {
		s.term.out.Printf("%s  backup %s is in the bucket, %s sent in %s\n", ui.Bold(p.Host), p.ID, units.Bytes(p.Bytes), ui.Duration(p.Took))
	})
}

// push sends the sound backups that are not in the bucket and that are due; newest
// is when the last one there was taken. The caller holds the lock of the host's
// folder, so that nothing is removed meanwhile.
func (b *hostBackups) push(ctx context.Context, track *ui.Track, due func(e backup.Entry, newest time.Time) bool) (sent []pushed, err error) {
	here, err := backup.List(b.dir())
	if err != nil {
		return nil, err
	}
	own, err := b.keyring.opening(ctx)
	if err != nil {
		return nil, err
	}
	c, done := b.copies(own, onTrack(track))
	defer done()
	there, err := c.List(ctx)
	if err != nil {
		return nil, b.notSent(ctx, "what is new", err)
	}
	var newest time.Time
	for _, m := range there {
		if m.Err == nil && m.Authenticated && m.Taken.After(newest) {
			newest = m.Taken
		}
	}
	for _, e := range here {
		if e.Err != nil || !due(e, newest) || slices.ContainsFunc(there, func(m backup.RemoteBackup) bool { return isCopied(e, m) }) {
			continue
		}
		began := b.now()
		track.Say("copy " + e.ID + " to the bucket")
		n, err := c.Push(ctx, e)
		if err != nil {
			return sent, b.notSent(ctx, "backup "+e.ID, err)
		}
		sent = append(sent, pushed{Host: b.host.Name, ID: e.ID, Bucket: b.address(e.ID), Bytes: n, Took: b.now().Sub(began)})
	}
	return sent, nil
}

// notSent says that a backup is only here. A line that broke, or a store that was
// busy, is worth another try.
func (b *hostBackups) notSent(ctx context.Context, what string, err error) error {
	code := exitBackup
	var store *bucket.Error
	if errors.As(err, &store) && store.Away() || ctx.Err() != nil {
		code = exitInterrupted
	}
	return &hostError{
		host: b.host.Name, code: code, err: fmt.Errorf("%s: %s is on this machine, but not in the bucket: %w", b.host.Name, what, err),
		hint: fmt.Sprintf("liftalot backups push %s sends it, and what has arrived is not sent again", b.host.Name),
	}
}

// pull brings a backup that lies only in the bucket.
func (b *hostBackups) pull(ctx context.Context, id string, tell func(backup.Event)) error {
	own, err := b.keyring.opening(ctx)
	if err != nil {
		return err
	}
	local, err := journal.TakeLock(b.state.dir, journal.Holder{PID: os.Getpid(), Purpose: "copy from the bucket", Since: b.now()})
	if err != nil {
		return err
	}
	defer func() { _ = local.Release() }()
	if tell == nil {
		progress := b.term.progress()
		defer progress.Close()
		track := progress.Host(b.host.Name)
		track.Begin("copy " + id + " from the bucket")
		tell = onTrack(track)
	}
	c, done := b.copies(own, tell)
	defer done()
	return c.Pull(ctx, id, b.folder(id), b.trustBucket)
}

// verifyCopies proves what is in the host's bucket, all of it read again.
func (b *hostBackups) verifyCopies(ctx context.Context, own *age.X25519Identity, track *ui.Track) (all []backupRow, err error) {
	c, done := b.copies(own, onTrack(track))
	defer done()
	list, err := c.List(ctx)
	if err != nil {
		return nil, err
	}
	contents := map[[32]byte]bool{}
	for _, m := range list {
		track.Begin("read backup " + m.ID + " in the bucket")
		bad := c.Verify(ctx, m, contents)
		if bad != nil && (storeTrouble(bad) || ctx.Err() != nil) {
			track.End(ui.Failed, "")
			return all, errors.Join(err, bad)
		}
		l := b.listedCopy(m)
		switch {
		case bad != nil:
			l.Proof, l.Why = "damaged", bad.Error()
			err = errors.Join(err, bad)
			track.End(ui.Failed, "")
		default:
			if m.Authenticated {
				l.Proof = "read again"
			}
			track.End(ui.Done, "")
		}
		all = append(all, l)
	}
	return all, err
}

// chooseCopies decides about the copies as choose does about backups. A copy that
// nobody vouches for stays and counts for no day: else whoever may write to the
// bucket could have the others removed.
func (b *hostBackups) chooseCopies(ctx context.Context, policy backup.Policy) ([]backup.Choice, error) {
	list, err := b.listCopies(ctx)
	if err != nil {
		return nil, err
	}
	needed, err := run.NeededBackups(b.state.history())
	if err != nil {
		return nil, err
	}
	entries := make([]backup.Entry, len(list))
	for k, m := range list {
		entries[k] = m.Entry
		if m.Err == nil && !m.Authenticated {
			entries[k].Err = errors.New(notOurs)
		}
	}
	choices := policy.Choose(entries, needed)
	for k, m := range list {
		if m.Err == nil && !m.Authenticated {
			choices[k].Reasons = []string{notOurs + ": look at it yourself"}
		}
	}
	return choices, nil
}

// pruneCopies removes what may go from the bucket.
func (b *hostBackups) pruneCopies(ctx context.Context, policy backup.Policy) error {
	if !b.hasBucket() {
		return nil
	}
	choices, err := b.chooseCopies(ctx, policy)
	if err != nil {
		return err
	}
	own, err := b.keyring.opening(ctx)
	if err != nil {
		return err
	}
	c, done := b.copies(own, nil)
	defer done()
	gone := 0
	for _, choice := range choices {
		if choice.Keeps() {
			continue
		}
		if err := c.Remove(ctx, choice.ID); err != nil {
			return fmt.Errorf("%w; %s removed from the bucket before it", err, ui.Count(gone, "backup was", "backups were"))
		}
		gone++
	}
	contents, freed, err := c.CollectGarbage(ctx, b.now())
	if !b.term.flags.json && (gone > 0 || contents > 0) {
		b.term.out.Printf("%s  %s removed from the bucket, and %s of uploaded files, %s\n",
			ui.Bold(b.host.Name), ui.Count(gone, "backup", "backups"), ui.Count(contents, "content", "contents"), units.Bytes(freed))
	}
	return err
}
