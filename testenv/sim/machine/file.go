package machine

import (
	"io"
	"syscall"
)

// Flags of Open.
const (
	Read = 1 << iota
	Write
	Create
	Excl
	Trunc
	Append
)

// A Stream is an open file that is not a plain one.
type Stream interface {
	Read(p *Proc, b []byte) (int, error)
	Write(p *Proc, b []byte) (int, error)
	Close(m *Machine)
}

// A File is an open file, which descriptors of several processes may share.
type File struct {
	Node   *Inode // nil for a bare stream
	stream Stream
	flags  int
	pos    int
	data   []byte // of a file in /proc, as of its opening
	refs   int
}

// NewFile is an open file on a stream.
func NewFile(s Stream) *File { return &File{stream: s, flags: Read | Write, refs: 1} }

// Stream is what the file is, if it is not a plain one.
func (f *File) Stream() Stream { return f.stream }

// Share is one more descriptor of the same open file.
func (f *File) Share() *File { return f.share() }

func (f *File) share() *File {
	f.refs++
	return f
}

// drop takes a descriptor away. The last one frees locks and ends streams.
func (f *File) drop(m *Machine) {
	if f.refs--; f.refs > 0 {
		return
	}
	if f.Node != nil {
		f.unlock(m)
	}
	if f.stream != nil {
		f.stream.Close(m)
	}
}

// Open opens a file at the lowest free descriptor that is not below from.
func (p *Proc) Open(name string, flags int, perm uint32, from int) (int, error) {
	f, err := p.open(name, flags, perm)
	if err != nil {
		return -1, err
	}
	return p.Install(f, from), nil
}

// Install gives an open file a descriptor, the lowest free one from on.
func (p *Proc) Install(f *File, from int) int {
	fd := from
	for p.files[fd] != nil {
		fd++
	}
	p.files[fd] = f
	return fd
}

