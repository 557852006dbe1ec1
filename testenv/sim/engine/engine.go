// Package engine is the Docker engine of a simulated host, as far as the tool
// asks for it: containers with labels, networks and volumes, images by digest,
// compose projects, and inside the containers the vendor's servers and a
// PostgreSQL.
//
// [Engine.Programs] are docker and what runs inside containers. Each verb does
// what the real one does for the options that are used; any other fails and
// says that it is not simulated.
//
// # Compose
//
// Compose's reading of a file is not imitated. What "config" says comes from
// recordings of a real compose, kept in testdata by version and found by the
// exact bytes of the compose file and .env; for bytes that were never recorded
// it fails and says so. "up" goes by the recorded model and the recorded hashes.
//
// # Servers
//
// An [App] says what an image does when it is run. How a container is, is worked
// out from the time of its start whenever somebody asks, so that a crash loop
// costs nothing while nobody looks.
package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"liftalot/testenv/sim/dash"
	"liftalot/testenv/sim/machine"
)

// Kind says what an image holds.
type Kind string

// The kinds.
const (
	Server   Kind = "server"
	Updater  Kind = "updater"
	Proxy    Kind = "proxy"
	Postgres Kind = "postgres"
	Sidecar  Kind = "sidecar" // lives in another container's network
)

// Mode says how an image behaves.
type Mode string

// The modes of a server.
const (
	Healthy  Mode = ""
	Crash    Mode = "crash"    // ends at once, again and again
	Hang     Mode = "hang"     // runs and never answers
	Degraded Mode = "degraded" // answers 200 and says that its database is away
)

// An App is what an image does when it is run.
type App struct {
	Kind       Kind
	Version    string
	Reported   string // by /api/health, where it differs
	Managed    bool   // knows managed updates
	Migrations int64  // the newest it brings
	Mode       Mode
	Boot       time.Duration // until it answers
	Lasts      time.Duration // until it crashes after all; 0 means for good
}

// An Image is one in the engine's store, or in the registry.
type Image struct {
	ID            string
	Tags, Digests []string
	User          string
	UID           int
	Env           []string
	App           App

	Cmd, Entrypoint []string
	WorkingDir      string
	Healthcheck     map[string]any
}

// A Network joins containers.
type Network struct {
	ID, Name string
	Internal bool
	Labels   map[string]string
}

// A Volume holds data. Nothing here ever removes one.
type Volume struct {
	Name   string
	Labels map[string]string
}

// An Engine is the engine of one machine. It is touched only with the
// machine's processor held.
type Engine struct {
	Containers []*Container
	Images     []*Image
	Networks   []*Network
	Volumes    []*Volume
	Databases  *Cluster
	Registry   map[string]*Image // by reference, digest included
	// Offered are digests of a vendor who built the recorded release anew, by the
	// recorded digest that each stands for.
	Offered map[string]string
	// OldClient is the API version of a compose plugin that is older than what the
	// engine still accepts: "config" works all the same, and nothing else does.
	OldClient string
	// Did counts what was done, such as "create chatalot", for who asks whether
	// something was done twice. It is no part of a snapshot.
	Did map[string]int

	machine *machine.Machine
	shell   *dash.Parser
	serial  int
	books   []recording

	executions []*execution
}

// New makes an engine without anything in it but the usual networks.
func New(shell *dash.Parser) (*Engine, error) {
	books, err := recordings()
	if err != nil {
		return nil, err
	}
	e := &Engine{shell: shell, books: books, Registry: map[string]*Image{}, Databases: new(Cluster), Did: map[string]int{}}
	for _, name := range []string{"bridge", "host", "none"} {
		e.Networks = append(e.Networks, &Network{ID: e.newID(), Name: name, Labels: map[string]string{}})
	}
	return e, nil
}

// Attach gives the engine its machine, before anything is created.
func (e *Engine) Attach(m *machine.Machine) {
	e.machine = m
	m.MustMkdir("/var/run", 0o755, 0, 0)
	m.MustWrite("/var/run/docker.sock", "", 0o660, 0, 0)
}

