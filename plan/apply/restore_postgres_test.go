//go:build unix

package apply

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"liftalot/plan/internal/shimhost"
	"liftalot/remote"
	"liftalot/testenv/fakes/pgtest"
)

// realDatabase is an engine whose database is a PostgreSQL of this machine.
func realDatabase(t *testing.T) (h *shimhost.Host, server *pgtest.Server, base string) {
	t.Helper()
	server = pgtest.Start(t)
	base = server.URL(t)
	at, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	bins, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(bins) == 0 {
		t.Fatal("pgtest found a PostgreSQL where there is none")
	}
	h = shimhost.New(t)
	h.Shim("docker", fmt.Sprintf(`case $* in
exec*) shift; [ "$1" != -i ] || shift; shift
	PATH=%s:$PATH PGHOST=%s PGPORT=%s PGPASSWORD=%s
	export PATH PGHOST PGPORT PGPASSWORD
	exec "$@" ;;
inspect*) echo true ;;
stop*) echo stop >>"$SHIM/log" ;;
start* | rm* | run*) ;;
*) exit 64 ;;
esac`, bins[len(bins)-1], at.Hostname(), at.Port(), pgtest.Password))
	return h, server, base
}

// everything of a database that is not its content, as the catalog has it.
const everything = `select string_agg(line, E'\n' order by line) from (
	select (to_jsonb(d) - 'oid' - 'datname' - 'datfrozenxid' - 'datminmxid' - 'datcollversion' - 'datacl' - 'datlastsysoid')::text from pg_database d where datname = '%[1]s'
	union all select pg_get_userbyid(datdba) || ' ' || coalesce(shobj_description(oid, 'pg_database'), '-') from pg_database where datname = '%[1]s'
	union all select a.i::text from pg_database d, unnest(d.datacl) a (i) where datname = '%[1]s'
	union all select s.setrole::regrole || ' ' || s.setconfig::text from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase where datname = '%[1]s'
) x (line)`

// R13, case 25: what a dump has not of a database is that of the database that was there.
func TestARestoreKeepsTheDatabasesProperties(t *testing.T) {
	h, server, base := realDatabase(t)
	for name, tt := range map[string]struct{ make, also string }{
		"plain": {`create database %s`, ""},
		"latin1": {`create database %s template template0 encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' connection limit 40`, `
create role "the ""owner"; create role grafana; create role "read er"; create role c; grant "the ""owner" to chatalot;
alter database %[1]s owner to "the ""owner";
comment on database %[1]s is 'it''s a \ "chat"';
revoke all on database %[1]s from public;
grant connect on database %[1]s to grafana with grant option;
set role grafana; grant connect on database %[1]s to "read er" with grant option; set role "read er"; grant connect on database %[1]s to c; reset role;
alter database %[1]s set "TimeZone" to 'Europe/Berlin';
alter database %[1]s set search_path to "$user", app, "o""dd, na'me";
alter database %[1]s set statement_timeout to '90s';
alter database %[1]s set default_transaction_read_only to on;
alter database %[1]s set app.secret to 'it''s \ : :db "x"';
alter role grafana in database %[1]s set search_path to '';
alter role "read er" in database %[1]s set work_mem to '64MB'`},
		"icu": {`create database %s template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C' locale_provider icu icu_locale 'de-u-co-phonebk'`,
			`revoke connect on database %[1]s from public; revoke create on database %[1]s from chatalot`},
	} {
		db := "chat_" + name
		server.Exec(t, base, fmt.Sprintf(tt.make, db))
		at := strings.Replace(base, "/chatalot_1", "/"+db, 1)
		server.Exec(t, at, "create table users (id int); insert into users values (1)")
		for statement := range strings.SplitSeq(tt.also, ";\n") {
			if strings.TrimSpace(statement) != "" {
				server.Exec(t, base, strings.ReplaceAll(statement, "%[1]s", db))
			}
		}
		want := server.Text(t, base, fmt.Sprintf(everything, db))
		if err := restoreOf(t, h, "chatalot", db); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := server.Text(t, base, fmt.Sprintf(everything, db)); got != want {
			t.Errorf("%s: restored, it is\n%s\nit was\n%s", name, got, want)
		}
		if got := server.Text(t, at, "select count(*)::text from public.users"); got != "1" {
			t.Errorf("%s: %s rows", name, got)
		}
	}
}

// What the login may not put back is named, without what it is, while the server runs.
func TestARestoreStopsBeforeItLosesAProperty(t *testing.T) {
	h, server, base := realDatabase(t)
	server.Exec(t, base, `create role plain login createdb password '`+pgtest.Password+`'`)
	server.Exec(t, base, `create role grafana`)
	server.Exec(t, base, `create database chat owner plain`)
	server.Exec(t, base, `alter role grafana in database chat set app.secret to 'hunter2'`)
	err := restoreOf(t, h, "plain", "chat")
	if err == nil || !strings.Contains(err.Error(), "setting app.secret of role grafana") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
	if h.Has("log") {
		t.Errorf("the server was stopped: %q", h.Log())
	}
	if got := server.Text(t, base, `select string_agg(datname, ' ' order by datname) from pg_database where datname like 'chat\_%' or datname = 'chat'`); got != "chat" {
		t.Errorf("there are %s", got)
	}
	server.Exec(t, base, `alter role grafana in database chat reset all`)
	if err := restoreOf(t, h, "plain", "chat"); err != nil {
		t.Errorf("without it: %v", err)
	}
}

// restoreOf dumps a database and runs the scripts of the restore. The error is what they said.
func restoreOf(t *testing.T, h *shimhost.Host, user, db string) error {
	t.Helper()
	h.Write("job/.made", "")
	last := h.Write("last.dump", "")
	for _, part := range []struct {
		script string
		args   []string
	}{
		{`docker exec db pg_dump -U chatalot -Fc "$3" >"$SHIM/dump" && set -- "$1" "$2" "$3" "$SHIM/dump" '' "$4"
` + fillScript, []string{db + "_new"}},
		{restoreScript, []string{db + "_before", db + "_new", last, h.Path("job"), "r1", "talk", "sha256:old", "chat", "talk", h.Path("record"), ""}},
	} {
		res, err := h.Run(t.Context(), remote.Command{Script: part.script, Args: append([]string{"db", user, db}, part.args...)})
		if err != nil {
			return fmt.Errorf("%w: %s%s", err, res.Stdout, res.Stderr)
		}
	}
	return nil
}
