package machine

import (
	"fmt"
	"maps"
	"sync"
	"time"
)

// Options say what a machine is like.
type Options struct {
	Hostname string
	Start    time.Time // of the clock; the machine was booted an hour before
	RealTime bool      // the clock runs by itself, and sleeping takes its time
	DiskSize int64     // bytes that files may hold together; 0 means 20 GiB
	Programs map[string]Program
	Inside   map[string]Program // programs that are only in containers
}

// A Program is what runs in a process. Its result is the exit status.
type Program func(p *Proc, args []string) int

// A Machine is a simulated machine.
type Machine struct {
	mu       sync.Mutex
	changed  *sync.Cond // on mu: something that the world outside may wait for
	opt      Options
	programs map[string]Program
	users    []User

	clock  clock
	bootID string
	boots  int

	procs   map[int]*Proc
	lastPID int
	queue   []*Proc // that want the processor
	current *Proc
	live    sync.WaitGroup
	alive   int
	idle    []chan birth // goroutines that wait for a process to live
	over    bool

	root  *Inode
	inode uint64
	disk  disk

	unsimulated *UnsimulatedError // the first
}

// New makes a machine with the usual folders, root, and nothing else.
func New(opt Options) *Machine {
	if opt.DiskSize == 0 {
		opt.DiskSize = 20 << 30
	}
	if opt.Start.IsZero() {
		opt.Start = time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)
	}
	m := &Machine{opt: opt, programs: maps.Clone(opt.Programs), procs: map[int]*Proc{}, lastPID: 100}
	if m.programs == nil {
		m.programs = map[string]Program{}
	}
	maps.Copy(m.programs, opt.Inside)
	m.changed = sync.NewCond(&m.mu)
	m.clock = clock{now: opt.Start, real: opt.RealTime, began: time.Now()}
	m.disk.size = opt.DiskSize
	m.users = []User{{Name: "root", Home: "/root"}}
	m.root = m.newInode(typeDir|0o755, 0, 0)
	m.boot()
	m.populate()
	return m
}

// boot gives the machine a new boot id.
func (m *Machine) boot() {
	m.boots++
	m.bootID = fmt.Sprintf("%08x-392c-4d13-8463-8de932ddc4f6", 0x3ebf2d00+m.boots)
	m.clock.booted = m.clock.time().Add(-time.Hour)
}

// Do runs fn while no process runs. fn must not wait.
func (m *Machine) Do(fn func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fn()
	m.changed.Broadcast()
	m.dispatch()
}

// Await waits, outside, until cond holds. It is asked again whenever something
// has changed.
func (m *Machine) Await(cond func() bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for !cond() {
		m.changed.Wait()
	}
}

// Settle waits until every process waits for the world outside, and no alarm is
// set. On a machine in real time it returns at once.
func (m *Machine) Settle() {
	if m.opt.RealTime {
		return
	}
	m.Await(func() bool { return m.Idle() && len(m.clock.alarms) == 0 })
}

// Idle reports whether no process wants the processor. For use within Do and
// Await.
func (m *Machine) Idle() bool { return m.current == nil && len(m.queue) == 0 }

// Now is the machine's time. For use within Do, Await and programs.
func (m *Machine) Now() time.Time { return m.clock.time() }

// BootID is the machine's, and another one after each restart.
func (m *Machine) BootID() string { return m.bootID }

// Booted is when the machine was started, by its own clock.
func (m *Machine) Booted() time.Time { return m.clock.booted }

// Hostname is the machine's name.
func (m *Machine) Hostname() string { return m.opt.Hostname }

// Reboot ends every process at once, empties the memory file systems and starts
// the machine again. For use within Do.
func (m *Machine) Reboot() {
	for _, p := range m.procs {
		p.die(SIGKILL)
	}
	m.clock.advance(30 * time.Second)
	m.boot()
	for _, dir := range []string{"/run", "/tmp", "/dev/shm"} {
		if n, err := m.Lookup(dir); err == nil {
			n.empty(m)
		}
	}
}

// Halt ends every process and waits until none is left.
func (m *Machine) Halt() {
	m.Do(func() {
		for _, p := range m.procs {
			p.die(SIGKILL)
		}
	})
	m.Await(func() bool { return m.alive == 0 })
}

// Shutdown is Halt for good: it waits for their goroutines, too.
func (m *Machine) Shutdown() {
	m.Halt()
	m.Do(func() {
		m.over = true
		for _, start := range m.idle {
			close(start)
		}
		m.idle = nil
	})
	m.live.Wait()
}

// dispatch gives the processor to the next process. With none that wants it,
// the clock goes on.
func (m *Machine) dispatch() {
	for m.current == nil {
		if len(m.queue) > 0 {
			p := m.queue[0]
			m.queue = m.queue[1:]
			m.current = p
			p.turn <- struct{}{}
			return
		}
		if m.clock.real || !m.clock.next() {
			m.changed.Broadcast()
			return
		}
	}
}