func (p *Proc) open(name string, flags int, perm uint32) (*File, error) {
	at, err := p.find(name, flags&Excl == 0)
	if err != nil {
		return nil, err
	}
	n := at.node
	switch {
	case n == nil && flags&Create == 0:
		return nil, syscall.ENOENT
	case n == nil:
		if !at.dir.permits(p.UID, p.GID, 2) {
			return nil, syscall.EACCES
		}
		if n, err = p.M.add(at.dir, at.name, typeFile|perm&^p.Umask&0o7777, p.UID, p.GID); err != nil {
			return nil, err
		}
	case flags&Excl != 0:
		return nil, syscall.EEXIST
	case n.IsDir() && flags&(Write|Append) != 0:
		return nil, syscall.EISDIR
	case flags&Read != 0 && !n.permits(p.UID, p.GID, 4), flags&(Write|Append) != 0 && !n.permits(p.UID, p.GID, 2):
		return nil, syscall.EACCES
	}
	f := &File{Node: n, flags: flags, refs: 1}
	switch {
	case n.device != nil:
		f.stream = n.device
	case n.content != nil:
		f.data = n.content(p)
	case n.IsFile() && flags&Trunc != 0 && len(n.Data) > 0:
		if err := p.M.setData(n, nil); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// Close closes a descriptor.
func (p *Proc) Close(fd int) {
	if f := p.files[fd]; f != nil {
		delete(p.files, fd)
		f.drop(p.M)
	}
}

// Dup makes descriptor to the same open file as from.
func (p *Proc) Dup(from, to int) error {
	f := p.files[from]
	if f == nil {
		return syscall.EBADF
	}
	if from == to {
		return nil
	}
	f.share()
	p.Close(to)
	p.files[to] = f
	return nil
}

// File is the open file of a descriptor, or nil.
func (p *Proc) File(fd int) *File { return p.files[fd] }

// Replace puts an open file at a descriptor and returns what was there, which
// the caller owns from now on.
func (p *Proc) Replace(fd int, f *File) *File {
	old := p.files[fd]
	if f == nil {
		delete(p.files, fd)
	} else {
		p.files[fd] = f
	}
	return old
}

// Drop ends the caller's hold on an open file.
func (p *Proc) Drop(f *File) {
	if f != nil {
		f.drop(p.M)
	}
}

// ReadFD reads from a descriptor.
func (p *Proc) ReadFD(fd int, b []byte) (int, error) {
	f := p.files[fd]
	if f == nil || f.flags&Read == 0 {
		return 0, syscall.EBADF
	}
	if f.stream != nil {
		return f.stream.Read(p, b)
	}
	data := f.data
	if data == nil && f.Node != nil {
		if f.Node.IsDir() {
			return 0, syscall.EISDIR
		}
		data = f.Node.Data
	}
	if f.pos >= len(data) {
		return 0, io.EOF
	}
	n := copy(b, data[f.pos:])
	f.pos += n
	return n, nil
}

// Content is what an open plain file holds.
func (p *Proc) Content(fd int) ([]byte, error) {
	f := p.files[fd]
	switch {
	case f == nil || f.stream != nil:
		return nil, syscall.EBADF
	case f.data != nil:
		return f.data, nil
	case !f.Node.IsFile():
		return nil, syscall.EISDIR
	}
	return f.Node.Data, nil
}

// WriteFD writes to a descriptor. Writing to what nobody reads any more ends
// the process, unless it ignores SIGPIPE.
func (p *Proc) WriteFD(fd int, b []byte) (int, error) {
	f := p.files[fd]
	if f == nil || f.flags&(Write|Append) == 0 {
		return 0, syscall.EBADF
	}
	if f.stream != nil {
		n, err := f.stream.Write(p, b)
		if err == syscall.EPIPE {
			p.signal(SIGPIPE)
			p.check()
		}
		return n, err
	}
	n := f.Node
	if f.flags&Append != 0 {
		f.pos = len(n.Data)
	}
	data := n.Data
	if f.pos == len(data) {
		data = n.extend(b)
	} else {
		grown := make([]byte, max(len(data), f.pos+len(b)))
		copy(grown, data)
		copy(grown[f.pos:], b)
		data = grown
	}
	if err := p.M.setData(n, data); err != nil {
		return 0, err
	}
	f.pos += len(b)
	return len(b), nil
}

// extend is the content with more behind it. The room behind a slice is used by
// whoever comes first, so a snapshot's copy is cut off there, see clone.
func (n *Inode) extend(b []byte) []byte { return append(n.Data, b...) }

// Stdin, Stdout and Stderr are the usual three descriptors.
func (p *Proc) Stdin() io.Reader  { return fd{p, 0} }
func (p *Proc) Stdout() io.Writer { return fd{p, 1} }
func (p *Proc) Stderr() io.Writer { return fd{p, 2} }

type fd struct {
	p  *Proc
	no int
}

func (f fd) Read(b []byte) (int, error)  { return f.p.ReadFD(f.no, b) }
func (f fd) Write(b []byte) (int, error) { return f.p.WriteFD(f.no, b) }

// Lock takes a kernel lock on an open file, without waiting.
func (p *Proc) Lock(fd int, shared bool) (bool, error) {
	f := p.files[fd]
	if f == nil || f.Node == nil {
		return false, syscall.EBADF
	}
	n := f.Node
	for _, l := range n.locks {
		if l != f && (!shared || !l.sharedLock()) {
			return false, nil
		}
	}
	f.unlock(p.M)
	n.locks = append(n.locks, f)
	if shared {
		f.flags |= lockShared
	}
	return true, nil
}

const lockShared = 1 << 16

func (f *File) sharedLock() bool { return f.flags&lockShared != 0 }

func (f *File) unlock(m *Machine) {
	f.flags &^= lockShared
	for i, l := range f.Node.locks {
		if l == f {
			f.Node.locks = append(f.Node.locks[:i:i], f.Node.locks[i+1:]...)
			m.Wake(&f.Node.unlock)
			return
		}
	}
}
