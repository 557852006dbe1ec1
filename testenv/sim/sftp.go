package sim

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/pkg/sftp"

	"liftalot/testenv/sim/machine"
)

// sftpServer is the program of that name. It serves outside the processor, and
// comes in for each request.
func sftpServer(p *machine.Proc, _ []string) int {
	in, ok1 := p.File(0).Stream().(*inbox)
	out, ok2 := p.File(1).Stream().(*outbox)
	if !ok1 || !ok2 {
		return 2
	}
	p.Outside(func() {
		f := &files{p}
		server := sftp.NewRequestServer(&packets{p: p, in: in, out: out}, sftp.Handlers{FileGet: f, FilePut: f, FileCmd: f, FileList: f})
		_ = server.Serve()
		_ = server.Close()
	})
	return 0
}

// packets is the session's input and output for the library.
type packets struct {
	p   *machine.Proc
	in  *inbox
	out *outbox
}

func (c *packets) Read(b []byte) (n int, err error) {
	m := c.p.M
	m.Await(func() bool { return len(c.in.buf) > 0 || c.in.ended || c.p.Killed() })
	m.Do(func() {
		n = copy(b, c.in.buf)
		c.in.buf = c.in.buf[n:]
	})
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (c *packets) Write(b []byte) (int, error) {
	var err error
	c.p.M.Do(func() {
		if c.out.broken {
			err = io.ErrClosedPipe
			return
		}
		c.out.buf = append(c.out.buf, b...)
	})
	return len(b), err
}

func (c *packets) Close() error { return nil }

// files answers requests with the rights of the process.
type files struct{ p *machine.Proc }

func (f *files) do(fn func() error) (err error) {
	f.p.M.Do(func() { err = fn() })
	return err
}

// Fileread opens a file for reading.
func (f *files) Fileread(r *sftp.Request) (at io.ReaderAt, err error) {
	err = f.do(func() error {
		fd, err := f.p.Open(r.Filepath, machine.Read, 0, 10)
		if err != nil {
			return err
		}
		defer f.p.Close(fd)
		data, err := f.p.Content(fd)
		at = bytes.NewReader(data)
		return err
	})
	return at, err
}

// Filewrite opens a file for writing.
func (f *files) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	flags := machine.Write
	asked := r.Pflags()
	for _, x := range []struct {
		on   bool
		flag int
	}{{asked.Creat, machine.Create}, {asked.Excl, machine.Excl}, {asked.Trunc, machine.Trunc}} {
		if x.on {
			flags |= x.flag
		}
	}
	w := &writer{f: f}
	err := f.do(func() error {
		fd, err := f.p.Open(r.Filepath, flags, 0o666, 10)
		w.fd = fd
		return err
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

type writer struct {
	f  *files
	fd int
	at int64
}

// WriteAt writes the packets in the order they come, which is the client's.
func (w *writer) WriteAt(b []byte, off int64) (n int, err error) {
	err = w.f.do(func() error {
		if off != w.at {
			return sftp.ErrSSHFxOpUnsupported
		}
		n, err = w.f.p.WriteFD(w.fd, b)
		w.at += int64(n)
		return err
	})
	return n, err
}

// Close closes the file.
func (w *writer) Close() error { return w.f.do(func() error { w.f.p.Close(w.fd); return nil }) }

// Filecmd changes names and attributes.
func (f *files) Filecmd(r *sftp.Request) error {
	return f.do(func() error {
		switch r.Method {
		case "Setstat":
			return f.setstat(r)
		case "Rename":
			return f.p.Rename(r.Filepath, r.Target, false)
		case "Remove":
			return f.p.Unlink(r.Filepath)
		}
		return sftp.ErrSSHFxOpUnsupported
	})
}

func (f *files) setstat(r *sftp.Request) error {
	n, err := f.p.Stat(r.Filepath)
	if err != nil {
		return err
	}
	a := r.Attributes()
	flags := r.AttrFlags()
	if flags.UidGid {
		if err := f.p.Chown(n, int(a.UID), int(a.GID)); err != nil {
			return err
		}
	}
	if flags.Permissions {
		return f.p.Chmod(n, a.Mode)
	}
	return nil
}

// PosixRename renames over what is there.
func (f *files) PosixRename(r *sftp.Request) error {
	return f.do(func() error { return f.p.Rename(r.Filepath, r.Target, true) })
}

// Filelist answers Stat. Folders are not listed.
func (f *files) Filelist(r *sftp.Request) (sftp.ListerAt, error) { return f.stat(r.Filepath, f.p.Stat) }

// Lstat does not follow links.
func (f *files) Lstat(r *sftp.Request) (sftp.ListerAt, error) { return f.stat(r.Filepath, f.p.Lstat) }

func (f *files) stat(name string, look func(string) (*machine.Inode, error)) (l sftp.ListerAt, err error) {
	err = f.do(func() error {
		n, err := look(name)
		if err == nil {
			l = one{info{name: path.Base(name), size: n.Size(), mode: n.FileMode(), at: n.Modified, uid: n.UID, gid: n.GID}}
		}
		return err
	})
	return l, err
}

// StatVFS says how much room there is.
func (f *files) StatVFS(*sftp.Request) (v *sftp.StatVFS, err error) {
	err = f.do(func() error {
		size, free := f.p.M.Space()
		v = &sftp.StatVFS{Bsize: 4096, Frsize: 4096, Blocks: uint64(size) / 4096, Bfree: uint64(free) / 4096, Bavail: uint64(free) / 4096, Namemax: 255}
		return nil
	})
	return v, err
}

type one struct{ info }

// ListAt is the one entry.
func (o one) ListAt(to []os.FileInfo, off int64) (int, error) {
	if off > 0 {
		return 0, io.EOF
	}
	return copy(to, []os.FileInfo{o.info}), nil
}

type info struct {
	name     string
	size     int64
	mode     fs.FileMode
	at       time.Time
	uid, gid int
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return i.at }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }

// Uid and Gid are asked for by the library.
func (i info) Uid() uint32 { return uint32(i.uid) }
func (i info) Gid() uint32 { return uint32(i.gid) }
