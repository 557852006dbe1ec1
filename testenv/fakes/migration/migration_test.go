package migration

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"liftalot/testenv/fakes"
	"liftalot/testenv/fakes/pgtest"
)

func TestEveryNumberUpToTheNewestIsThere(t *testing.T) {
	list, err := UpTo(fakes.NewestMigration)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range list {
		if m.Version != int64(i+1) {
			t.Errorf("migration %d stands at place %d", m.Version, i+1)
		}
		if strings.TrimSpace(m.SQL) == "" || m.Description == "" {
			t.Errorf("migration %d is empty", m.Version)
		}
	}
	if len(list) != fakes.NewestMigration {
		t.Errorf("%d migrations, want %d", len(list), fakes.NewestMigration)
	}
	if _, err := UpTo(fakes.NewestMigration + 1); err == nil {
		t.Error("a migration that does not exist was found")
	}
}

func TestCheckInTheOrderOfSqlx(t *testing.T) {
	list := []Migration{{Version: 1, SQL: "a"}, {Version: 2, SQL: "b"}}
	good := func(m Migration) row { return row{m.Version, true, m.Checksum()} }
	tests := []struct {
		name    string
		applied []row
		want    string
	}{
		{"empty", nil, ""},
		{"all there", []row{good(list[0]), good(list[1])}, ""},
		{"one pending", []row{good(list[0])}, ""},
		{"newer than this build", []row{good(list[0]), {3, true, nil}},
			"migration 3 was previously applied but is missing in the resolved migrations"},
		{"changed text", []row{{1, true, []byte("other")}},
			"migration 1 was previously applied but has been modified"},
		{"half done beats everything", []row{{1, true, nil}, {2, false, nil}, {3, true, nil}},
			"migration 2 is partially applied; fix and remove row from `_sqlx_migrations` table"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if err := check(tt.applied, list); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// The whole life of a schema, on a real server.
func TestRun(t *testing.T) {
	pg := pgtest.Start(t)
	upTo := func(n int64) []Migration {
		list, err := UpTo(n)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	t.Run("an older build never starts on a newer schema", func(t *testing.T) {
		conn := pg.Connect(t, pg.URL(t))
		for _, want := range []struct {
			newest int64
			n      int
		}{{51, 51}, {51, 0}, {55, 4}} {
			n, err := Run(t.Context(), conn, upTo(want.newest))
			if err != nil || n != want.n {
				t.Fatalf("up to %d: applied %d, %v; want %d", want.newest, n, err, want.n)
			}
		}
		var missing *MissingError
		if _, err := Run(t.Context(), conn, upTo(51)); !errors.As(err, &missing) || missing.Version != 52 {
			t.Errorf("got %v, want migration 52 missing", err)
		}
	})
	t.Run("a failing migration leaves those before it", func(t *testing.T) {
		url := pg.URL(t)
		conn := pg.Connect(t, url)
		n, err := Run(t.Context(), conn, append(upTo(55), Failing(56)))
		if err == nil || n != 55 {
			t.Fatalf("applied %d, %v; want 55 and an error", n, err)
		}
		if got := pg.Text(t, url, "SELECT count(*)::text FROM _sqlx_migrations WHERE success"); got != "55" {
			t.Errorf("%s rows, want 55", got)
		}
		if got := pg.Text(t, url, "SELECT (to_regclass('retention_rules') IS NULL)::text"); got != "true" {
			t.Error("the failed migration left its table")
		}
	})
	t.Run("a half-done migration stops everything", func(t *testing.T) {
		url := pg.URL(t)
		conn := pg.Connect(t, url)
		if _, err := Run(t.Context(), conn, upTo(3)); err != nil {
			t.Fatal(err)
		}
		pg.Exec(t, url, "UPDATE _sqlx_migrations SET success = false WHERE version = 3")
		var dirty *DirtyError
		if _, err := Run(t.Context(), conn, upTo(4)); !errors.As(err, &dirty) || dirty.Version != 3 {
			t.Errorf("got %v, want migration 3 dirty", err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(source)
	f.Add("-- migration 1: a\nx\n-- migration 2: b\n")
	f.Add("-- migration 99999999999999999999: too large\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parse(text)
		if err != nil {
			return
		}
		if !slices.IsSortedFunc(list, func(a, b Migration) int { return int(a.Version - b.Version) }) {
			t.Errorf("not in order: %v", list)
		}
		for _, m := range list {
			if !strings.Contains(text, m.SQL) {
				t.Errorf("migration %d was made up", m.Version)
			}
		}
	})
}
