package plan

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// rollbackInput is a rollback from the upgrade of the public server, looked at
// after it.
func rollbackInput(t *testing.T) RollbackInput {
	t.Helper()
	p, _ := build(t, inputFor(t, recorded(t, "public")))
	now := recorded(t, "managed")
	now.Database.Migrated = recorded(t, "public").Database.Migrated
	return RollbackInput{
		Plan: p, Facts: now, Begun: func(string) bool { return true },
		ID: "20261124T090000Z-0badf0", Now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC),
	}
}

func rollback(t *testing.T, in RollbackInput) *Plan {
	t.Helper()
	p, err := BuildRollback(in)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func ids(steps []Step) []string {
	var out []string
	for _, s := range steps {
		out = append(out, s.ID)
	}
	return out
}

func TestRollback(t *testing.T) {
	moved := rollbackInput(t)
	moved.Facts = recorded(t, "managed")
	moved.Facts.Database.Migrated = append(moved.Facts.Database.Migrated, Migration{Version: 99, Success: true})
	moved.WithDB = true
	early := rollbackInput(t)
	early.Begun = begun("backup", "pull", "tag", "secrets-folder", "secret-updater_token")
	for name, in := range map[string]RollbackInput{"rollback": rollbackInput(t), "rollback-with-database": moved, "rollback-early": early} {
		t.Run(name, func(t *testing.T) {
			p := rollback(t, in)
			golden(t, name+".txt", readable(p))
			if name == "rollback" {
				golden(t, name+".json", encode(t, p))
			}
			if _, err := Decode(encode(t, p)); err != nil {
				t.Error(err)
			}
			if again := rollback(t, in); string(encode(t, again)) != string(encode(t, p)) {
				t.Error("the same input gives other bytes")
			}
		})
	}
}

// The client's files go first, since the old server is started from them; then
// the server, then the sidecar, and the secrets last.
func TestRollbackOrder(t *testing.T) {
	got := ids(rollback(t, rollbackInput(t)).Steps)
	want := []string{"undo-edit", "undo-swap", "undo-sidecar", "undo-secret-registry_creds", "undo-secret-db_password",
		"undo-secret-cosign_pub", "undo-secret-updater_token", "undo-secrets-folder", "verify"}
	if !slices.Equal(got, want) {
		t.Errorf("%q; want %q", got, want)
	}
}

func TestUndoOrderKeepsItsInput(t *testing.T) {
	p, _ := build(t, inputFor(t, recorded(t, "public")))
	before := ids(p.Steps)
	UndoOrder(p.Steps)
	if !slices.Equal(before, ids(p.Steps)) {
		t.Error("the plan's own order changed")
	}
}

func TestRollbackRevertsOnlyWhatWasBegun(t *testing.T) {
	in := rollbackInput(t)
	in.Begun = nothing
	if p := rollback(t, in); !p.Empty() {
		t.Errorf("nothing was begun: %q", ids(p.Steps))
	}
	in.Begun = begun("edit")
	if got := ids(rollback(t, in).Steps); !slices.Equal(got, []string{"undo-edit", "verify"}) {
		t.Errorf("%q", got)
	}
}

// Trap B5: whether the database must go back is read from its own table.
func TestB5TheDatabaseDecidesWhetherCodeAloneGoesBack(t *testing.T) {
	for name, move := range map[string]func(d *Database){
		"one more":       func(d *Database) { d.Migrated = append(d.Migrated, Migration{Version: 52, Success: true}) },
		"one failed":     func(d *Database) { d.Migrated[50].Success = false },
		"other checksum": func(d *Database) { d.Migrated[29].Checksum = "ff" },
		"no table left":  func(d *Database) { d.Migrated = nil },
	} {
		in := rollbackInput(t)
		in.Facts.Database.Migrated = slices.Clone(in.Facts.Database.Migrated)
		move(&in.Facts.Database)
		_, err := BuildRollback(in)
		var moved *DatabaseMovedError
		if !errors.As(err, &moved) || moved.From != 51 || !strings.Contains(err.Error(), "kept aside") {
			t.Errorf("%s: %v", name, err)
			continue
		}
		in.WithDB = true
		p := rollback(t, in)
		fill, swap := position(p, "fill"), position(p, "undo-swap")
		if fill < 0 || fill > swap || len(p.Warnings) == 0 {
			t.Errorf("%s: %q, warnings %q", name, ids(p.Steps), p.Warnings)
		}
		f, s := p.Steps[fill].Op.(Fill), p.Steps[swap].Op.(Swap)
		if f.Dump == "" || f.Fallback == "" || f.Dump == f.Fallback || s.Fresh != f.Fresh || s.Keep == f.Database || s.Keep == s.Fresh || s.Database.Database != f.Database {
			t.Errorf("%s: %+v, %+v", name, f, s)
		}
	}
}

// A database that did not answer has not moved: that would be a restore for nothing,
// into a container that nobody has seen.
func TestASilentDatabaseIsNotOneThatMoved(t *testing.T) {
	for name, silence := range map[string]func(f *Facts){
		"no container": func(f *Facts) { f.Database = Database{} },
		"no answer": func(f *Facts) {
			f.Database.Migrated = nil
			f.Failures = append(f.Failures, Failure{Part: "migrations", Code: 1})
		},
	} {
		for _, with := range []bool{false, true} {
			in := rollbackInput(t)
			in.WithDB = with
			silence(in.Facts)
			_, err := BuildRollback(in)
			var refusal *RefusedError
			if !errors.As(err, &refusal) || !strings.Contains(refusal.Checks[0].Hint, "start the database") {
				t.Errorf("%s, with the database %v: %v", name, with, err)
			}
		}
	}
}

// Names of databases have 63 bytes, and two that PostgreSQL cuts alike would be one.
func TestTheDatabaseKeptAsideHasANameOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range []string{"chatalot", "chatalot_production_acme", strings.Repeat("ä", 31), strings.Repeat("n", 63)} {
		for _, what := range []string{"_before_rollback_", "_before_restore_", "_restored_"} {
			for _, id := range []string{"20261123T210405Z-0a1b2c", "20261123T210405Z-0a1b2d"} {
				got := databaseBeside(name, what, id)
				if len(got+"_new") > 63 || !utf8.ValidString(got) || seen[got] || !strings.HasSuffix(got, databaseSafe(id)) {
					t.Errorf("%s beside %s: %q, %d bytes", what, name, got, len(got))
				}
				seen[got] = true
			}
		}
	}
	if got := databaseBeside("chatalot", "_restored_", "X1"); got != "chatalot_restored_x1" {
		t.Error(got)
	}
}

