package machine

import (
	"maps"
	"time"
)

// A Proc is a process. Its methods are for the program that runs in it.
type Proc struct {
	M                    *Machine
	PID, PPID, PGID, SID int
	Name                 string // of the program
	UID, GID             int
	Login                string
	Root                 *Inode // where its paths begin
	Cwd                  string
	Umask                uint32
	Env                  map[string]string
	Began                time.Time

	files    map[int]*File
	ignored  map[Signal]bool
	caught   map[Signal]bool
	pending  []Signal
	killed   Signal
	turn     chan struct{}
	waiting  *Queue
	inside   bool // holds or wants the processor
	exited   bool
	reaped   bool
	status   int
	ends     Queue
	children []*Proc
}

// A Queue is where processes wait for something to change.
type Queue struct{ waiting []*Proc }

// Wake lets all that wait on a queue look again.
func (m *Machine) Wake(q *Queue) {
	all := q.waiting
	q.waiting = nil
	for _, p := range all {
		p.waiting = nil
		m.ready(p)
	}
	m.changed.Broadcast()
}

func (m *Machine) ready(p *Proc) {
	if p.inside || p.exited {
		return
	}
	p.inside = true
	m.queue = append(m.queue, p)
}

// exit is how a program ends from within.
type exit struct{ status int }

// Exit ends the process.
func (p *Proc) Exit(status int) { panic(exit{status}) }

// Start makes a child of p that runs fn. It inherits all that a fork does, and
// fn must do its part of what an exec would.
func (p *Proc) Start(name string, fn func(*Proc) int) *Proc {
	c := p.M.newProc(name)
	c.PPID, c.PGID, c.SID = p.PID, p.PGID, p.SID
	c.UID, c.GID, c.Login, c.Root, c.Cwd, c.Umask = p.UID, p.GID, p.Login, p.Root, p.Cwd, p.Umask
	c.Env, c.ignored = maps.Clone(p.Env), maps.Clone(p.ignored)
	for fd, f := range p.files {
		c.files[fd] = f.share()
	}
	p.children = append(p.children, c)
	p.M.launch(c, fn)
	return c
}

// Spawn starts a process that is nobody's child. For use within Do.
func (m *Machine) Spawn(name string, u User, files map[int]*File, fn func(*Proc) int) *Proc {
	p := m.newProc(name)
	p.PPID, p.PGID, p.SID = 1, p.PID, p.PID
	p.UID, p.GID, p.Login, p.Root, p.Cwd, p.Umask = u.UID, u.GID, u.Name, m.root, u.Home, 0o022
	p.Env = map[string]string{
		"HOME": u.Home, "USER": u.Name, "LOGNAME": u.Name, "SHELL": "/bin/sh", "PATH": "/usr/local/bin:/usr/bin:/bin",
	}
	p.files = files
	m.launch(p, fn)
	return p
}

func (m *Machine) newProc(name string) *Proc {
	m.lastPID++
	p := &Proc{
		M: m, PID: m.lastPID, Name: name, Began: m.clock.time(), Env: map[string]string{},
		files: map[int]*File{}, ignored: map[Signal]bool{}, caught: map[Signal]bool{}, turn: make(chan struct{}, 1),
	}
	m.procs[p.PID] = p
	return p
}

func (m *Machine) launch(p *Proc, fn func(*Proc) int) {
	m.ready(p)
	m.alive++
	if n := len(m.idle); n > 0 {
		start := m.idle[n-1]
		m.idle = m.idle[:n-1]
		start <- birth{p, fn}
		return
	}
	start := make(chan birth, 1)
	start <- birth{p, fn}
	m.live.Go(func() { m.host(start) })
}

// A birth is a process and what it is to run.
type birth struct {
	p  *Proc
	fn func(*Proc) int
}

// host lives one process after another, until there are enough hosts that wait
// for one: a shell wants a deep stack, and a goroutine of its own would have to
// grow it again.
func (m *Machine) host(start chan birth) {
	const most = 32
	for b := range start {
		<-b.p.turn
		m.mu.Lock()
		b.p.end(b.p.run(b.fn))
		m.current = nil
		again := len(m.idle) < most && !m.over
		if again {
			m.idle = append(m.idle, start)
		}
		m.dispatch()
		m.mu.Unlock()
		if !again {
			return
		}
	}
}

