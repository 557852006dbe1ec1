package apply

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/remote/job"
	"liftalot/testenv/vps/vpstest"
)

// A databaseCut is a moment at which the power fails for good while a database is put back.
type databaseCut struct {
	name   string
	back   bool   // by a rollback, from a new release; else by a restore
	slow   string // what the script waits before, for the moment not to pass unseen
	at     string // script that returns at the moment
	runs   string // image that runs in the end
	serves string // what is in its database
}

var databaseCuts = []databaseCut{
	{name: "restore, last dump", slow: `docker exec -i "$C" pg_restore -f /dev/null <"$FINAL`, at: `until [ -e /var/backups/cut/last.dump.part ]; do :; done`, runs: "old", serves: "now"},
	{name: "restore, before the exchange", slow: `exchange "$NAME"`, at: `until [ -e /var/backups/cut/last.dump ]; do :; done`, runs: "old", serves: "now"},
	{name: "restore, after the exchange", slow: `docker start "$CONTAINER" >/dev/null </dev/null`, at: `until grep -qs '^restored' /var/lib/liftalot/cut/restore/log; do :; done`, runs: "old", serves: "then"},
	{name: "rollback, before the exchange", back: true, slow: `disable_restart && exchange`, at: stopped, runs: "new", serves: "now"},
	{name: "rollback, kept down for the exchange", back: true, slow: `exchange "$DBNAME" "$KEEP" "$FRESH"; }`, at: `until docker inspect -f '{{.HostConfig.RestartPolicy.Name}}' chatalot-server | grep -qx no; do :; done`, runs: "new", serves: "now"},
	{name: "rollback, after the exchange", back: true, slow: `revert_edits || give_up`, at: `until grep -qs '^stage back' /var/lib/liftalot/cut/restore/log; do :; done`, runs: "old", serves: "then"},
}

const stopped = `until docker inspect -f '{{.State.Running}}' chatalot-server | grep -qx false; do :; done`

// TestP5PowerCutsWhileADatabaseIsPutBack takes the power of a real server away at every stage
// of a restore, and of a rollback with the database from a release whose container the engine
// starts at every boot. The laptop never comes back, and one server serves all the same, on
// the database that is its own.
func TestP5PowerCutsWhileADatabaseIsPutBack(t *testing.T) {
	host := vpstest.Boot(t, "public")
	at := &cutHost{t: t, Host: host}
	at.sh(`cd /srv/chatalot && cp -p docker-compose.yml /root/before.yml &&
		sed -e 's/^\( *\)build: \.$/\1image: next:good/' -e 's/^\( *\)restart: .*/\1restart: always/' docker-compose.yml >/root/good.yml
		docker commit -c 'LABEL next=1' chatalot-server next:good`)
	for _, cut := range databaseCuts {
		t.Run(cut.name, func(t *testing.T) {
			at.t = t
			at.cutDatabase(cut)
		})
		if t.Failed() {
			return // the next one would begin from nowhere
		}
	}
}

const askDatabase = `docker exec chatalot-db psql -X -q -A -t -U chatalot -d chatalot -c `