// Before the swap the old server is still the one that runs: nothing is asked of the
// database, and it does not go back.
func TestBeforeTheSwapTheDatabaseDecidesNothing(t *testing.T) {
	in := rollbackInput(t)
	in.Begun = begun("edit", "sidecar")
	in.Facts.Database = Database{}
	if p := rollback(t, in); position(p, "undo-edit") < 0 || position(p, "fill") >= 0 {
		t.Errorf("%q", ids(p.Steps))
	}
}

// With the server never touched there is nothing to restore: the database is
// the old server's.
func TestNoRestoreBeforeTheSwap(t *testing.T) {
	in := rollbackInput(t)
	in.Begun, in.WithDB = begun("edit", "sidecar"), true
	in.Facts.Database.Migrated = append(slices.Clone(in.Facts.Database.Migrated), Migration{Version: 52, Success: true})
	if p := rollback(t, in); position(p, "fill") >= 0 {
		t.Errorf("%q", ids(p.Steps))
	}
}

func TestDatabaseSafe(t *testing.T) {
	for in, want := range map[string]string{"20261124T090000Z-0BADf0": "20261124t090000z_0badf0", `x"; drop`: "x___drop", "é": "_"} {
		if got := databaseSafe(in); got != want {
			t.Errorf("%q gives %q; want %q", in, got, want)
		}
	}
}

