package machine

import (
	"slices"
	"strconv"
	"strings"
)

// A Signal is one of the few that matter here.
type Signal int

// The signals.
const (
	SIGHUP  Signal = 1
	SIGINT  Signal = 2
	SIGQUIT Signal = 3
	SIGKILL Signal = 9
	SIGPIPE Signal = 13
	SIGTERM Signal = 15
)

var signals = []struct {
	name string
	no   Signal
}{
	{"HUP", SIGHUP}, {"INT", SIGINT}, {"QUIT", SIGQUIT}, {"KILL", SIGKILL}, {"PIPE", SIGPIPE}, {"TERM", SIGTERM},
}

// ParseSignal reads a signal's name or number; 0 is the question whether there
// is a process.
func ParseSignal(s string) (Signal, bool) {
	s = strings.TrimPrefix(s, "SIG")
	for _, x := range signals {
		if x.name == s || strconv.Itoa(int(x.no)) == s {
			return x.no, true
		}
	}
	return 0, s == "0"
}

// Catch makes the program be told of a signal by [Proc.Caught].
func (p *Proc) Catch(s Signal) { p.caught[s] = true; delete(p.ignored, s) }

// Ignore makes a signal have no effect, on children too.
func (p *Proc) Ignore(s Signal) { p.ignored[s] = true; delete(p.caught, s) }

// Default undoes Catch and Ignore.
func (p *Proc) Default(s Signal) { delete(p.ignored, s); delete(p.caught, s) }

// Caught returns the next signal that came, if any.
func (p *Proc) Caught() (Signal, bool) {
	if len(p.pending) == 0 {
		return 0, false
	}
	s := p.pending[0]
	p.pending = p.pending[1:]
	return s, true
}

// Kill sends a signal to a process, or with a negative number to a group. It
// returns false when there is none that p may signal. Signal 0 only asks.
func (p *Proc) Kill(pid int, s Signal) bool {
	found := false
	for _, t := range p.M.Processes() {
		if t.PID != pid && (pid >= 0 || t.PGID != -pid) || p.UID != 0 && p.UID != t.UID {
			continue
		}
		found = true
		t.signal(s)
	}
	p.check()
	return found
}

func (p *Proc) signal(s Signal) {
	switch {
	case s == 0 || s != SIGKILL && p.ignored[s]:
	case s != SIGKILL && p.caught[s]:
		if !slices.Contains(p.pending, s) {
			p.pending = append(p.pending, s)
		}
		p.rouse()
	default:
		p.die(s)
	}
}

// die kills a process; it ends when it comes to the processor next.
func (p *Proc) die(s Signal) {
	if p.killed == 0 && !p.exited {
		p.killed = s
		p.rouse()
		p.M.changed.Broadcast()
	}
}

// Killed reports whether the process is about to end by a signal.
func (p *Proc) Killed() bool { return p.killed != 0 }

// rouse wakes a process that waits on a queue.
func (p *Proc) rouse() {
	if q := p.waiting; q != nil {
		q.waiting = slices.DeleteFunc(q.waiting, func(x *Proc) bool { return x == p })
		p.waiting = nil
		p.M.ready(p)
	}
}
