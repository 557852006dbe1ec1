package backup

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"liftalot/plan"
	"liftalot/plan/postgres"
	"liftalot/remote"
	"liftalot/remote/job"
)

//go:embed drill.sh
var drillSteps string

// The drill makes and fills its database by the very lines of the restore.
var drillScript = postgres.Functions + drillSteps

// A Drill restores a backup into a throw-away database on its host and compares
// what comes out. The live database is not touched.
type Drill struct {
	Host, Watch Runner
	Manifest    *Manifest
	Dir         string // of the backup
	Identity    age.Identity
	Database    plan.Database
	ID          string // of the drill
	Tell        func(Event)

	root string // of the folder on the host; "" is plan.BackupRoot
}

const drillTimeout = 2 * time.Hour

// Run carries the drill out. It returns how many tables and rows were compared;
// a restored database that is not the backup's is an [*UnprovenError].
func (d *Drill) Run(ctx context.Context) (tables int, rows int64, err error) {
	f, ok := d.Manifest.File(Dump)
	if !ok {
		return 0, 0, d.unproven("there is no dump in it")
	}
	dump := path.Join(cmp.Or(d.root, plan.BackupRoot), "liftalot-drill-"+d.ID, Dump)
	s := &DumpUploader{Host: d.Host, Manifest: d.Manifest, Dir: d.Dir, Identity: d.Identity, Tell: func(done, total int64) {
		d.Tell(Event{Done: done, Total: total})
	}}
	if err := s.Send(ctx, f, dump, path.Join(d.Manifest.OnHost, Dump)); err != nil {
		return 0, 0, errors.Join(err, d.removeDump(ctx, path.Dir(dump)))
	}
	dir := path.Join(plan.RunRoot, d.ID, "drill")
	spec := job.Spec{
		Dir: dir, Script: drillScript, Timeout: drillTimeout,
		Args: []string{d.Database.Container, d.Database.User, d.Database.Name, "liftalot-drill-" + strings.ToLower(d.ID), dump},
	}
	if err := job.Start(ctx, d.Host, spec); err != nil {
		if errors.Is(err, remote.ErrNotStarted) { // else it may run, and removes the dump itself
			err = errors.Join(err, d.removeDump(ctx, path.Dir(dump)))
		}
		return 0, 0, err
	}
	t := &Creator{Host: d.Host, Watch: d.Watch, Name: d.Manifest.Host, Tell: d.Tell}
	wait, cancel := context.WithTimeout(ctx, drillTimeout+2*time.Minute)
	defer cancel()
	var said bytes.Buffer
	log := jobLog{tell: t.tell, each: func(line []byte) {
		if row, ok := bytes.CutPrefix(line, []byte("row ")); ok && said.Len() <= maxAnswer {
			said.Write(row)
			said.WriteByte('\n')
		}
	}}
	st, err := job.Wait(wait, t.watch(), dir, lookEvery, log.add)
	if err != nil {
		return 0, 0, err
	}
	if err := t.sweep(ctx, dir); err != nil {
		return 0, 0, err
	}
	switch {
	case st.State != job.Ended || st.ExitCode != 0 || log.lastLine() != "done":
		return 0, 0, d.unproven("the drill failed: " + log.lastLine())
	case said.Len() > maxAnswer:
		return 0, 0, d.unproven("the host said more than can be read")
	}
	return d.compare(said.Bytes())
}

// tidyTime is for the removal of a dump that nothing will restore.
const tidyTime = 30 * time.Second

// removeDump removes a dump from the host that no job will: it lies there decrypted.
func (d *Drill) removeDump(ctx context.Context, folder string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyTime)
	defer cancel()
	_, err := d.Host.Run(ctx, remote.Command{Name: "remove the dump of the drill", Script: `rm -rf -- "$1"`, Args: []string{folder}, Root: true})
	if err != nil {
		return fmt.Errorf("%s: the decrypted dump may still be on the host, in %s; remove that folder: %w", d.Manifest.Host, folder, err)
	}
	return nil
}

func (d *Drill) unproven(what string) error { return &UnprovenError{Host: d.Manifest.Host, What: what} }

// compare holds the rows that the throw-away database counted against those of
// the archive.
func (d *Drill) compare(said []byte) (tables int, rows int64, err error) {
	got, err := readCounts(said)
	if err != nil {
		return 0, 0, d.unproven(err.Error())
	}
	for _, name := range slices.Sorted(maps.Keys(d.Manifest.Rows)) {
		want := d.Manifest.Rows[name]
		c, there := got[name]
		if !there || c.Rows != want {
			return 0, 0, d.unproven(fmt.Sprintf("restored, table %s has %d rows, the backup %d", name, c.Rows, want))
		}
		rows += want
	}
	if len(got) != len(d.Manifest.Rows) {
		return 0, 0, d.unproven(fmt.Sprintf("restored, there are %d tables, in the backup %d", len(got), len(d.Manifest.Rows)))
	}
	return len(got), rows, nil
}
