package sim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"liftalot/plan/apply"
	"liftalot/plan/journal"
	"liftalot/remote"
	"liftalot/testenv/sim"
	"liftalot/testenv/sim/driver"
	"liftalot/testenv/sim/engine"
	"liftalot/testenv/sim/machine"
)

// server starts a server and a laptop that may log in to it as root.
func server(t testing.TB, next engine.App) (*sim.Server, *driver.Laptop) {
	t.Helper()
	return serverOf(t, sim.Public, next)
}

func serverOf(t testing.TB, layout sim.Layout, next engine.App) (*sim.Server, *driver.Laptop) {
	t.Helper()
	s, err := sim.NewServerOf(layout, sim.Options{Machine: machine.Options{Hostname: "web1"}}, next)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	l := lend(t, s.Host, accounts()...)
	release, err := driver.Release()
	must(t, err)
	return s, &driver.Laptop{Dir: t.TempDir(), Config: l.config(s.Host, "root", remote.Sudo{}), Release: release, Now: time.Now}
}

// state is all that must be the same after an upgrade was rolled back.
const state = `cd /srv/chatalot
for f in docker-compose.yml .env secrets secrets/*; do stat -c '%n %f %u %g' "$f"; [ -d "$f" ] || sha256sum "$f"; done
for c in $(docker ps -aq); do docker inspect -f '{{.Name}} {{.Image}} {{.Config.Image}} {{.State.Status}}' "$c"; done | sort
docker inspect -f 'database {{.Id}} {{.State.StartedAt}}' chatalot-db
docker network inspect $(docker network ls -q) | grep '"Name"' | sort
docker exec chatalot-db psql -U chatalot -d chatalot -c "select version, success, encode(checksum, 'hex') from _sqlx_migrations order by version" | sha256sum`

func seen(t testing.TB, s *sim.Server, script string) string {
	t.Helper()
	said, status := s.Shell(script)
	if status != 0 {
		t.Fatalf("status %d: %s", status, said)
	}
	return said
}

// Trap C9: compose recreates a container whose tag was moved, as by a pull for
// another project, although nobody changed a file.
func TestAMovedTagDoesNotRecreateTheDatabase(t *testing.T) {
	for _, late := range []bool{false, true} {
		s, l := server(t, engine.App{Boot: 2 * time.Second})
		pull := func() { pullPostgres(s) }
		if late {
			// Between the plan and the first start.
			l.Moment = func(m driver.Moment) {
				if m.Step == "sidecar" && m.What == fmt.Sprintf("event %d", apply.StepBegun) {
					s.Machine.Do(pull)
				}
			}
		} else {
			pull()
		}
		const database = `docker inspect -f '{{.Id}} {{.Image}} {{.State.StartedAt}}' chatalot-db`
		before := seen(t, s, database)
		res, err := l.Apply(t.Context())
		if late != (res.Outcome != journal.Completed) || late != (err != nil && strings.Contains(err.Error(), "names another image by now")) {
			t.Errorf("late %v: %v, %v", late, res.Outcome, err)
		}
		if after := seen(t, s, database); after != before {
			t.Errorf("late %v: the database was\n%sand is\n%s", late, before, after)
		}
	}
}

// pullPostgres gives the tag of the database's image to another one, as a pull does.
func pullPostgres(s *sim.Server) {
	old := s.Engine.Image("postgres:17")
	fresh := *old
	fresh.ID, fresh.Digests, old.Tags = "sha256:"+strings.Repeat("5", 64), nil, nil
	s.Engine.Images = append(s.Engine.Images, &fresh)
}

// A pull after the upgrade does not hold up a rollback, and does not move the database either.
func TestAMovedTagHoldsNoRollbackUp(t *testing.T) {
	s, l := server(t, engine.App{Boot: 2 * time.Second})
	const containers = `for c in chatalot-db chatalot-server; do docker inspect -f '{{.Image}} {{.State.Status}}' "$c"; done; docker inspect -f '{{.Id}}' chatalot-db`
	before := seen(t, s, containers)
	if res, err := l.Apply(t.Context()); res.Outcome != journal.Completed {
		t.Fatalf("%+v, %v", res, err)
	}
	s.Machine.Do(func() { pullPostgres(s) })
	res, err := l.Rollback(t.Context())
	if res.Outcome != journal.Completed || err != nil {
		t.Errorf("%+v, %v", res, err)
	}
	if after := seen(t, s, containers); after != before {
		t.Errorf("it was\n%sand is\n%s", before, after)
	}
}

func TestUpgradeAndBack(t *testing.T) {
	for _, tt := range []struct {
		name   string
		layout sim.Layout
		next   engine.App
	}{
		{"public", sim.Public, engine.App{Boot: 2 * time.Second}},
		{"staged", sim.Staged, engine.App{Boot: 2 * time.Second}},
		{"migrating", sim.Public, engine.App{Boot: 2 * time.Second, Migrations: 52}},
	} {
		t.Run(tt.name, func(t *testing.T) { upgradeAndBack(t, tt.layout, tt.next) })
	}
}

func upgradeAndBack(t *testing.T, layout sim.Layout, next engine.App) {
	s, l := serverOf(t, layout, next)
	before := seen(t, s, state)
	begin := time.Now()
	res, err := l.Apply(t.Context())
	must(t, err)
	upgraded := time.Since(begin)
	if res.Outcome != journal.Completed || res.Downtime == nil {
		t.Errorf("got %+v", res)
	}
	health := seen(t, s, "docker exec "+layout.Server+" curl -fsS http://localhost:8080/api/health")
	if !strings.Contains(health, `"version":"0.24.6"`) {
		t.Errorf("health says %s", health)
	}
	if res, err := l.Apply(t.Context()); err != nil || res.Nothing == "" {
		t.Errorf("a second apply: %+v, %v", res, err)
	}
	begin = time.Now()
	res, err = l.Rollback(t.Context())
	must(t, err)
	t.Logf("upgrade %v, rollback %v, downtime %+v", upgraded, time.Since(begin), res.Downtime)
	if after := seen(t, s, state); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}
