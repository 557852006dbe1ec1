package torture

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"liftalot/plan/journal"
	"liftalot/plan/run"
	"liftalot/remote"
	"liftalot/remote/lock"
	"liftalot/testenv/sim"
	"liftalot/testenv/sim/driver"
	"liftalot/testenv/sim/engine"
)

// outcome judges what the tool said when it lived to say it.
func (t *trial) outcome(f Fault, back bool, res driver.Result, err error) {
	t.told(err)
	if err == nil && res.Outcome != journal.Completed {
		t.say("it says nothing of having ended as %q", res.Outcome)
	}
	switch res.Outcome {
	case journal.Completed:
		if err != nil || t.path.Fails || t.path.Stuck {
			t.say("it claims to be done: %v", err)
		}
		t.ended(!back)
	case journal.RolledBack:
		if err == nil || back || !t.path.Fails && !f.full {
			t.say("it was rolled back: %v", err)
		}
		t.ended(false)
	case journal.Aborted:
		if !back && t.state() != t.pristine {
			t.say("it says that nothing was begun, and the server has changed: %v", err)
		}
	case journal.Interrupted:
		if last, jerr := t.laptop.Last(); !last.Interrupted() || jerr != nil {
			t.say("it was interrupted, and the journal does not say so: %v", jerr)
		}
	case journal.NeedsPerson:
		if !t.path.Stuck && !f.full {
			t.say("it wants a person: %v (undo: %v)", err, res.Undo)
		}
	default:
		t.say("it ends as %q, which nobody knows", res.Outcome)
	}
}

// told looks for secrets in what the operator is told.
func (t *trial) told(err error) {
	if err != nil {
		t.asked.WriteString(err.Error())
	}
}

// files are old or new, byte for byte, and nothing that holds data is gone.
func (t *trial) files() {
	for _, f := range []struct{ name, recorded string }{{"docker-compose.yml", "docker-compose.yml"}, {".env", "env"}} {
		n, err := t.server.Machine.Lookup(sim.Dir + "/" + f.name)
		old, after, rerr := t.recorded(f.recorded)
		switch {
		case t.path.NoFiles && errors.Is(err, fs.ErrNotExist):
		case err != nil || rerr != nil:
			t.say("%s: %v, %v", f.name, err, rerr)
		case string(n.Data) != string(old) && string(n.Data) != string(after):
			t.say("%s is neither the old one nor the new one", f.name)
		}
	}
	e := t.server.Engine
	if len(e.Volumes) < 2 {
		t.say("a volume is gone")
	}
	if e.Image(sim.OldImage) == nil {
		t.say("the old image is gone")
	}
	rows := sim.Messages
	if t.path.Upgraded {
		rows += written
	}
	for _, db := range e.Databases.Databases {
		if db.Tables["messages"] == rows {
			return
		}
	}
	t.say("no database holds what was written")
}

// serves: whatever has happened, and with nobody there to help, one server is on the
// database, and not two. Only one that a person has to decide about is down.
func (t *trial) serves() {
	var running []string
	for _, c := range t.server.Engine.Containers {
		image := t.server.Engine.Image(c.ImageID)
		if c.Running && c.Command == nil && image != nil && image.App.Kind == engine.Server {
			running = append(running, c.Name)
		}
	}
	switch {
	case len(running) > 1:
		t.say("several servers are on the database: %v", running)
	case len(running) == 0 && !t.path.Stuck:
		t.say("no server runs, and nobody looks after it")
	case t.path.Upgraded:
		t.fits()
	}
}

// fits: the server that runs is well on its database, and neither release has served that of
// the other: what the new one runs on has its migrations and what was written since, what a
// rollback has put back has neither.
func (t *trial) fits() {
	if said, ok := t.healthy(""); !ok {
		t.say("the server that runs is not well: %s", said)
	}
	db := t.server.Engine.Databases.Databases["chatalot"]
	if db == nil {
		t.say("no database has the name that the server asks for")
		return
	}
	_, migrated := db.Tables[fmt.Sprintf("of_migration_%d", t.path.Next.Migrations)]
	if back := db.Tables["messages"] == sim.Messages; t.path.Next.Migrations > 0 && back == migrated {
		t.say("the database was put back: %v; it has the new release's migration: %v", back, migrated)
	}
}

// explained holds the journal against a server that has changed.
func (t *trial) explained() {
	last, err := t.laptop.Last()
	half := last.Interrupted()
	switch {
	case err != nil:
		t.say("the journal does not load: %v", err)
	case last.Run == "" && !t.path.Upgraded && t.state() != t.pristine:
		t.say("the server has changed, and the journal knows of no run")
	case !half && last.Run != "" && last.Outcome == "":
		t.say("run %s is neither unfinished nor ended", last.Run)
	}
}