// Programs are docker for the host, and what is only inside containers.
func (e *Engine) Programs() (host, inside map[string]machine.Program) {
	host = map[string]machine.Program{"docker": e.docker}
	inside = map[string]machine.Program{
		"curl": e.curl, "psql": e.psql, "pg_dump": e.pgDump, "pg_restore": e.pgRestore, "hostname": e.hostname,
	}
	return host, inside
}

// newID is an ID as long as the engine's, the same in each run of a test.
func (e *Engine) newID() string {
	e.serial++
	sum := sha256.Sum256(fmt.Appendf(nil, "object %d", e.serial))
	return hex.EncodeToString(sum[:])
}

// Boot starts again what ran when the machine went down.
func (e *Engine) Boot() {
	for _, c := range e.Containers {
		if c.Running {
			c.start(e)
		}
	}
	for _, c := range e.Containers {
		if c.Running && e.join(c) != nil {
			c.Running = false
		}
	}
}

// Container finds one by name, ID or the beginning of its ID.
func (e *Engine) Container(ref string) *Container {
	for _, c := range e.Containers {
		if c.Name == ref || c.ID == ref || len(ref) >= 12 && strings.HasPrefix(c.ID, ref) {
			return c
		}
	}
	return nil
}

// Image finds one by ID, tag or digest reference.
func (e *Engine) Image(ref string) *Image {
	for _, i := range e.Images {
		if i.ID == ref || slices.Contains(i.Tags, tagged(ref)) || slices.Contains(i.Digests, ref) {
			return i
		}
	}
	return nil
}

// tagged is a reference with a tag.
func tagged(ref string) string {
	if strings.Contains(ref[strings.LastIndexByte(ref, '/')+1:], ":") {
		return ref
	}
	return ref + ":latest"
}

// Network finds one by name or ID.
func (e *Engine) Network(ref string) *Network {
	for _, n := range e.Networks {
		if n.Name == ref || n.ID == ref || len(ref) >= 12 && strings.HasPrefix(n.ID, ref) {
			return n
		}
	}
	return nil
}

// A Snapshot is an engine's state.
type Snapshot struct{ engine *Engine }

// Snapshot copies the state; containers' files go with the machine's.
func (e *Engine) Snapshot(files *machine.Snapshot) *Snapshot { return &Snapshot{e.clone(files)} }

// Restore puts a snapshot back.
func (e *Engine) Restore(s *Snapshot, files *machine.Snapshot) {
	c := s.engine.clone(files)
	e.Containers, e.Images, e.Networks, e.Volumes = c.Containers, c.Images, c.Networks, c.Volumes
	e.Databases, e.Registry, e.serial = c.Databases, c.Registry, c.serial
}

func (e *Engine) clone(files *machine.Snapshot) *Engine {
	c := *e
	c.Containers, c.Images, c.Networks, c.Volumes = nil, nil, slices.Clone(e.Networks), slices.Clone(e.Volumes)
	for _, x := range e.Containers {
		y := *x
		y.root, y.Made = files.Inode(x.root), x.Made.clone()
		c.Containers = append(c.Containers, &y)
	}
	for _, x := range e.Images {
		y := *x
		y.Tags, y.Digests = slices.Clone(x.Tags), slices.Clone(x.Digests)
		c.Images = append(c.Images, &y)
	}
	c.Databases, c.Registry = e.Databases.clone(), maps.Clone(e.Registry)
	return &c
}

// SetMode changes how the server of a version behaves, in the registry and in
// the store.
func (e *Engine) SetMode(kind Kind, version string, mode Mode) {
	change := func(i *Image) {
		if i.App.Kind == kind && i.App.Version == version {
			i.App.Mode = mode
		}
	}
	for ref, i := range e.Registry {
		c := *i
		change(&c)
		e.Registry[ref] = &c
	}
	for _, i := range e.Images {
		change(i)
	}
}
