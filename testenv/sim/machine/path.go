package machine

import (
	"path"
	"strconv"
	"strings"
	"syscall"
)

const maxLinks = 40

// A place is where a path leads: the folder, the name in it, and what is there.
type place struct {
	dir  *Inode
	name string
	node *Inode // nil when nothing is there
	real string // the path without links, as seen from the root
}

// view is whose eyes a path is looked up with.
type view struct {
	m        *Machine
	root     *Inode
	uid, gid int
	proc     *Proc
}

// Lookup finds a file as root would, from the machine's root.
func (m *Machine) Lookup(name string) (*Inode, error) {
	at, err := view{m: m, root: m.root}.find(path.Clean(name), true)
	if err != nil {
		return nil, err
	}
	if at.node == nil {
		return nil, syscall.ENOENT
	}
	return at.node, nil
}

// find walks a clean absolute path. A missing last element is no error.
func (v view) find(name string, follow bool) (place, error) {
	left := strings.Split(strings.Trim(name, "/"), "/")
	type step struct {
		n    *Inode
		name string
	}
	stack := []step{{v.root, ""}}
	here := func() *Inode { return stack[len(stack)-1].n }
	join := func() string {
		var b strings.Builder
		for _, s := range stack[1:] {
			b.WriteByte('/')
			b.WriteString(s.name)
		}
		if b.Len() == 0 {
			return "/"
		}
		return b.String()
	}
	links := 0
	for i := 0; i < len(left); i++ {
		el := left[i]
		if el == "" || el == "." {
			continue
		}
		if el == ".." {
			if len(stack) > 1 {
				stack = stack[:len(stack)-1]
			}
			continue
		}
		dir := here()
		if !dir.IsDir() {
			return place{}, errNotDir
		}
		if !dir.permits(v.uid, v.gid, 1) {
			return place{}, syscall.EACCES
		}
		if len(el) > 255 {
			return place{}, syscall.ENAMETOOLONG
		}
		n := v.entry(dir, el)
		last := i == len(left)-1
		if n == nil {
			if !last {
				return place{}, syscall.ENOENT
			}
			return place{dir: dir, name: el, real: path.Join(join(), el)}, nil
		}
		if n.IsLink() && (!last || follow) {
			if links++; links > maxLinks {
				return place{}, syscall.ELOOP
			}
			rest := append(strings.Split(n.Target, "/"), left[i+1:]...)
			if strings.HasPrefix(n.Target, "/") {
				stack = stack[:1]
			}
			left, i = rest, -1
			continue
		}
		stack = append(stack, step{n, el})
	}
	top := stack[len(stack)-1]
	at := place{node: top.n, name: top.name, real: join()}
	if len(stack) > 1 {
		at.dir = stack[len(stack)-2].n
	}
	return at, nil
}

// entry is what a folder has under a name; /proc has a folder for each process.
func (v view) entry(dir *Inode, name string) *Inode {
	if n := dir.entries[name]; n != nil {
		return n
	}
	if dir != v.m.procFolder() {
		return nil
	}
	if name == "self" && v.proc != nil {
		name = strconv.Itoa(v.proc.PID)
	}
	pid, err := strconv.Atoi(name)
	if p := v.m.procs[pid]; err == nil && p != nil && !p.exited {
		return p.folder()
	}
	return nil
}

// abs makes a path absolute and clean, but keeps what a trailing slash says.
func (p *Proc) abs(name string) string {
	if !strings.HasPrefix(name, "/") {
		name = p.Cwd + "/" + name
	}
	return name
}

func (p *Proc) view() view { return view{p.M, p.Root, p.UID, p.GID, p} }

func (p *Proc) find(name string, follow bool) (place, error) {
	if name == "" {
		return place{}, syscall.ENOENT
	}
	at, err := p.view().find(p.abs(name), follow)
	if err == nil && at.node != nil && strings.HasSuffix(name, "/") && !at.node.IsDir() {
		err = errNotDir
	}
	return at, err
}

// Stat finds a file, following links.
func (p *Proc) Stat(name string) (*Inode, error) { return p.stat(name, true) }

// Lstat finds a file or link.
func (p *Proc) Lstat(name string) (*Inode, error) { return p.stat(name, false) }

func (p *Proc) stat(name string, follow bool) (*Inode, error) {
	at, err := p.find(name, follow)
	if err == nil && at.node == nil {
		err = syscall.ENOENT
	}
	return at.node, err
}

// RealPath resolves links. The last element need not exist.
func (p *Proc) RealPath(name string) (string, error) {
	at, err := p.find(name, true)
	return at.real, err
}

// Access reports whether the process may read (4), write (2) or run (1) a file.
func (p *Proc) Access(name string, bits uint32) bool {
	n, err := p.Stat(name)
	return err == nil && n.permits(p.UID, p.GID, bits)
}

// Find looks a program up along PATH.
func (p *Proc) Find(name string) (string, bool) {
	if strings.Contains(name, "/") {
		n, err := p.Stat(name)
		return name, err == nil && n.IsFile() && n.permits(p.UID, p.GID, 1)
	}
	for dir := range strings.SplitSeq(p.Env["PATH"], ":") {
		full := path.Join(dir, name)
		if n, err := p.Stat(full); err == nil && n.IsFile() && n.permits(p.UID, p.GID, 1) {
			return full, true
		}
	}
	return "", false
}

// Program is what runs when the file is executed: the machine's program of that
// name.
func (p *Proc) Program(file string) (Program, bool) {
	real, err := p.RealPath(file)
	if err != nil {
		return nil, false
	}
	run, ok := p.M.programs[path.Base(real)]
	return run, ok
}
