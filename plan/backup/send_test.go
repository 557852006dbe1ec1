//go:build unix

package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"liftalot/plan/internal/shimhost"
	"liftalot/remote"
)

// sent is a backup in a folder, and a host to send it to.
func sent(t *testing.T) (*shimhost.Host, *DumpUploader, File) {
	t.Helper()
	h, b := shimOp(t)
	dir := t.TempDir()
	m, err := takeFrom(t, h, b, dir)
	if err != nil {
		t.Fatal(err)
	}
	f, _ := m.File(Dump)
	return h, &DumpUploader{Host: h, Manifest: m, Dir: dir, Identity: testKey()}, f
}

func TestSendPutsTheDumpThere(t *testing.T) {
	h, s, f := sent(t)
	to := h.Path("restore", "db.dump")
	var last int64
	s.Tell = func(done, _ int64) { last = done }
	for range 2 { // again is no trouble
		if err := s.Send(t.Context(), f, to, "/nowhere"); err != nil {
			t.Fatal(err)
		}
	}
	if h.Read("restore/db.dump") != recorded(t) || last != f.Size {
		t.Errorf("%d bytes told of", last)
	}
	if info, err := os.Stat(filepath.Dir(to)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestSendTakesTheCopyThatTheHostHas(t *testing.T) {
	h, s, f := sent(t)
	s.Tell = func(int64, int64) { t.Error("it was sent all the same") }
	if err := s.Send(t.Context(), f, h.Path("restore", "db.dump"), filepath.Join(s.Manifest.OnHost, Dump)); err != nil || h.Read("restore/db.dump") != recorded(t) {
		t.Fatal(err)
	}
}

// A beginning that is not the dump's is found out, removed, and sent anew.
func TestSendGoesOnAndFindsAWrongBeginning(t *testing.T) {
	h, s, f := sent(t)
	to := h.Path("restore", "db.dump")
	h.Write("restore/db.dump.part", recorded(t)[:1000])
	if err := s.Send(t.Context(), f, to, "/nowhere"); err != nil || h.Read("restore/db.dump") != recorded(t) {
		t.Fatalf("%v", err)
	}
	if err := os.Remove(to); err != nil {
		t.Fatal(err)
	}
	h.Write("restore/db.dump.part", "what is this")
	if err := s.Send(t.Context(), f, to, "/nowhere"); err == nil || h.Has("restore/db.dump") || h.Has("restore/db.dump.part") {
		t.Fatalf("%v", err)
	}
	if err := s.Send(t.Context(), f, to, "/nowhere"); err != nil {
		t.Fatal(err)
	}
}

// On a full disk the live database cannot write either: what came is removed, and
// the host's own words are told. Where the line broke it stays, to be resumed.
func TestSendLeavesNoHalfOnAFullDisk(t *testing.T) {
	const full = `[ $# = 0 ] && head -c 100 || head -c 100 "$1" >"$2"; echo '%s: write error: No space left on device' >&2; exit 1`
	for program, fails := range map[string]string{"cat": "send db.dump", "cp": "ask for db.dump"} {
		h, s, f := sent(t)
		to, copied := h.Path("restore", "db.dump"), "/nowhere"
		if program == "cp" {
			copied = filepath.Join(s.Manifest.OnHost, Dump)
		}
		h.Shim(program, fmt.Sprintf(full, program))
		err := s.Send(t.Context(), f, to, copied)
		var exit *remote.ExitError
		if !errors.As(err, &exit) || exit.Name != fails || !strings.HasSuffix(err.Error(), ": No space left on device") || h.Has("restore") {
			t.Errorf("%s: %v; %v", program, err, h.Has("restore/db.dump.part"))
		}
		// Where it cannot be removed it is said where it is.
		s.Host = &failing{Runner: s.Host, fails: map[string]error{"remove the half of db.dump": remote.ErrNotStarted}}
		if err := s.Send(t.Context(), f, to, copied); !errors.As(err, &exit) || !strings.Contains(err.Error(), "remove "+to+".part") {
			t.Errorf("%s: %v", program, err)
		}
	}
	for name, broke := range map[string]error{"the line": remote.ErrUnknownOutcome, "no way in": remote.ErrNotStarted} {
		h, s, f := sent(t)
		h.Write("restore/db.dump.part", recorded(t)[:1000])
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		s.Host = &failing{Runner: s.Host, fails: map[string]error{"send db.dump": broke}, also: stop} // or it would be mended
		if err := s.Send(ctx, f, h.Path("restore", "db.dump"), "/nowhere"); !errors.Is(err, broke) || !h.Has("restore/db.dump.part") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLossIsToldInNumbers(t *testing.T) {
	at := time.Date(2026, 11, 23, 2, 30, 0, 0, time.UTC)
	m := &Manifest{Taken: at, Rows: map[string]int64{"users": 20, "messages": 500, "same": 3}}
	live, err := readCounts([]byte("users\t21\t1\nmessages\t498\t0\nsame\t3\t-1\nnewer\t7\t7\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(m.Loss(at.Add(90*time.Minute), live), "\n")
	for _, want := range []string{"2026-11-23 02:30 UTC, in the last 1h30m,", "newer than the backup: 1", "table users: newer than the backup and lost: 1", "table messages: 498 rows now, 500", "table newer: 7 rows"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if strings.Contains(got, "same") {
		t.Errorf("a table that is the same is named:\n%s", got)
	}
	for _, bad := range []string{"users\t21\n", "users\tmany\t1\n"} {
		if _, err := readCounts([]byte(bad)); err == nil {
			t.Errorf("%q was understood", bad)
		}
	}
}

// drillDocker is an engine that restores and counts; count.FAULT spoils it.
const drillDocker = `case $* in
inspect*) echo sha256:db ;;
run*) printf '%s\n' "$*" >>"$SHIM/log"; echo id ;;
kill*) printf '%s\n' "$*" >>"$SHIM/log" ;;
*"show listen_addresses"*) echo '*' ;;
*"oid = 10"*) echo first ;;
*pg_dumpall*) echo 'create role u;' ;;
*pg_restore*) cmp -s - "$SHIM/archive" || { echo 'pg_restore: error: torn' >&2; exit 1; } ;;
*psql*) ask=$(cat); printf '%s\n' "$*" >>"$SHIM/log"
	case $ask in
	*"how it was made"*) echo 'create database drill;' ;;
	*"-- database"* | *pg_auth_members* | "create "*) ;;
	*) cat "$SHIM/counts" ;;
	esac ;;
*) exit 64 ;;
esac`

func drill(h *shimhost.Host, s *DumpUploader) *Drill {
	d := &Drill{
		Host: below{h}, Manifest: s.Manifest, Dir: s.Dir, Identity: testKey(), ID: "d1",
		Tell: func(Event) {}, root: h.Path("var", "backups"),
	}
	d.Database.Container, d.Database.User, d.Database.Name = "db", "u", "chatalot"
	return d
}

func TestDrillComparesEveryTable(t *testing.T) {
	for name, tt := range map[string]struct{ counts, want string }{
		"as the backup": {"Odd name\t3\t-1\n_sqlx_migrations\t51\t-1\nempty_one\t0\t-1\nmessages\t3000\t-1\nusers\t20\t-1\n", ""},
		"a row is gone": {"Odd name\t3\t-1\n_sqlx_migrations\t51\t-1\nempty_one\t0\t-1\nmessages\t2999\t-1\nusers\t20\t-1\n", "table messages has 2999 rows, the backup 3000"},
		"a table more":  {"Odd name\t3\t-1\n_sqlx_migrations\t51\t-1\nempty_one\t0\t-1\nmessages\t3000\t-1\nusers\t20\t-1\nx\t1\t-1\n", "there are 6 tables, in the backup 5"},
		"no answer":     {"", "has 0 rows"},
	} {
		h, s, _ := sent(t)
		h.Shim("docker", drillDocker)
		h.Write("counts", tt.counts)
		d := drill(h, s)
		var stages []string
		d.Tell = func(e Event) {
			if e.Stage != "" {
				stages = append(stages, e.Stage)
			}
		}
		tables, rows, err := d.Run(t.Context())
		if tt.want == "" {
			if err != nil || tables != 5 || rows != 3074 {
				t.Errorf("%s: %d tables, %d rows, %v", name, tables, rows, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", name, err, tt.want)
		}
		if want := []string{"make the roles of the live database", "restore into a throw-away database", "count rows"}; !slices.Equal(stages, want) {
			t.Errorf("%s: shown %q, want %q", name, stages, want)
		}
		if log := h.Read("log"); !strings.Contains(log, "--network none") || !strings.Contains(log, "kill liftalot-drill-") {
			t.Errorf("%s: %s", name, log)
		}
		if left, err := filepath.Glob(h.Path("var", "backups", "liftalot-drill-*")); err != nil || len(left) > 0 {
			t.Errorf("%s: left behind: %q, %v", name, left, err)
		}
	}
}

// A drill that ends before its job has the dump leaves none on the host, or says
// where one is.
func TestADrillThatDoesNotBeginLeavesNoDump(t *testing.T) {
	stopped := errors.New("the user has stopped it")
	for name, fails := range map[string]error{
		"hash db.dump": &remote.ExitError{Name: "hash db.dump", Code: 1},
		"send db.dump": stopped,
		"start job":    fmt.Errorf("start job: %w", remote.ErrNotStarted),
	} {
		h, s, _ := sent(t)
		if err := os.Remove(filepath.Join(s.Manifest.OnHost, Dump)); err != nil {
			t.Fatal(err)
		}
		d := drill(h, s)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		r := &failing{Runner: d.Host, fails: map[string]error{name: fails}}
		if fails == stopped {
			r.also = stop
		}
		d.Host = r
		if _, _, err := d.Run(ctx); !errors.Is(err, fails) || strings.Contains(err.Error(), "remove that folder") {
			t.Errorf("%s: %v", name, err)
		}
		folder := h.Path("var", "backups", "liftalot-drill-d1")
		if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: it is still there: %v", name, err)
		}
		r.fails["remove the dump of the drill"] = remote.ErrNotStarted
		if _, _, err := d.Run(t.Context()); !errors.Is(err, fails) || !strings.Contains(err.Error(), "in "+folder) || !strings.Contains(err.Error(), d.Manifest.Host) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Where nobody knows whether the job runs, the dump is the job's.
func TestADrillThatMayHaveBegunKeepsItsDump(t *testing.T) {
	h, s, _ := sent(t)
	d := drill(h, s)
	d.Host = &failing{Runner: d.Host, fails: map[string]error{"start job": remote.ErrUnknownOutcome}}
	if _, _, err := d.Run(t.Context()); !errors.Is(err, remote.ErrUnknownOutcome) || !h.Has("var/backups/liftalot-drill-d1/"+Dump) {
		t.Errorf("%v", err)
	}
}

// A failing host does not carry some commands out.
type failing struct {
	Runner
	fails map[string]error
	also  func() // nil for nothing more
}

func (f *failing) Run(ctx context.Context, cmd remote.Command) (remote.Result, error) {
	if err := f.fails[cmd.Name]; err != nil {
		if f.also != nil {
			f.also()
		}
		return remote.Result{}, err
	}
	return f.Runner.Run(ctx, cmd)
}
