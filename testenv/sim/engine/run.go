package engine

import (
	"fmt"
	"path"
	"strings"

	"liftalot/testenv/sim/machine"
)

// runContainer is "docker run -d" of a command of its own in an image.
func (c *call) runContainer() int {
	got, err := c.flags("d read-only no-healthcheck", "name restart network pid user cap-drop security-opt label v entrypoint")
	if err != nil || got["d"] == nil || one(got["entrypoint"]) == "" || len(c.args) == 0 {
		return c.unsimulated("run with other options, or without -d, an entrypoint and an image")
	}
	ref := c.word()
	image := c.Image(ref)
	if image == nil {
		return c.refuse("Unable to find image '" + ref + "' locally")
	}
	name := one(got["name"])
	if c.Container(name) != nil {
		return c.daemon("Conflict. The container name \"/%s\" is already in use", name)
	}
	labels := map[string]string{}
	for _, l := range got["label"] {
		k, v, _ := strings.Cut(l, "=")
		labels[k] = v
	}
	x := &Container{
		ID: c.newID(), Name: name, Image: ref, ImageID: image.ID, Created: c.p.M.Now(), Labels: labels, Ports: map[string]portDoc{},
		Command: append([]string{one(got["entrypoint"])}, c.args...),
		Made:    Definition{map[string]any{}, map[string]any{"NetworkMode": one(got["network"]), "PidMode": one(got["pid"]), "IpcMode": "private", "PortBindings": map[string]any{}}},
	}
	for _, v := range got["v"] {
		x.Mounts = append(x.Mounts, c.mounted(v))
	}
	c.Containers = append(c.Containers, x)
	if err := c.Engine.run(x); err != nil {
		return c.daemon("%v", err)
	}
	fmt.Fprintln(c.p.Stdout(), x.ID)
	return 0
}

// runCommand starts the process of a container that has a command of its own. It is
// nobody's child, and ends with the machine or with its container.
func (c *Container) runCommand(e *Engine) {
	root := machine.User{Name: "root", Home: "/root"}
	e.machine.Spawn(path.Base(c.Command[0]), root, map[int]*machine.File{}, func(p *machine.Proc) int {
		for fd := range 3 {
			if null, err := p.Open("/dev/null", machine.Read|machine.Write, 0, 10); err == nil {
				_ = p.Dup(null, fd)
				p.Close(null)
			}
		}
		p.Root, p.Cwd, p.Umask = c.root, "/", 0o022
		file, ok := p.Find(c.Command[0])
		run, known := p.Program(file)
		if !ok || !known {
			return 127
		}
		p.Name = path.Base(file)
		return run(p, c.Command)
	})
}
