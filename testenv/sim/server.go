package sim

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"liftalot/testenv/sim/engine"
	"liftalot/testenv/sim/machine"
)

// Dir is where every layout is installed.
const Dir = "/srv/chatalot"

// A Server is a host with a chat server on it.
type Server struct {
	*Host
	Engine *engine.Engine
	Layout Layout
}

// NewServer starts a host with the public layout and gives the registry the
// next release, which behaves as next says.
func NewServer(opt Options, next engine.App) (*Server, error) {
	return NewServerOf(Public, opt, next)
}

// NewServerOf starts a host with a layout of the caller's choice.
func NewServerOf(layout Layout, opt Options, next engine.App) (*Server, error) {
	eng, err := engine.New(opt.Shell)
	if err != nil {
		return nil, err
	}
	opt.Machine.Programs, opt.Machine.Inside = eng.Programs()
	h, err := New(opt)
	if err != nil {
		return nil, err
	}
	eng.Attach(h.Machine)
	h.OnBoot(eng.Boot)
	s := &Server{h, eng, layout}
	if err := s.install(next); err != nil {
		return nil, fmt.Errorf("install the layout %s: %w", layout.Before, err)
	}
	return s, nil
}

func (s *Server) install(next engine.App) error {
	compose, err := engine.Recorded(s.Layout.Before, "docker-compose.yml")
	if err != nil {
		return err
	}
	env, err := engine.Recorded(s.Layout.Before, "env")
	if err != nil {
		return err
	}
	db := &engine.Database{Owner: "chatalot", Tables: map[string]int{"users": 12, "messages": Messages, "channels": 7, "files": 41}}
	if err := db.Migrate(seededMigration); err != nil {
		return err
	}
	s.Engine.Databases = &engine.Cluster{User: "chatalot", Password: variable(env, "DB_PASSWORD"), Databases: map[string]*engine.Database{"chatalot": db}}
	old := engine.App{Kind: engine.Server, Version: s.Layout.Version, Reported: s.Layout.Reported, Migrations: seededMigration, Boot: time.Second, Managed: s.Layout.managed}
	const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	s.Engine.Images = []*engine.Image{
		{ID: imageID(1), Tags: []string{"postgres:17"}, Env: []string{"LANG=en_US.utf8", "PATH=" + path, "PGDATA=/var/lib/postgresql/data", "PG_MAJOR=17"}, App: engine.App{Kind: engine.Postgres}},
		{ID: imageID(2), Tags: []string{OldImage}, User: "chatalot", UID: 999, Env: []string{"PATH=" + path}, App: old},
	}
	if err := s.publish(next); err != nil {
		return err
	}
	m := s.Machine
	m.Do(func() {
		l := s.Layout
		m.MustMkdir(Dir+"/secrets", 0o755, l.secretsUID, l.secretsUID)
		m.MustWrite(Dir+"/docker-compose.yml", string(compose), 0o644, 0, 0)
		m.MustWrite(Dir+"/.env", string(env), 0o600, 0, 0)
		for _, f := range l.secrets {
			m.MustWrite(Dir+"/secrets/"+f.name, f.data, f.mode, f.uid, f.uid)
		}
	})
	const up = "docker compose -p chatalot --project-directory " + Dir + " -f " + Dir + "/docker-compose.yml up -d --no-build --pull never chatalot"
	if said, status := s.Shell(up); status != 0 {
		return fmt.Errorf("start it: %s", said)
	}
	m.Do(func() { m.Wait(time.Hour) })
	return nil
}

// publish puts the images of the recorded release into the registry.
func (s *Server) publish(next engine.App) error {
	next.Kind, next.Managed = engine.Server, true
	if next.Version == "" {
		next.Version = "0.24.6"
	}
	if next.Migrations == 0 {
		next.Migrations = seededMigration
	}
	images, err := ReleaseImages()
	if err != nil {
		return err
	}
	apps := map[string]engine.App{
		"chatalot":              next,
		"chatalot-updater":      {Kind: engine.Updater, Boot: 2 * time.Second},
		"chatalot-socket-proxy": {Kind: engine.Proxy, Boot: time.Second},
	}
	for i, service := range []string{"chatalot", "chatalot-updater", "chatalot-socket-proxy"} {
		image := &engine.Image{ID: imageID(10 + i), Digests: []string{images[service]}, App: apps[service]}
		switch service {
		case "chatalot":
			image.User, image.UID = "chatalot", 999
		case "chatalot-updater":
			image.User, image.UID = "1001", 1001
		}
		s.Engine.Registry[images[service]] = image
	}
	return nil
}

// ReleaseImages are the references of the release that was recorded, by
// service.
func ReleaseImages() (map[string]string, error) {
	data, err := engine.Recorded("upgraded", "model.json")
	if err != nil {
		return nil, err
	}
	var model struct {
		Services map[string]struct{ Image string }
	}
	if err := json.Unmarshal(data, &model); err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for name, s := range model.Services {
		refs[name] = s.Image
	}
	return refs, nil
}

func imageID(n int) string { return fmt.Sprintf("sha256:ddb5658c%056x", n) }

func variable(env []byte, name string) string {
	for line := range strings.Lines(string(env)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+"="); ok {
			return value
		}
	}
	return ""
}

// A Snapshot is the whole state of a server.
type Snapshot struct {
	files  *machine.Snapshot
	engine *engine.Snapshot
}

// Snapshot keeps the state. Processes are not part of it.
func (s *Server) Snapshot() (snap *Snapshot) {
	s.Machine.Settle()
	s.Machine.Do(func() {
		files := s.Machine.Snapshot()
		snap = &Snapshot{files, s.Engine.Snapshot(files)}
	})
	return snap
}

// Restore cuts every connection, ends every process and puts a state back.
func (s *Server) Restore(snap *Snapshot) {
	s.SetFault(nil)
	s.Unplug(true)
	s.Machine.Halt()
	s.settleLinks() // a request that was on its way may still start something
	s.Machine.Halt()
	s.Machine.Do(func() { s.Engine.Restore(snap.engine, s.Machine.Restore(snap.files)) })
	s.Unplug(false)
}
