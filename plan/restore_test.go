package plan

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func restorable(f *Facts) RestoreInput {
	return RestoreInput{
		Facts: f, ID: "20261123T203000Z-00aa11", Now: time.Date(2026, 11, 23, 20, 30, 0, 0, time.UTC), Losses: []string{"3 rows"},
		Backup: Restorable{ID: "b1", Taken: time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC), Migration: f.Database.Latest(), OnHost: "/var/backups/b1", Size: 9, SHA256: "x"},
	}
}

func TestRestoreKeepsTheFormerDatabase(t *testing.T) {
	f := recorded(t, "public")
	p, err := BuildRestore(restorable(f))
	if err != nil {
		t.Fatal(err)
	}
	data, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(data); err != nil {
		t.Error(err)
	}
	s, _ := p.Step("restore")
	if !Is[UndoRestore](s.Undo) || s.Undo.(UndoRestore).Keep != s.Op.(Restore).Keep || s.Op.(Restore).Final == "" {
		t.Errorf("%+v", s)
	}
	record, ok := Find[Record](p.Steps)
	fill, _ := Find[Fill](p.Steps)
	if op := s.Op.(Restore); !ok || record.Folder != op.Server.Record || op.Server.Image == "" || op.Fresh != fill.Fresh || s.Undo.(UndoRestore).Fresh != fill.Fresh {
		t.Errorf("recorded in %q, filled %q: %+v", record.Folder, fill.Fresh, op)
	}
	if keep := s.Op.(Restore).Keep; keep != "chatalot_before_restore_20261123t203000z_00aa11" || len(keep)+len("_new") > 63 {
		t.Errorf("keeps it as %q", keep)
	}
	if p.Kind != Restoration || !strings.Contains(strings.Join(p.Warnings, "\n"), "3 rows") {
		t.Errorf("%+v", p)
	}
	for _, s := range p.Steps {
		if !Is[Verify](s.Op) && s.Undo == nil && s.NoUndo == "" {
			t.Errorf("step %q says nothing of a rollback", s.ID)
		}
	}
}

// Putting a database back makes one and renames two: a login that may not would be found
// out by a failure, with the server stopped.
func TestNothingIsPutBackWithALoginThatMayNot(t *testing.T) {
	const do = `ALTER ROLE "chatalot" CREATEDB; and where "chatalot" is not its own: ALTER DATABASE "chatalot" OWNER TO "chatalot"`
	told := func(err error) bool {
		var refused *RefusedError
		return errors.As(err, &refused) && refused.Checks[0].Name == "database login" && strings.Contains(refused.Checks[0].Hint, do)
	}
	in := restorable(recorded(t, "public"))
	in.Facts.Database.LacksCreateDB = true
	if _, err := BuildRestore(in); !told(err) {
		t.Errorf("restore: %v", err)
	}
	back := rollbackInput(t)
	back.Facts.Database.LacksCreateDB, back.WithDB = true, true
	if _, err := BuildRollback(back); err != nil {
		t.Errorf("a rollback that leaves the database alone: %v", err)
	}
	back.Facts.Database.Migrated = append(back.Facts.Database.Migrated, Migration{Version: 99, Success: true})
	if _, err := BuildRollback(back); !told(err) {
		t.Errorf("rollback: %v", err)
	}
}

// A server refuses a database that is newer than itself (trap B5).
func TestRestoreRefusesANewerBackup(t *testing.T) {
	in := restorable(recorded(t, "public"))
	in.Backup.Migration++
	var refused *RefusedError
	if _, err := BuildRestore(in); !errors.As(err, &refused) || !strings.Contains(err.Error(), "refuse to start on it") {
		t.Errorf("%v", err)
	}
	in = restorable(recorded(t, "public"))
	in.Backup.Migration--
	p, err := BuildRestore(in)
	if err != nil || !strings.Contains(strings.Join(p.Warnings, "\n"), "migrates the restored database") {
		t.Errorf("%+v, %v", p, err)
	}
	in.Facts.Database.Container = ""
	if _, err := BuildRestore(in); !errors.As(err, &refused) {
		t.Errorf("%v", err)
	}
}

// Trap B6: the server removes uploaded files that the older database has no row of.
func TestB6UploadsAfterTheDumpAreWarnedOf(t *testing.T) {
	warned := func(p *Plan) bool {
		text := strings.Join(p.Warnings, "\n")
		return strings.Contains(text, "removes such files two hours after its start") && strings.Contains(text, "liftalot backup "+p.Host+" --with-files")
	}
	p, err := BuildRestore(restorable(recorded(t, "public")))
	if err != nil || !warned(p) {
		t.Errorf("restore: %v", err)
	}
	back := rollbackInput(t)
	if p := rollback(t, back); warned(p) {
		t.Error("the database stays, and so do the files")
	}
	back.WithDB = true
	back.Facts.Database.Migrated = append(back.Facts.Database.Migrated, Migration{Version: 99, Success: true})
	if p := rollback(t, back); !warned(p) {
		t.Error("a rollback that puts the database back says nothing of the files")
	}
}