// ended judges a server that is left to itself.
func (t *trial) ended(upgraded bool) {
	t.server.Machine.Settle()
	want := t.path.Layout.Version
	if t.path.Layout.Reported != "" {
		want = t.path.Layout.Reported
	}
	if upgraded {
		want = "0.24.6"
	}
	if said, ok := t.healthy(want); !ok {
		t.say("the server says: %s", said)
	}
	if now := t.state(); !upgraded && now != t.pristine {
		t.say("not as before: %s", difference(t.pristine, now))
	}
	if tunnel := t.server.Engine.Container(sim.Tunnel); t.path.Dependent && (tunnel == nil || !t.server.Engine.Connected(tunnel)) {
		t.say("what depends on the server was left behind")
	}
	if left, _ := t.server.Shell(leftScript); left != "" {
		t.say("left behind: %s", strings.ReplaceAll(left, "\n", " "))
	}
	if partial, _ := t.server.Shell(partialScript); partial != "" {
		t.say("left behind: %s", partial)
	}
}

// once holds what was done against the runs there were: none does anything
// twice, and only upgrades touch what is new.
func (t *trial) once() {
	if t.upset {
		return // what a restart has ended is done again, and so is what did not fit
	}
	runs, err := t.laptop.Runs()
	if err != nil {
		t.say("count the runs: %v", err)
	}
	upgrades, all := 0, len(runs)
	for _, r := range runs {
		if r.Action == journal.Apply {
			upgrades++
		}
	}
	if t.path.Upgraded {
		upgrades-- // the first was not counted
		all--
	}
	for what, n := range t.server.Engine.Did {
		limit := all
		if strings.Contains(what, "@sha256:") {
			limit = upgrades
		}
		if n > limit {
			t.say("done %d times by %d runs: %s", n, all, what)
		}
	}
}

// secrets looks for what must not be seen in all that was said and written,
// the backups apart.
func (t *trial) secrets() {
	secrets := append(slices.Clone(t.site.secrets), t.server.Secrets()...)
	look := func(where, text string) {
		for _, s := range secrets {
			if strings.Contains(text, s) {
				t.say("a secret is in %s", where)
				return
			}
		}
	}
	look("a command or an error", t.asked.String())
	err := filepath.WalkDir(t.laptop.Dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "backups":
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(name)
		look(d.Name(), string(data))
		return err
	})
	if err != nil {
		t.say("look for secrets: %v", err)
	}
}

// ghost looks after a lock that nobody has asked for since the link died.
func (t *trial) ghost(ctx context.Context) {
	c := remote.NewClient(t.config)
	defer c.Close()
	holder, held, err := lock.Inspect(ctx, c, run.LockFile)
	switch {
	case err != nil:
		t.say("ask for the lock: %v", err)
	case held && holder.RunID == "":
		t.say("the lock is held and its holder has no name")
	case held:
		t.unlock(ctx, holder.RunID)
	}
}

func (t *trial) unlock(ctx context.Context, id string) {
	c := remote.NewClient(t.config)
	defer c.Close()
	if err := lock.Break(ctx, c, run.LockFile, id); err != nil {
		t.say("break the lock: %v", err)
	}
}

// stateScript shows all that must be the same after an upgrade was rolled back.
const stateScript = `cd /srv/chatalot
for f in docker-compose.yml .env secrets secrets/*; do [ -e "$f" ] || continue; stat -c '%n %f %u %g' "$f"; [ -d "$f" ] || sha256sum "$f"; done
for c in $(docker ps -aq); do docker inspect -f '{{.Name}} {{.Image}} {{.Config.Image}} {{.State.Status}} {{range $n, $_ := .NetworkSettings.Networks}}{{$n}} {{end}}' "$c"; done | sort
docker inspect -f 'database {{.Id}}' chatalot-db
for c in $(docker ps -q); do docker inspect -f '{{.Name}}{{range .Config.Env}} {{.}}{{end}} {{json .Mounts}} {{json .HostConfig}}' "$c" | sed 's/container:[0-9a-f]*//' | sha256sum | sed "s/^/$(docker inspect -f '{{.Name}}' "$c" | cut -c2-) is made of /"; done | sort
docker exec chatalot-db psql -U chatalot -d chatalot -c "select version, success, encode(checksum, 'hex') from _sqlx_migrations order by version" | sha256sum`

// leftScript lists what is left of us.
const leftScript = `[ ! -e /var/lib/liftalot ] || { echo "/var/lib/liftalot:"; ls -A /var/lib/liftalot; }
[ ! -e /run/liftalot/lock.holder ] || echo "the lock's holder"
ls -A /dev/shm
ls -A /srv/chatalot | grep -vxE 'docker-compose.yml|\.env|secrets'
ls -A /srv/chatalot/secrets | grep -vxE 'jwt_private.pem|jwt_public.pem|totp_encryption_key|updater_token|cosign_pub|registry_creds|db_password'
exit 0`

// partialScript lists what never became a backup.
const partialScript = `ls -A /var/backups/* 2>/dev/null | grep -E '\.(part|partial|tmp|new)$'
exit 0`

func (s *site) state() string {
	said, _ := s.server.Shell(stateScript)
	return said
}

// difference names the lines that only one of two texts has.
func difference(before, after string) string {
	old, now := strings.Split(before, "\n"), strings.Split(after, "\n")
	var out []string
	for _, l := range old {
		if !slices.Contains(now, l) {
			out = append(out, "- "+l)
		}
	}
	for _, l := range now {
		if !slices.Contains(old, l) {
			out = append(out, "+ "+l)
		}
	}
	return strings.Join(out, "; ")
}

func contains(text string, all ...string) bool {
	return !slices.ContainsFunc(all, func(part string) bool { return !strings.Contains(text, part) })
}
