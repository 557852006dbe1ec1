package engine

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"liftalot/testenv/sim/machine"
)

// exec runs a program inside a container. The client waits for it; killing the
// client does not end it.
func (c *call) exec() int {
	got, err := c.flags("i", "u")
	if err != nil {
		return c.fail(err)
	}
	name := c.word()
	x := c.Container(name)
	switch {
	case x == nil:
		return c.daemon("No such container: %s", name)
	case c.condition(x).status != "running":
		return c.daemon("container %s is not running", x.ID)
	case len(c.args) == 0:
		return c.refuse("\"docker exec\" requires at least 2 arguments.")
	}
	uid := c.Image(x.ImageID).UID
	if u := one(got["u"]); u != "" {
		if uid, err = strconv.Atoi(u); err != nil {
			return c.fail(err)
		}
	}
	args := c.args
	child := c.p.Start(args[0], func(p *machine.Proc) int {
		p.SID, p.PGID = p.PID, p.PID // the engine has started it, not the client
		p.Root, p.Cwd, p.UID, p.GID, p.Umask = x.root, "/", uid, uid, 0o022
		p.Env = map[string]string{"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
		for _, e := range x.Env {
			name, value, _ := strings.Cut(e, "=")
			if name != "PATH" {
				p.Env[name] = value
			}
		}
		if got["i"] == nil {
			if fd, err := p.Open("/dev/null", machine.Read, 0, 10); err == nil {
				_ = p.Dup(fd, 0)
				p.Close(fd)
			}
		}
		file, ok := p.Find(args[0])
		run, known := p.Program(file)
		if !ok || !known {
			fmt.Fprintf(p.Stdout(), "OCI runtime exec failed: exec failed: unable to start container process: exec: %q: executable file not found in $PATH: unknown\r\n", args[0])
			return 126
		}
		p.Name = args[0]
		return run(p, args)
	})
	status, _ := c.p.Await(child, false)
	return status
}

// inside is the container that a process is in.
func (e *Engine) inside(p *machine.Proc) *Container {
	for _, c := range e.Containers {
		if c.root == p.Root {
			return c
		}
	}
	return nil
}

func (e *Engine) hostname(p *machine.Proc, args []string) int {
	c := e.inside(p)
	if c == nil || len(args) != 2 || args[1] != "-i" {
		return 1
	}
	_, _ = io.WriteString(p.Stdout(), e.address(c)+"\n")
	return 0
}
