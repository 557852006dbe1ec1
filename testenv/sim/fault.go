package sim

// A Point is a place where a connection can break.
type Point string

// The points, in the order of one command.
const (
	Request Point = "request" // a command has arrived and nothing was done about it
	Started Point = "started" // its process runs, and the client was not told
	Input   Point = "input"   // data for it has arrived, and was not passed on
	Output  Point = "output"  // it has said something, and nothing of it was sent
	Status  Point = "status"  // it has ended, all its output was sent, its status not
)

// An Event is one message between client and host.
type Event struct {
	N       int // counts from 1 over all connections
	Point   Point
	Command string      // of Request and Started
	Bytes   int         // of Input and Output
	part    func(n int) // lets the first n bytes of Input or Output through
}

// A Fault is what becomes of a connection at an event.
type Fault int

// The faults.
const (
	None     Fault = iota
	Cut            // the connection is gone, for both ends to see
	CutFirst       // as Cut, but one byte of an Input or Output gets through
	CutHalf        // as Cut, but half of it does
	CutLast        // as Cut, but all of it does except the last byte
	Silence        // the connection is half open: nothing gets through, nobody is told
	Vanish         // the client is gone, and the host does not notice
	Reboot         // the host is restarted
)

// SetFault asks fn about every event from now on; nil asks nobody. fn may be
// called by several goroutines, one at a time.
func (h *Host) SetFault(fn func(Event) Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault, h.events = fn, 0
}

// pass says whether an event may happen, and carries the fault out if not.
func (h *Host) pass(l *link, e Event) bool {
	h.mu.Lock()
	h.events++
	e.N = h.events
	f := None
	if h.fault != nil {
		f = h.fault(e)
	}
	h.mu.Unlock()
	switch f {
	case None:
		return true
	case CutFirst, CutHalf, CutLast:
		n := map[Fault]int{CutFirst: 1, CutHalf: e.Bytes / 2, CutLast: e.Bytes - 1}[f]
		if e.part != nil && n > 0 {
			e.part(n)
		}
	case Silence, Vanish:
		l.hush.Do(func() { close(l.silent) })
		if f == Vanish {
			_ = l.Conn.Close()
		}
		return false
	case Reboot:
		h.Restart()
	}
	_ = l.Close()
	return false
}

// Cut breaks every connection at once.
func (h *Host) Cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.links {
		_ = l.Close()
	}
}

// Hangup cuts every connection and waits until the host has noticed.
func (h *Host) Hangup() {
	h.Cut()
	h.settleLinks()
}

// Unplug makes the host unreachable, or reachable again.
func (h *Host) Unplug(down bool) {
	h.mu.Lock()
	h.down = down
	h.mu.Unlock()
	if down {
		h.Cut()
	}
}

// Restart reboots the machine.
func (h *Host) Restart() {
	h.Machine.Do(func() {
		h.Machine.Reboot()
		for _, fn := range h.onBoot {
			fn()
		}
	})
	h.Cut()
}
