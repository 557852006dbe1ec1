package machine

import (
	"path"
	"strings"
)

// NewRoot makes the root of a container: the machine's own /proc and /dev, and
// folders of its own. It is not on the machine's disk.
func (m *Machine) NewRoot() *Inode {
	root := m.newInode(typeDir|0o755, 0, 0)
	root.memory = true
	for _, name := range []string{"proc", "dev"} {
		root.entries[name] = m.root.entries[name]
	}
	bin := m.newInode(typeLink|0o777, 0, 0)
	bin.Target = "usr/bin"
	m.link(root, "bin", bin)
	m.Place(root, "/tmp/.keep", m.NewFile("", 0o600))
	root.entries["tmp"].Mode = typeDir | 0o1777
	delete(root.entries["tmp"].entries, ".keep")
	return root
}

// NewFile makes a file that has no name yet.
func (m *Machine) NewFile(data string, perm uint32) *Inode {
	n := m.newInode(typeFile|perm, 0, 0)
	n.memory, n.Data = true, []byte(data)
	return n
}

// Place gives a file a name under a root, and makes the folders above it.
func (m *Machine) Place(root *Inode, name string, n *Inode) {
	dir := root
	for el := range strings.SplitSeq(strings.Trim(path.Dir(name), "/"), "/") {
		if el == "" {
			continue
		}
		next := dir.entries[el]
		if next == nil {
			next = m.newInode(typeDir|0o755, 0, 0)
			next.memory = true
			m.link(dir, el, next)
		}
		dir = next
	}
	dir.entries[path.Base(name)] = n
}

// Find is what a path leads to under a root, or nil. Links are not followed.
func (n *Inode) Find(name string) *Inode {
	for el := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		if n == nil {
			return nil
		}
		n = n.entries[el]
	}
	return n
}
