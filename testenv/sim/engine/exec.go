package engine

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
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
	child := x.execute(c.p, c.args, uid, func(p *machine.Proc) {
		if got["i"] == nil {
			if fd, err := p.Open("/dev/null", machine.Read, 0, 10); err == nil {
				_ = p.Dup(fd, 0)
				p.Close(fd)
			}
		}
	})
	status, _ := c.p.Await(child, false)
	return status
}

// execute starts a program inside a container, for a process elsewhere. The program's
// standard streams are that process's, until open has put others there.
func (c *Container) execute(by *machine.Proc, args []string, uid int, open func(*machine.Proc)) *machine.Proc {
	return by.Start(args[0], func(p *machine.Proc) int {
		p.SID, p.PGID = p.PID, p.PID // the engine has started it, not the client
		p.Root, p.Cwd, p.UID, p.GID, p.Umask = c.root, "/", uid, uid, 0o022
		p.Env = map[string]string{"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
		for _, e := range c.Env {
			name, value, _ := strings.Cut(e, "=")
			if name != "PATH" {
				p.Env[name] = value
			}
		}
		open(p)
		file, ok := p.Find(args[0])
		run, known := p.Program(file)
		if !ok || !known {
			fmt.Fprintf(p.Stdout(), "OCI runtime exec failed: exec failed: unable to start container process: exec: %q: executable file not found in $PATH: unknown\r\n", args[0])
			return 126
		}
		p.Name = args[0]
		return run(p, args)
	})
}

// An execution is a program that the API was told to run inside a container.
type execution struct {
	ID        string
	container *Container
	Cmd       []string
	Tty       bool
}

// prepareExec is the request to make an execution.
func (e *Engine) prepareExec(x *Container, body []byte) (int, string) {
	want := &execution{ID: e.newID(), container: x}
	if err := json.Unmarshal(body, want); err != nil {
		return failure(400, "%v", err)
	}
	if e.condition(x).status != "running" {
		return failure(409, "container %s is not running", x.ID)
	}
	e.executions = append(e.executions, want)
	return document(201, map[string]string{"Id": want.ID})
}

// startExec is the request to run one. What it says is the answer; with a terminal both
// its streams are one.
func (e *Engine) startExec(by *machine.Proc, id string) (int, string) {
	i := slices.IndexFunc(e.executions, func(x *execution) bool { return x.ID == id })
	if i < 0 || !e.executions[i].Tty {
		return failure(404, "No such exec instance: %s", id)
	}
	x := e.executions[i]
	out, in := machine.Pipe()
	child := x.container.execute(by, x.Cmd, e.Image(x.container.ImageID).UID, func(p *machine.Proc) {
		p.Drop(p.Replace(1, in.Share()))
		p.Drop(p.Replace(2, in.Share()))
	})
	_, _ = by.Await(child, false)
	by.Drop(in)
	var said []byte
	fd, part := by.Install(out, 10), make([]byte, 4096)
	for {
		n, err := by.ReadFD(fd, part)
		if said = append(said, part[:n]...); err != nil {
			break
		}
	}
	by.Close(fd)
	return 200, string(said)
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
