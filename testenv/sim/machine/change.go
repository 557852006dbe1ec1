package machine

import (
	"strings"
	"syscall"
)

// add puts a new inode into a folder.
func (m *Machine) add(dir *Inode, name string, mode uint32, uid, gid int) (*Inode, error) {
	if m.disk.full && !dir.memory {
		return nil, syscall.ENOSPC
	}
	n := m.newInode(mode, uid, gid)
	n.memory = dir.memory
	m.link(dir, name, n)
	return n, nil
}

func (m *Machine) link(dir *Inode, name string, n *Inode) {
	n.Links++
	dir.entries[name] = n
	dir.Modified = m.clock.time()
}

func (m *Machine) unlink(dir *Inode, name string, n *Inode) {
	if n.IsDir() {
		n.empty(m)
	}
	delete(dir.entries, name)
	dir.Modified = m.clock.time()
	if n.Links--; n.Links == 0 && !n.memory && n.IsFile() {
		m.disk.used -= blocks(int64(len(n.Data)))
	}
}

// create makes a new entry where there must be none.
func (p *Proc) create(name string, mode uint32) (*Inode, error) {
	at, err := p.find(strings.TrimRight(name, "/"), false)
	switch {
	case err != nil:
		return nil, err
	case at.node != nil:
		return nil, syscall.EEXIST
	case !at.dir.permits(p.UID, p.GID, 2):
		return nil, syscall.EACCES
	}
	return p.M.add(at.dir, at.name, mode, p.UID, p.GID)
}

// Mkdir makes a folder.
func (p *Proc) Mkdir(name string, perm uint32) error {
	_, err := p.create(name, typeDir|perm&^p.Umask)
	return err
}

// Mkfifo makes a named pipe, which nobody on this machine can use.
func (p *Proc) Mkfifo(name string) error {
	_, err := p.create(name, typePipe|0o666&^p.Umask)
	return err
}

// Symlink makes a symbolic link.
func (p *Proc) Symlink(target, name string) error {
	n, err := p.create(name, typeLink|0o777)
	if err == nil {
		n.Target = target
	}
	return err
}

// Link makes one more name of a file.
func (p *Proc) Link(old, name string) error {
	n, err := p.Lstat(old)
	if err != nil {
		return err
	}
	if n.IsDir() {
		return syscall.EPERM
	}
	at, err := p.find(name, false)
	switch {
	case err != nil:
		return err
	case at.node != nil:
		return syscall.EEXIST
	case !at.dir.permits(p.UID, p.GID, 2):
		return syscall.EACCES
	}
	p.M.link(at.dir, at.name, n)
	return nil
}

// Unlink removes a name that is not a folder's.
func (p *Proc) Unlink(name string) error { return p.remove(name, false) }

// Rmdir removes an empty folder.
func (p *Proc) Rmdir(name string) error { return p.remove(name, true) }

func (p *Proc) remove(name string, dir bool) error {
	at, err := p.find(strings.TrimRight(name, "/"), false)
	switch {
	case err != nil:
		return err
	case at.node == nil:
		return syscall.ENOENT
	case at.dir == nil:
		return syscall.EBUSY
	case !at.dir.permits(p.UID, p.GID, 2):
		return syscall.EACCES
	case dir && !at.node.IsDir():
		return errNotDir
	case !dir && at.node.IsDir():
		return syscall.EISDIR
	case dir && len(at.node.entries) > 0:
		return syscall.ENOTEMPTY
	}
	p.M.unlink(at.dir, at.name, at.node)
	return nil
}

// Rename moves a name, over another one unless told not to.
func (p *Proc) Rename(old, name string, replace bool) error {
	from, err := p.find(old, false)
	if err != nil {
		return err
	}
	to, err := p.find(name, false)
	switch {
	case err != nil:
		return err
	case from.node == nil:
		return syscall.ENOENT
	case !from.dir.permits(p.UID, p.GID, 2), !to.dir.permits(p.UID, p.GID, 2):
		return syscall.EACCES
	case to.node == from.node:
		return nil
	case to.node != nil && !replace:
		return syscall.EEXIST
	case to.node != nil && to.node.IsDir() && (!from.node.IsDir() || len(to.node.entries) > 0):
		return syscall.EISDIR
	}
	if to.node != nil {
		p.M.unlink(to.dir, to.name, to.node)
	}
	delete(from.dir.entries, from.name)
	to.dir.entries[to.name] = from.node
	return nil
}

// Chmod sets the permission bits.
func (p *Proc) Chmod(n *Inode, bits uint32) error {
	if p.UID != 0 && p.UID != n.UID {
		return syscall.EPERM
	}
	n.Mode = n.Mode&typeMask | bits&0o7777
	return nil
}

// Chown sets owner and group; -1 leaves one as it is. As on Linux it takes the
// set-id bits of a file away.
func (p *Proc) Chown(n *Inode, uid, gid int) error {
	if p.UID != 0 && (uid >= 0 && uid != n.UID || gid >= 0 && gid != n.GID) {
		return syscall.EPERM
	}
	if uid >= 0 {
		n.UID = uid
	}
	if gid >= 0 {
		n.GID = gid
	}
	if !n.IsDir() {
		n.Mode &^= 0o6000
	}
	return nil
}
