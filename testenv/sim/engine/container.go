package engine

import (
	"fmt"
	"path"
	"slices"
	"time"

	"liftalot/testenv/sim/machine"
)

// A Mount is a volume or a file of the host inside a container.
type Mount struct {
	Type, Name, Source, Destination string
	RW                              bool
}

// A Container is one of the engine's.
type Container struct {
	ID, Name, Image string // Image as it was asked for
	ImageID         string
	Service         string
	Env             []string
	Labels          map[string]string
	Networks        []string
	Ports           map[string]portDoc // "8080/tcp" to where it is on the host
	Mounts          []Mount
	Made            Definition
	Command         []string // what runs in it in place of its image's server

	Created, Started, Finished time.Time
	Running                    bool      // or being restarted
	Joined                     time.Time // when the container whose network it has was started
	fatal                      string
	root                       *machine.Inode
}

// The engine waits longer before each restart.
const (
	firstLife  = 500 * time.Millisecond
	firstPause = 100 * time.Millisecond
)

// condition is how a container is at a moment.
type condition struct {
	status   string // running, restarting, exited
	restarts int
	answers  bool
}

func (e *Engine) condition(c *Container) condition {
	image := e.Image(c.ImageID)
	switch {
	case !c.Running && c.Started.IsZero():
		return condition{status: "created"}
	case !c.Running || image == nil:
		return condition{status: "exited"}
	case c.Command != nil:
		return condition{status: "running"}
	}
	app, up := image.App, e.machine.Now().Sub(c.Started)
	dies := app.Mode == Crash || c.fatal != ""
	if app.Lasts > 0 && up >= app.Lasts {
		dies, up = true, up-app.Lasts
	}
	if !dies {
		return condition{status: "running", answers: app.Mode != Hang && up >= app.Boot}
	}
	now := condition{status: "running"}
	for pause := firstPause; ; pause = min(2*pause, time.Minute) {
		if up -= firstLife; up < 0 {
			return now
		}
		now.restarts++
		if up -= pause; up < 0 {
			now.status = "restarting"
			return now
		}
		now.status = "running"
	}
}

// start runs the image. A server brings its database up to date first, and ends
// when it cannot.
func (c *Container) start(e *Engine) {
	c.Running, c.Started, c.fatal = true, e.machine.Now(), ""
	if c.Command != nil {
		c.runCommand(e)
		return
	}
	image := e.Image(c.ImageID)
	if image != nil && image.App.Kind == Server {
		c.fatal = e.migrate(c, image.App)
	}
}

func (c *Container) stop(e *Engine) {
	if c.Running {
		c.Running, c.Finished = false, e.machine.Now()
		if c.Command != nil {
			e.machine.EndIn(c.root)
		}
	}
}

// populate makes the files inside: the tools, a /tmp, and the secrets, which are
// the host's own files.
func (c *Container) populate(e *Engine) error {
	m := e.machine
	c.root = m.NewRoot()
	tools := []string{"sh", "cat", "curl", "sleep", "rm", "cut", "true", "hostname", "head", "tr", "sed", "grep", "wc"}
	if image := e.Image(c.ImageID); image.App.Kind == Postgres {
		tools = append(tools, "psql", "pg_dump", "pg_restore")
	}
	for _, t := range tools {
		m.Place(c.root, path.Join("/usr/bin", t), m.NewFile("", 0o755))
	}
	for _, mount := range c.Mounts {
		if mount.Type != "bind" || mount.Source == engineSocket {
			continue
		}
		file, err := m.Lookup(mount.Source)
		if err != nil {
			return fmt.Errorf("invalid mount config for type \"bind\": bind source path does not exist: %s", mount.Source)
		}
		m.Place(c.root, mount.Destination, file)
	}
	return nil
}

// reach finds the container that a name leads to from another one, by a network
// that both are on.
func (e *Engine) reach(from *Container, name string) *Container {
	if name == "localhost" || name == "127.0.0.1" || name == e.address(from) {
		return from
	}
	for _, c := range e.Containers {
		if (c.Name == name || c.Service == name) && c.Running && slices.ContainsFunc(c.Networks, func(n string) bool { return slices.Contains(from.Networks, n) }) {
			return c
		}
	}
	return nil
}

// address is a container's in its first network.
func (e *Engine) address(c *Container) string {
	return fmt.Sprintf("10.201.0.%d", 2+slices.Index(e.Containers, c))
}

// project selects the containers of a compose project, or of one of its
// services.
func (e *Engine) project(name, service string) []*Container {
	var all []*Container
	for _, c := range e.Containers {
		if c.Labels[labelProject] == name && (service == "" || c.Labels[labelService] == service) {
			all = append(all, c)
		}
	}
	return all
}

func (e *Engine) remove(c *Container) {
	c.stop(e)
	e.Containers = slices.DeleteFunc(e.Containers, func(x *Container) bool { return x == c })
}
