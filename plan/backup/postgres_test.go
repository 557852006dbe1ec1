//go:build unix

package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"liftalot/plan"
	"liftalot/plan/internal/shimhost"
	"liftalot/plan/postgres"
	"liftalot/remote"
)

// A database as it may be, with all that is no table in it, or is one that no dump has:
// views, foreign tables, an extension's own.
const mixed = `
create table _sqlx_migrations (version bigint);
insert into _sqlx_migrations values (51);
create table users (id int, created_at timestamptz default now());
insert into users select generate_series(1, 20);
create view a_view as select * from users;
create materialized view a_copy as select * from users;
create table parted (a int, created_at timestamptz default now()) partition by range (a);
create table parted_1 partition of parted for values from (0) to (10);
create table "parted 2" partition of parted for values from (10) to (20);
insert into parted select generate_series(0, 14);
create table parent (a int);
create table child () inherits (parent);
insert into parent values (1);
insert into child values (2), (3);
create unlogged table quick (a int);
insert into quick values (1), (2);
create table of_extension (a int);
insert into of_extension values (1);
alter extension plpgsql add table of_extension;
create foreign data wrapper nothing;
create server nowhere foreign data wrapper nothing;
create foreign table elsewhere (a int) server nowhere;
create foreign table parted_3 partition of parted for values from (20) to (30) server nowhere;
`

// asPostgres is an engine whose database is a PostgreSQL of this machine, and so is its
// throw-away one.
const asPostgres = `PATH=%[1]s:$PATH PGHOST=%[2]s
export PATH PGHOST
case $* in
*"show listen_addresses"*) echo '*' ;;
exec*) shift; [ "$1" != -i ] || shift
	case $1 in liftalot-drill-*) PGHOST=%[3]s ;; esac
	shift
	exec "$@" ;;
run*) ;;
kill*) PGHOST=%[3]s dropdb -U postgres --force --if-exists drill ;;
inspect*) echo sha256:db ;;
ps*) echo '{}' ;;
*) exit 64 ;;
esac`

