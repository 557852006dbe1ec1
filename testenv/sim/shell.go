package sim

import (
	"strings"

	"liftalot/testenv/sim/machine"
)

// Shell runs a script as root, past SSH and all faults, and returns what it
// said on both streams.
func (h *Host) Shell(script string, args ...string) (said string, status int) {
	out := new(outbox)
	var p *machine.Proc
	m := h.Machine
	root, _ := m.User("root")
	m.Do(func() {
		in := new(inbox)
		in.ended = true
		said := machine.NewFile(out)
		files := map[int]*machine.File{0: machine.NewFile(in), 1: said, 2: said.Share()}
		p = m.Spawn("sh", root, files, func(p *machine.Proc) int {
			p.Env["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
			return h.shell.Program(p, append([]string{"sh", "-c", script, "sh"}, args...))
		})
	})
	m.Await(func() bool { _, ok := p.Exited(); return ok })
	m.Do(func() { said, status = strings.TrimSpace(string(out.take(m))), exitOf(p) })
	return said, status
}

func exitOf(p *machine.Proc) int {
	status, _ := p.Exited()
	return status
}
