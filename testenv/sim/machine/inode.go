package machine

import (
	"errors"
	"io/fs"
	"slices"
	"syscall"
	"time"
)

// Types of st_mode.
const (
	typeDir  = 0o040000
	typeFile = 0o100000
	typeLink = 0o120000
	typePipe = 0o010000
	typeChar = 0o020000
	typeMask = 0o170000
)

// An Inode is a file, folder, link, pipe or device.
type Inode struct {
	Num      uint64
	Mode     uint32 // st_mode, the type included
	UID, GID int
	Links    int
	Data     []byte // of a file; shared with snapshots, so never written in place
	Target   string // of a symbolic link
	Modified time.Time

	entries map[string]*Inode // of a folder
	memory  bool              // not on the disk
	device  device
	content func(p *Proc) []byte // of a file in /proc, made when it is opened
	pipe    *pipe
	locks   []*File
	unlock  Queue
}

// The kinds of Inode.
func (n *Inode) IsDir() bool  { return n.Mode&typeMask == typeDir }
func (n *Inode) IsFile() bool { return n.Mode&typeMask == typeFile }
func (n *Inode) IsLink() bool { return n.Mode&typeMask == typeLink }
func (n *Inode) IsPipe() bool { return n.Mode&typeMask == typePipe }

// Size is st_size.
func (n *Inode) Size() int64 {
	switch {
	case n.IsDir():
		return 4096
	case n.IsLink():
		return int64(len(n.Target))
	}
	return int64(len(n.Data))
}

// Names lists a folder, sorted.
func (n *Inode) Names() []string {
	names := make([]string, 0, len(n.entries))
	for name := range n.entries {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Entry is what a folder has under a name, or nil.
func (n *Inode) Entry(name string) *Inode { return n.entries[name] }

// FileMode is Mode in Go's form.
func (n *Inode) FileMode() fs.FileMode {
	mode := fs.FileMode(n.Mode & 0o777)
	for _, b := range []struct {
		bit  uint32
		mode fs.FileMode
	}{{0o4000, fs.ModeSetuid}, {0o2000, fs.ModeSetgid}, {0o1000, fs.ModeSticky}} {
		if n.Mode&b.bit != 0 {
			mode |= b.mode
		}
	}
	switch n.Mode & typeMask {
	case typeDir:
		mode |= fs.ModeDir
	case typeLink:
		mode |= fs.ModeSymlink
	case typePipe:
		mode |= fs.ModeNamedPipe
	case typeChar:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	}
	return mode
}

func (m *Machine) newInode(mode uint32, uid, gid int) *Inode {
	m.inode++
	n := &Inode{Num: m.inode, Mode: mode, UID: uid, GID: gid, Modified: m.clock.time()}
	if n.IsDir() {
		n.entries = map[string]*Inode{}
	}
	return n
}

// permits reports whether a user may read (4), write (2) or search (1).
func (n *Inode) permits(uid, gid int, bits uint32) bool {
	switch {
	case uid == 0:
		return bits&1 == 0 || n.IsDir() || n.Mode&0o111 != 0
	case uid == n.UID:
		return n.Mode>>6&bits == bits
	case gid == n.GID:
		return n.Mode>>3&bits == bits
	}
	return n.Mode&bits == bits
}

func (n *Inode) empty(m *Machine) {
	for name, e := range n.entries {
		m.unlink(n, name, e)
	}
}

// A disk counts what the files on it hold.
type disk struct {
	size, used int64
	full       bool
}

// blocks is what a size takes of the disk.
func blocks(size int64) int64 { return (size + 4095) &^ 4095 }

// setData replaces a file's content, if the disk has room.
func (m *Machine) setData(n *Inode, data []byte) error {
	if !n.memory {
		more := blocks(int64(len(data))) - blocks(int64(len(n.Data)))
		if m.disk.full && len(data) > len(n.Data) || more > 0 && m.disk.used+more > m.disk.size {
			return syscall.ENOSPC
		}
		m.disk.used += more
	}
	n.Data, n.Modified = data, m.clock.time()
	return nil
}

// Space says how many bytes the disk has, and how many are free.
func (m *Machine) Space() (size, free int64) {
	if m.disk.full {
		return m.disk.size, 0
	}
	return m.disk.size, m.disk.size - m.disk.used
}

// FillDisk leaves no room on the disk, or frees it again. For use within Do.
func (m *Machine) FillDisk(full bool) { m.disk.full = full }

var errNotDir = syscall.ENOTDIR

// IsNotExist reports whether there is no such file.
func IsNotExist(err error) bool { return errors.Is(err, syscall.ENOENT) }
