package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"liftalot/units"
)

// RestoreInput is all that putting a backup's database back depends on.
type RestoreInput struct {
	Facts  *Facts // a fresh look
	Backup Restorable
	ID     string
	Now    time.Time
	Losses []string // what is newer than the backup, a sentence each
}

// Restorable is what must be known of a backup.
type Restorable struct {
	ID        string
	Taken     time.Time
	Version   string
	Migration int64
	OnHost    string // the folder in which the host made it
	Size      int64  // of the dump
	SHA256    string
}

// startLimit is how long a server may take to come up on a restored database,
// which it may have to migrate.
const startLimit = 5 * time.Minute

// BuildRestore decides how a backup's database is put back under the server that
// runs now. The live database is touched by the renames at the end only, and is
// kept under another name.
func BuildRestore(in RestoreInput) (*Plan, error) {
	f, b := in.Facts, in.Backup
	d := f.Database
	server, ok := f.Server()
	switch {
	case !ok || d.Container == "":
		return nil, refuse(f.Host, "database", "the server or its database is in no container of this project", "restore it by hand: docs/backups.md")
	case b.Migration > d.Latest():
		return nil, refuse(f.Host, "migrations", fmt.Sprintf("the backup is at migration %d and the server that runs knows %d: it would refuse to start on it", b.Migration, d.Latest()),
			"upgrade first: liftalot apply "+f.Host)
	case d.LacksCreateDB:
		return nil, checkCreateDB(f)
	}
	warnings, err := checkSpace(f, []spaceNeed{
		{BackupRoot, "the dump", b.Size}, {BackupRoot, "a last dump of the present database", max(b.Size, d.Bytes/usualPacking)},
		{databasePlace(f), "a fresh database beside the present one", fillSpace(f, b.Size)},
	})
	if err != nil {
		return nil, err
	}
	dir := BackupRoot + "/chatalot-before-restore-" + in.ID
	p := &Plan{
		Format: Format, ID: in.ID, Host: f.Host, Created: in.Now.UTC().Format(time.RFC3339), Kind: Restoration,
		Variant: VariantOf(f, nil), Project: f.Project, Baseline: baselineOf(f, in.ID), Warnings: slices.Concat(in.Losses, warnings),
	}
	p.From, p.Source = RunningVersion(f)
	p.To = p.From
	if b.Migration < d.Latest() {
		p.Warnings = append(p.Warnings, fmt.Sprintf("the server that runs migrates the restored database from %d to %d when it starts; to go back to the server of that time as well: liftalot rollback %s --with-database",
			b.Migration, d.Latest(), f.Host))
	}
	keep := databaseBeside(d.Name, "_before_restore_", in.ID)
	dump := path.Join(dir, "db.dump")
	watched := WatchedServer{
		Container: server.Name, Image: server.ImageID, Project: f.Project.Name, Service: f.Project.Service,
		Record: path.Join(RunRoot, in.ID, "record"), Dependents: dependents(f, server.Name, ""),
	}
	p.Steps = []Step{
		{
			ID: "send", Title: "send the dump to the host",
			Op:     Send{Backup: b.ID, Copy: path.Join(b.OnHost, "db.dump"), Path: dump, Size: b.Size, SHA256: b.SHA256},
			Reason: "decrypted on its way, and held against the hash of the backup there",
			NoUndo: "the copy stays on the host in " + dir + ", closed to others",
		},
		{
			ID: "record", Title: "write down what the server's container is made of",
			Op:     Record{Folder: watched.Record, Containers: append([]RecordedTarget{{Name: server.Name, ID: server.ID}}, recordedDependents(f, watched.Dependents, "")...)},
			Reason: "the server is stopped for a while, and a watchdog brings it back after a power cut", NoUndo: "the record goes with the run's folder",
		},
		{
			ID: "fill", Title: "fill a fresh database from the backup of " + units.Time(b.Taken),
			Op:     Fill{Dump: dump, Fallback: dump, Container: d.Container, User: d.User, Database: d.Name, Fresh: freshName(keep)},
			Reason: "in one transaction, beside the present one, while the server goes on", NoUndo: "the present database is not touched",
		},
		{
			ID: "restore", Title: "put the fresh database in the place of the present one",
			Op: Restore{Container: d.Container, User: d.User, Database: d.Name, Keep: keep, Fresh: freshName(keep), Server: watched, Final: path.Join(dir, "final.dump")},
			Undo: UndoRestore{Container: d.Container, User: d.User, Database: d.Name, Keep: keep, Fresh: freshName(keep),
				Aside: databaseBeside(d.Name, "_restored_", in.ID), Server: watched, Port: listenPort(server)},
			Reason: "with the server stopped: a last dump, then both names in one transaction; then the server starts",
		},
		{
			ID: "start", Title: "wait until the server is well",
			Op:     Start{Container: server.Name, Port: listenPort(server), MaxSeconds: int(startLimit / time.Second)},
			Reason: "the same container; it must say itself that it is well",
			NoUndo: "the rollback of the restore starts it on the former database",
		},
		{ID: "verify", Title: "verify the server", Op: Verify{}, Reason: "health, image and containers are compared with what was seen before"},
	}
	p.Warnings = append(p.Warnings, orphans(in.Facts.Host))
	p.FollowUps = []string{fmt.Sprintf("the former database is kept as %q, and its last dump in %s on the host; remove them when you are sure", keep, dir)}
	return p, nil
}

// orphans says what becomes of uploaded files when a database goes back (trap B6).
func orphans(host string) string {
	return fmt.Sprintf("files uploaded after the dump have no row in it: the server removes such files two hours after its start; \"liftalot backup %s --with-files\" keeps them first", host)
}

// checkCreateDB refuses to restore a database with a login that may not create one.
func checkCreateDB(f *Facts) error {
	return refuse(f.Host, "database login", f.Database.User+" may not make a database and rename the one there is, as putting one back does; nothing was changed",
		f.Database.unconfine())
}

// RolesThere refuses to fill a database from a dump whose objects or rights belong to roles
// that the host's PostgreSQL does not have: the first of them would end it.
func RolesThere(f *Facts, missing []string) error {
	if len(missing) == 0 {
		return nil
	}
	var names, make []string
	for _, role := range missing {
		quoted := `"` + strings.ReplaceAll(role, `"`, `""`) + `"`
		names, make = append(names, quoted), append(make, "create role "+quoted)
	}
	return refuse(f.Host, "database roles",
		fmt.Sprintf("the dump gives objects or rights to roles that the database server there does not have: %s; nothing was sent and nothing was changed", strings.Join(names, ", ")),
		fmt.Sprintf("make them on the host, as a superuser of the database: docker exec %s psql -U %s -d template1 -c '%s'",
			f.Database.Container, f.Database.User, strings.ReplaceAll(strings.Join(make, "; "), "'", `'\''`)))
}

// refuse returns a stop with one reason.
func refuse(host, name, detail, hint string) error {
	return &RefusedError{Host: host, Checks: []Check{{Name: name, Level: Stop, Detail: detail, Hint: hint}}}
}