// runPostgres starts a PostgreSQL of this machine for the test, reached by a socket only.
func runPostgres(t *testing.T) (bin, socket string) {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		t.Skip("NOT RUN: there is no PostgreSQL on this machine, so nobody compared its tables with those of its dump")
	}
	bin = filepath.Dir(found[len(found)-1])
	dir, err := os.MkdirTemp("", "liftalot-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	as := &syscall.SysProcAttr{}
	if os.Getuid() == 0 { // it refuses to run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Skip("NOT RUN: PostgreSQL does not run as root, and there is no user for it")
		}
		uid, uerr := strconv.Atoi(u.Uid)
		gid, gerr := strconv.Atoi(u.Gid)
		if uerr != nil || gerr != nil || os.Chown(dir, uid, gid) != nil {
			t.Fatalf("user %+v", u)
		}
		as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	data := filepath.Join(dir, "data")
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.Dir, cmd.SysProcAttr = dir, as
		cmd.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")} // no PGPORT of this machine's
		return cmd
	}
	if out, err := command("initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	log := filepath.Join(dir, "log")
	start := command("pg_ctl", "-D", data, "-w", "-l", log, "-o", "-c listen_addresses= -c fsync=off -c unix_socket_directories="+dir, "start")
	if err := start.Run(); err != nil {
		said, _ := os.ReadFile(log)
		t.Fatalf("%v: %s", err, said)
	}
	t.Cleanup(func() {
		if out, err := command("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop").CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return bin, dir
}

// What the look counts, what a dump has, what the drill finds and what the live database
// says of its rows are of the same tables, whatever else is in the database.
func TestEveryCountIsOfTheTablesThatADumpHas(t *testing.T) {
	bin, socket := runPostgres(t)
	_, thrown := runPostgres(t)
	h, b := shimOp(t)
	h.Shim("docker", fmt.Sprintf(asPostgres, bin, socket, thrown))
	b.User = "postgres"
	sql(t, h, "postgres", "create database chatalot")
	sql(t, h, "chatalot", mixed)

	probe, err := os.ReadFile(filepath.Join("..", "probe", "probe.sh"))
	if err != nil {
		t.Fatal(err)
	}
	question := regexp.MustCompile(`part dbfacts sql "(.*)"`).FindSubmatch(probe)
	if question == nil {
		t.Fatal("the look does not ask")
	}
	seen := strings.Fields(sql(t, h, "chatalot", string(question[1])))
	b.Tables, err = strconv.Atoi(seen[2])
	if err != nil || b.Tables != 8 || seen[3] != "t" {
		t.Fatalf("the look says %q, %v", seen, err)
	}
	// Who may put a database back makes databases, and this one is theirs.
	sql(t, h, "chatalot", "create role owner; alter database chatalot owner to owner; create role stranger createdb; create role confined; grant owner to confined; create role free createdb; grant owner to free")
	for role, want := range map[string]string{"stranger": "f", "confined": "f", "free": "t"} {
		lines := strings.Split(strings.TrimSpace(sql(t, h, "chatalot", "set role "+role+"; "+string(question[1]))), "\n")
		if last := strings.Fields(lines[len(lines)-1]); last[3] != want {
			t.Errorf("%s: %q, want %s", role, last, want)
		}
	}

	sql(t, h, "chatalot", "create role grafana; grant select on users to grafana; revoke connect on database chatalot from public; alter database chatalot set work_mem to '5MB'")
	dir := t.TempDir()
	m, err := takeFrom(t, h, b, dir)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{"_sqlx_migrations": 1, "users": 20, "parted": 0, "parted_1": 10, "parted 2": 5, "parent": 1, "child": 2, "quick": 2}
	if diff := cmp.Diff(want, m.Rows); diff != "" {
		t.Errorf("the dump (-want +got):\n%s", diff)
	}
	live, err := Counts(t.Context(), h, plan.Database{Container: "db", User: "postgres", Name: "chatalot"}, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int64{}
	for name, c := range live {
		rows[name] = c.Rows
		if newer := map[string]int64{"users": 20, "parted_1": 10, "parted 2": 5}[name]; newer > 0 && c.Newer != newer {
			t.Errorf("%s: %d rows are newer than 1970", name, c.Newer)
		}
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("the live database (-want +got):\n%s", diff)
	}

	d := drill(h, &DumpUploader{Manifest: m, Dir: dir})
	d.Database.User = "postgres"
	tables, all, err := d.Run(t.Context())
	if err != nil || tables != len(want) || all != 41 {
		t.Errorf("the drill: %d tables, %d rows, %v", tables, all, err)
	}

	// R4: the drill is no stronger than the restore. As a login that owns none of the tables
	// neither of them succeeds.
	sql(t, h, "postgres", "alter role free login")
	d = drill(h, &DumpUploader{Manifest: m, Dir: dir})
	d.ID, d.Database.User = "d2", "free"
	var unproven *UnprovenError
	if _, _, err := d.Run(t.Context()); !errors.As(err, &unproven) {
		t.Errorf("as another login: %v", err)
	}
	// On a server that was built anew a role is missing: that is named without a try, and
	// the drill fails as the restore would.
	d.Database.User = "postgres"
	ask := func() []string {
		t.Helper()
		missing, err := MissingRoles(t.Context(), h, d.Database, m.NeededRoles())
		if err != nil {
			t.Fatal(err)
		}
		return missing
	}
	if missing := ask(); len(missing) > 0 || !slices.Contains(m.Roles, "grafana") {
		t.Errorf("missing %q, needed %q", missing, m.Roles)
	}
	sql(t, h, "chatalot", "drop owned by grafana; drop role grafana")
	if missing := ask(); !slices.Equal(missing, []string{"grafana"}) {
		t.Errorf("missing %q", missing)
	}
	// The throw-away cluster of this test is no new one.
	if res, err := h.Run(t.Context(), remote.Command{Script: `docker exec liftalot-drill-x psql -U postgres -d template1 -c "drop role grafana"`}); err != nil {
		t.Fatalf("%v: %s", err, res.Stderr)
	}
	d.ID = "d3"
	if _, _, err := d.Run(t.Context()); !errors.As(err, &unproven) || !strings.Contains(err.Error(), `role "grafana" does not exist`) {
		t.Errorf("without the role: %v", err)
	}
}

// The scripts rename and drop a database of any name.
func TestDatabaseNamesAreQuoted(t *testing.T) {
	bin, socket := runPostgres(t)
	h := shimhost.New(t)
	h.Shim("docker", fmt.Sprintf(asPostgres, bin, socket, socket))
	const live, kept, fresh = `it's "live"`, `it's "kept"`, `it's \fresh`
	for _, name := range []string{live, fresh} {
		sql(t, h, "postgres", `create database "`+strings.ReplaceAll(name, `"`, `""`)+`"`)
	}
	sql(t, h, live, "create table former ()")
	res, err := h.Run(t.Context(), remote.Command{
		Script: "set -eu\nC=db U=postgres\n" + postgres.Names + `exchange "$1" "$2" "$3"` + "\n" + `if database_exists "$3"; then exit 9; fi` + "\n" + `database_exists "$2"`,
		Args:   []string{live, kept, fresh},
	})
	if err != nil {
		t.Fatalf("%v: %s", err, res.Stderr)
	}
	sql(t, h, kept, "drop table former")
	if _, err := h.Run(t.Context(), remote.Command{Script: "set -eu\nC=db U=postgres\n" + postgres.Names + `drop_database "$1"`, Args: []string{kept}}); err != nil {
		t.Fatal(err)
	}
	if got := sql(t, h, "postgres", "select datname from pg_database where datname like 'it%'"); got != live+"\n" {
		t.Errorf("there are %q", got)
	}
}

// sql runs statements in the host's database.
func sql(t *testing.T, h *shimhost.Host, database, text string) string {
	t.Helper()
	res, err := h.Run(context.WithoutCancel(t.Context()), remote.Command{
		Script: `docker exec -i db psql -X -q -A -t -F ' ' -v ON_ERROR_STOP=1 -U postgres -d "$1" -c "$2"`, Args: []string{database, text},
	})
	if err != nil {
		t.Fatalf("%v: %s", err, res.Stderr)
	}
	return string(res.Stdout)
}
