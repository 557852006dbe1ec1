package machine

import "time"

// A Snapshot is what a machine's disk held, and when.
type Snapshot struct {
	root   *Inode
	inode  uint64
	used   int64
	now    time.Time
	booted time.Time
	bootID string
	boots  int
	pid    int
	copies map[*Inode]*Inode
}

// Snapshot copies the state. For use within Do; other holders of inodes find
// their copies with [Snapshot.Inode].
func (m *Machine) Snapshot() *Snapshot {
	s := &Snapshot{
		inode: m.inode, used: m.disk.used, now: m.clock.time(), booted: m.clock.booted,
		bootID: m.bootID, boots: m.boots, pid: m.lastPID, copies: map[*Inode]*Inode{},
	}
	s.root = s.Inode(m.root)
	return s
}

// Restore puts a snapshot back. There must be no process. The snapshot can be
// used again. For use within Do; the result is where the inodes went.
func (m *Machine) Restore(s *Snapshot) *Snapshot {
	back := &Snapshot{copies: map[*Inode]*Inode{}}
	m.root = back.Inode(s.root)
	m.inode, m.disk.used, m.bootID, m.boots, m.lastPID = s.inode, s.used, s.bootID, s.boots, s.pid
	m.disk.full = false
	m.clock.now, m.clock.booted, m.clock.began = s.now, s.booted, time.Now()
	m.populateProc()
	return back
}

// Inode is the copy of an inode, made when there is none yet.
func (s *Snapshot) Inode(n *Inode) *Inode {
	if n == nil {
		return nil
	}
	if c := s.copies[n]; c != nil {
		return c
	}
	c := new(Inode)
	*c = *n
	s.copies[n] = c
	c.Data = n.Data[:len(n.Data):len(n.Data)]
	c.locks, c.unlock, c.pipe = nil, Queue{}, nil
	if n.entries != nil {
		c.entries = make(map[string]*Inode, len(n.entries))
		for name, e := range n.entries {
			c.entries[name] = s.Inode(e)
		}
	}
	return c
}