// runs gives the server an image of somebody else's.
func (f *Facts) runs(imageID, version string) {
	for i := range f.Services {
		if f.Services[i].Service == f.Project.Service {
			f.Services[i].ImageID = imageID
		}
	}
	f.Health.Version = version
}

// Defect D5 and row 35: a rollback is told from what runs now. A release that was
// installed after the upgrade is named, and goes back by a decision only.
func TestD5ARollbackStartsFromWhatRunsNow(t *testing.T) {
	former := ""
	for _, c := range rollbackInput(t).Plan.Baseline.Containers {
		if c.Service == "chatalot" {
			former = c.ImageID
		}
	}
	for name, tt := range map[string]struct {
		change func(f *Facts)
		from   string
		later  bool
	}{
		"what the upgrade installed":        {func(*Facts) {}, "0.24.6", false},
		"it, and it does not answer":        {func(f *Facts) { f.Health = Health{} }, "0.24.6", false},
		"what ran before, called wrongly":   {func(f *Facts) { f.runs(former, "0.17.0") }, "0.23.0", false},
		"a later release":                   {func(f *Facts) { f.runs("sha256:later", "0.25.0") }, "0.25.0", true},
		"an image that says nothing":        {func(f *Facts) { f.runs("sha256:own", ""); f.Health = Health{}; f.Database.Migrated = nil }, "unknown", true},
		"a later one with a strange name":   {func(f *Facts) { f.runs("sha256:own", "edge") }, "edge", true},
		"an earlier one, put there by hand": {func(f *Facts) { f.runs("sha256:own", "0.24.5") }, "0.24.5", false},
	} {
		t.Run(name, func(t *testing.T) {
			in := rollbackInput(t)
			tt.change(in.Facts)
			in.WithDB = in.Facts.Database.Migrated == nil
			p, err := BuildRollback(in)
			var later *LaterRunsError
			if errors.As(err, &later) != tt.later || tt.later && (later.Running != tt.from || !strings.Contains(err.Error(), "and would go back to 0.23.0")) {
				t.Fatalf("got %v", err)
			}
			if tt.later {
				in.FromLater = true
				p, err = BuildRollback(in)
			}
			if err != nil || p.From != tt.from || p.To != "0.23.0" {
				t.Fatalf("%+v, %v", p, err)
			}
			if warned := slices.ContainsFunc(p.Warnings, func(w string) bool { return strings.Contains(w, "installed after this upgrade") }); warned != tt.later {
				t.Errorf("warnings %q", p.Warnings)
			}
		})
	}
}

// Where the later release has migrated too, both decisions are asked for at once.
func TestALaterReleaseThatMigratedNeedsBothDecisions(t *testing.T) {
	in := rollbackInput(t)
	in.Facts.runs("sha256:later", "0.25.0")
	in.Facts.Database.Migrated = append(slices.Clone(in.Facts.Database.Migrated), Migration{Version: 99, Success: true})
	for _, withDB := range []bool{false, true} {
		in.WithDB = withDB
		_, err := BuildRollback(in)
		var later *LaterRunsError
		if !errors.As(err, &later) || !later.Database || !strings.Contains(err.Error(), "the database was migrated since") {
			t.Errorf("%v", err)
		}
	}
	in.WithDB, in.FromLater = false, true
	var moved *DatabaseMovedError
	if _, err := BuildRollback(in); !errors.As(err, &moved) {
		t.Errorf("%v", err)
	}
	in.WithDB = true
	if p := rollback(t, in); p.From != "0.25.0" || position(p, "fill") < 0 {
		t.Errorf("%s, %q", p.From, ids(p.Steps))
	}
}

// A run that never came to its swap leaves the server's version alone, and so does its
// rollback.
func TestARollbackBeforeTheSwapChangesNoVersion(t *testing.T) {
	in := rollbackInput(t)
	in.Facts, in.Begun = recorded(t, "public"), begun("edit")
	if p := rollback(t, in); p.From != "0.23.0" || p.To != "0.23.0" {
		t.Errorf("%s to %s", p.From, p.To)
	}
}
