package machine

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
	"syscall"
)

// A device is a file in /dev.
type device interface{ Stream }

// null is /dev/null, zero /dev/zero.
type (
	null struct{}
	zero struct{ null }
	// random gives bytes that are the same in each run of a test, and never
	// twice on one machine.
	random struct {
		null
		n uint64
	}
)

func (null) Read(*Proc, []byte) (int, error)      { return 0, io.EOF }
func (null) Write(_ *Proc, b []byte) (int, error) { return len(b), nil }
func (null) Close(*Machine)                       {}

func (zero) Read(p *Proc, b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func (r *random) Read(_ *Proc, b []byte) (int, error) {
	for i := range b {
		if i%sha256.Size == 0 {
			r.n++
		}
		sum := sha256.Sum256(binary.LittleEndian.AppendUint64(nil, r.n))
		b[i] = sum[i%sha256.Size]
	}
	return len(b), nil
}

// pipeSize is what a pipe holds before its writer waits.
const pipeSize = 64 << 10

// A pipe is an anonymous one.
type pipe struct {
	buf              []byte
	noReader, closed bool
	change           Queue
}

type pipeEnd struct {
	*pipe
	writer bool
}

// Pipe makes a pipe and returns its two ends.
func Pipe() (r, w *File) {
	p := new(pipe)
	r = &File{stream: pipeEnd{p, false}, flags: Read, refs: 1}
	w = &File{stream: pipeEnd{p, true}, flags: Write, refs: 1}
	return r, w
}

func (e pipeEnd) Read(p *Proc, b []byte) (int, error) {
	for len(e.buf) == 0 {
		if e.closed {
			return 0, io.EOF
		}
		if !p.Wait(&e.change) {
			return 0, syscall.EINTR
		}
	}
	n := copy(b, e.buf)
	e.buf = e.buf[n:]
	p.M.Wake(&e.change)
	return n, nil
}

func (e pipeEnd) Write(p *Proc, b []byte) (int, error) {
	done := 0
	for done < len(b) {
		if e.noReader {
			return done, syscall.EPIPE
		}
		room := pipeSize - len(e.buf)
		if room == 0 {
			if !p.Wait(&e.change) {
				return done, syscall.EINTR
			}
			continue
		}
		n := min(room, len(b)-done)
		e.buf = append(e.buf, b[done:done+n]...)
		done += n
		p.M.Wake(&e.change)
	}
	return done, nil
}

func (e pipeEnd) Close(m *Machine) {
	if e.writer {
		e.closed = true
	} else {
		e.noReader, e.buf = true, nil
	}
	m.Wake(&e.change)
}