// run runs the program until it returns, exits or is killed.
func (p *Proc) run(fn func(*Proc) int) (status int) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case exit:
			status = e.status
		default:
			panic(e)
		}
	}()
	p.check()
	return fn(p)
}

// check ends the process if it was killed.
func (p *Proc) check() {
	if p.killed != 0 {
		p.Exit(128 + int(p.killed))
	}
}

func (p *Proc) end(status int) {
	p.exited, p.status, p.inside = true, status&0xff, false
	p.M.alive--
	for fd := range p.files {
		p.Close(fd)
	}
	for _, c := range p.children {
		c.PPID = 1
		if c.exited {
			delete(p.M.procs, c.PID)
		}
	}
	parent := p.M.procs[p.PPID]
	if parent == nil || parent.exited {
		delete(p.M.procs, p.PID) // init has reaped it
	}
	p.M.Wake(&p.ends)
	p.M.changed.Broadcast()
}

// Exited says whether the process has ended, and how.
func (p *Proc) Exited() (status int, ok bool) { return p.status, p.exited }

// Wait waits on a queue. It returns false when a signal that the program
// catches came meanwhile.
func (p *Proc) Wait(q *Queue) bool {
	if len(p.pending) > 0 {
		return false
	}
	p.waiting = q
	q.waiting = append(q.waiting, p)
	p.park()
	return len(p.pending) == 0
}

// park lets go of the processor until somebody makes p ready again.
func (p *Proc) park() {
	m := p.M
	p.inside = false
	m.current = nil
	m.dispatch()
	m.mu.Unlock()
	<-p.turn
	m.mu.Lock()
	p.check()
}

// Yield lets others run.
func (p *Proc) Yield() {
	p.inside = false
	p.M.ready(p)
	p.M.current = nil
	p.M.dispatch()
	p.M.mu.Unlock()
	<-p.turn
	p.M.mu.Lock()
	p.check()
}

// Outside runs fn without the processor, while others run. fn must not touch
// the machine but by Do and Await.
func (p *Proc) Outside(fn func()) {
	m := p.M
	p.inside = false
	m.current = nil
	m.dispatch()
	m.mu.Unlock()
	fn()
	m.mu.Lock()
	m.ready(p)
	m.dispatch()
	m.mu.Unlock()
	<-p.turn
	m.mu.Lock()
	p.check()
}

// Sleep waits for the clock. It returns false when a signal that the program
// catches came meanwhile.
func (p *Proc) Sleep(d time.Duration) bool {
	if d <= 0 {
		p.Yield()
		return true
	}
	m := p.M
	var q Queue
	if m.clock.real {
		timer := time.AfterFunc(d, func() { m.Do(func() { m.Wake(&q) }) })
		defer timer.Stop()
		return p.Wait(&q)
	}
	a := m.clock.set(d, func() { m.Wake(&q) })
	defer m.clock.cancel(a)
	return p.Wait(&q)
}

// Await waits for a child's end. A signal that the program catches interrupts
// it only when asked for, as shells do for wait but not for a command.
func (p *Proc) Await(c *Proc, interruptible bool) (status int, ok bool) {
	for !c.exited {
		if !interruptible {
			held := p.pending
			p.pending = nil
			p.Wait(&c.ends)
			p.pending = append(held, p.pending...)
		} else if !p.Wait(&c.ends) {
			return 0, false
		}
	}
	delete(p.M.procs, c.PID)
	c.reaped = true
	return c.status, true
}

// EndIn kills every process whose paths begin at a root, as the engine does with those of
// a container. For use within Do and programs.
func (m *Machine) EndIn(root *Inode) {
	for _, p := range m.procs {
		if p.Root == root {
			p.die(SIGKILL)
		}
	}
}

// Process finds a process by its number. It is nil when there is none.
func (m *Machine) Process(pid int) *Proc { return m.procs[pid] }

// Processes lists the processes, in no order.
func (m *Machine) Processes() []*Proc {
	var all []*Proc
	for _, p := range m.procs {
		if !p.exited {
			all = append(all, p)
		}
	}
	return all
}