func (h *cutHost) cutDatabase(c databaseCut) {
	h.sh(`rm -rf /var/lib/liftalot /var/backups/cut && mkdir -p -m 700 /var/backups/cut
		cp /root/before.yml /srv/chatalot/docker-compose.yml && cd /srv/chatalot && docker compose up -d --no-build chatalot 2>&1`)
	ctx := h.t.Context()
	if err := h.WaitHealthy(ctx); err != nil {
		h.t.Fatal(err)
	}
	h.sh(askDatabase + `'drop table if exists marker' -c "create table marker as select 'then' as marker"
		for d in chatalot_kept chatalot_new; do ` + askDatabase + `"drop database if exists $d with (force)"; done
		docker exec chatalot-db pg_dump -U chatalot -Fc chatalot >/var/backups/cut/db.dump`)
	f := strings.Fields(h.sh(`docker inspect -f '{{.Id}} {{.Image}}' chatalot-server; docker inspect -f '{{.Id}}' next:good`))
	id, images := f[0], map[string]string{"old": f[1], "new": f[2]}
	client := h.client()
	defer client.Close()
	e := &Engine{Host: client, Watch: client, Plan: &plan.Plan{Host: h.Name, ID: "cut"}, Journal: &journal.Journal{}, Workstation: Workstation{Now: time.Now}}
	const record = "/var/backups/cut/ran"
	if err := e.record(ctx, plan.Record{Folder: record, Containers: []plan.RecordedTarget{{Name: "chatalot-server", ID: id}}}); err != nil {
		h.t.Fatal(err)
	}
	if c.back {
		h.sh(`cp /root/good.yml /srv/chatalot/docker-compose.yml && cd /srv/chatalot && docker compose up -d --no-build chatalot 2>&1`)
		if err := h.WaitHealthy(ctx); err != nil {
			h.t.Fatal(err)
		}
		h.sh(`cp /root/before.yml /srv/chatalot/docker-compose.yml`)
	}
	h.sh(askDatabase + `"update marker set marker = 'now'"`)
	fill := plan.Fill{Container: "chatalot-db", User: "chatalot", Database: "chatalot", Fresh: "chatalot_new", Dump: "/var/backups/cut/db.dump"}
	if err := e.fill(ctx, "fill", fill); err != nil {
		h.t.Fatal(err)
	}
	const dir = "/var/lib/liftalot/cut/restore"
	script, args := restoreScript, append([]string{"chatalot-db", "chatalot", "chatalot", "chatalot_kept", "chatalot_new", "/var/backups/cut/last.dump"},
		e.watchedArgs("restore", plan.WatchedServer{Container: "chatalot-server", Image: images["old"], Project: "chatalot", Service: "chatalot", Record: record})...)
	if c.back {
		script, args = swapScript, swapArgs(plan.Swap{
			Project:   plan.Project{Name: "chatalot", WorkingDir: "/srv/chatalot", Files: []string{"/srv/chatalot/docker-compose.yml"}, Service: "chatalot"},
			Container: "chatalot-server", Port: 8080, OldImage: images["old"], OldRef: "chatalot-chatalot:latest", OldID: id, Record: record, DependentRecord: record,
			Database: plan.Login{Container: "chatalot-db", User: "chatalot", Database: "chatalot"}, Migration: 51, MaxDowntime: 60, Soak: 10,
			Dependencies: []string{"postgres"}, IsRollback: true, Keep: "chatalot_kept", Fresh: "chatalot_new",
		}, dir, "cut")
	}
	slow := strings.Replace(script, c.slow, "sleep 5; "+c.slow, 1)
	if slow == script {
		h.t.Fatalf("the script has no %q", c.slow)
	}
	if err := job.Start(ctx, client, job.Spec{Dir: dir, Script: slow, Args: args, Timeout: 5 * time.Minute}); err != nil {
		h.t.Fatal(err)
	}
	h.sh(fmt.Sprintf("timeout 120 sh -c \"$(cat <<'END'\n%s\nEND\n)\" && kill -STOP $(pidof dockerd)", c.at))
	if err := h.Crash(ctx); err != nil {
		h.t.Fatal(err)
	}
	if err := h.WaitHealthy(ctx); err != nil {
		h.t.Errorf("it does not serve: %v", err)
	}
	h.unwatched()
	const all = `docker ps -a --filter label=com.docker.compose.service=chatalot --format '{{.Names}}'; docker inspect -f '{{.Image}} {{.State.Running}}' chatalot-server; ` + askDatabase + `'select marker from marker'`
	want := "chatalot-server " + images[c.runs] + " true " + c.serves
	if got := strings.Join(strings.Fields(h.sh(all)), " "); got != want {
		h.t.Errorf("it ends with %q, want %q\n%s", got, want, h.sh("docker ps -a; cat "+dir+"/log"))
	}
	if policy := h.sh(`docker inspect -f '{{.HostConfig.RestartPolicy.Name}}' chatalot-server`); c.runs == "new" && policy != "always" {
		h.t.Errorf("after a boot the engine starts it %q", policy)
	}
}
