package sim

import (
	"io"
	"sync"
	"syscall"

	"golang.org/x/crypto/ssh"

	"liftalot/testenv/sim/machine"
)

// A session is one channel: an exec request and the process that answers it.
type session struct {
	host     *Host
	link     *link
	channel  ssh.Channel
	user     string
	in       *inbox
	out, err *outbox
	proc     *machine.Proc
	tasks    sync.WaitGroup
}

func newSession(h *Host, l *link, ch ssh.Channel, user string) *session {
	return &session{host: h, link: l, channel: ch, user: user, in: new(inbox), out: new(outbox), err: new(outbox)}
}

// requests serves the channel until the client or the link ends it.
func (s *session) requests(reqs <-chan *ssh.Request) {
	for req := range reqs {
		ok := req.Type == "exec" && s.proc == nil
		if ok {
			var exec struct{ Command string }
			ok = ssh.Unmarshal(req.Payload, &exec) == nil && s.start(exec.Command)
		}
		if req.WantReply {
			_ = req.Reply(ok, nil)
		}
		if ok { // not before the reply, which must come before any close
			s.tasks.Go(s.receive)
			s.tasks.Go(s.send)
		}
	}
	// sshd closes its ends of the pipes; it kills nobody.
	s.host.Machine.Do(func() {
		s.in.ended = true
		s.out.broken, s.err.broken = true, true
		for _, q := range []*machine.Queue{&s.in.change, &s.out.change, &s.err.change} {
			s.host.Machine.Wake(q)
		}
	})
	_ = s.channel.Close()
	s.tasks.Wait()
}

// start runs a command in the login shell.
func (s *session) start(command string) bool {
	h, m := s.host, s.host.Machine
	if !h.pass(s.link, Event{Point: Request, Command: command}) {
		return false
	}
	m.Settle()
	u, ok := m.User(s.user)
	if !ok {
		return false
	}
	m.Do(func() {
		files := map[int]*machine.File{0: machine.NewFile(s.in), 1: machine.NewFile(s.out), 2: machine.NewFile(s.err)}
		s.proc = m.Spawn("sh", u, files, func(p *machine.Proc) int { return h.shell.Login(p, command) })
	})
	return h.pass(s.link, Event{Point: Started, Command: command})
}

// buffers are lent to sessions: most have nothing to receive.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// receive takes what the client sends.
func (s *session) receive() {
	m := s.host.Machine
	b := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(b)
	buf := b[:]
	for {
		n, err := s.channel.Read(buf)
		if n > 0 {
			if !s.host.pass(s.link, Event{Point: Input, Bytes: n, part: func(n int) { s.input(buf[:n]) }}) {
				return
			}
			s.input(buf[:n])
		}
		if err != nil {
			m.Do(func() { s.in.ended = true; m.Wake(&s.in.change) })
			return
		}
	}
}

// input hands data to the process.
func (s *session) input(data []byte) {
	m := s.host.Machine
	m.Await(func() bool { return len(s.in.buf) < window || s.in.ended || s.in.unread })
	m.Do(func() {
		if !s.in.ended && !s.in.unread {
			s.in.buf = append(s.in.buf, data...)
		}
		m.Wake(&s.in.change)
	})
}

// send passes output on whenever every process waits, or when there is much of
// it, and then the exit status.
func (s *session) send() {
	m := s.host.Machine
	reported := false
	for {
		var out, errs []byte
		var status int
		var exited, over, broken bool
		m.Await(func() bool {
			status, exited = s.proc.Exited()
			over = s.out.closed && s.err.closed
			broken = s.out.broken
			size := len(s.out.buf) + len(s.err.buf)
			return broken || size > 0 && (m.Idle() || size >= enough) || exited && !reported && m.Idle() || reported && over
		})
		if broken {
			return
		}
		m.Do(func() {
			out, errs = s.out.take(m), s.err.take(m)
		})
		for _, x := range []struct {
			data []byte
			to   io.Writer
		}{{out, s.channel}, {errs, s.channel.Stderr()}} {
			if len(x.data) > 0 && !s.output(x.to, x.data) {
				return
			}
		}
		switch {
		case exited && !reported && len(out)+len(errs) == 0:
			if !s.host.pass(s.link, Event{Point: Status}) {
				return
			}
			reported = true
			_, _ = s.channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
		case reported && over && len(out)+len(errs) == 0:
			_ = s.channel.CloseWrite()
			_ = s.channel.Close()
			return
		}
	}
}

// output sends one message. A cut in its middle lets a part of it through.
func (s *session) output(to io.Writer, data []byte) bool {
	if !s.host.pass(s.link, Event{Point: Output, Bytes: len(data), part: func(n int) { _, _ = to.Write(data[:n]) }}) {
		return false
	}
	_, err := to.Write(data)
	return err == nil
}

const (
	window = 256 << 10 // of input that nobody has read yet
	enough = 32 << 10  // of output to be sent while somebody still computes
)

// An inbox is a process's standard input, as the client sends it.
type inbox struct {
	buf    []byte
	ended  bool
	unread bool // nobody will ever read it
	change machine.Queue
}

func (b *inbox) Read(p *machine.Proc, to []byte) (int, error) {
	for len(b.buf) == 0 {
		if b.ended {
			return 0, io.EOF
		}
		if !p.Wait(&b.change) {
			return 0, syscall.EINTR
		}
	}
	n := copy(to, b.buf)
	b.buf = b.buf[n:]
	p.M.Wake(&b.change)
	return n, nil
}

func (b *inbox) Write(*machine.Proc, []byte) (int, error) { return 0, syscall.EBADF }

func (b *inbox) Close(m *machine.Machine) { b.unread, b.buf = true, nil; m.Wake(&b.change) }

// An outbox is a process's standard output or error, on its way to the client.
type outbox struct {
	buf            []byte
	closed, broken bool
	change         machine.Queue
}

func (b *outbox) Read(*machine.Proc, []byte) (int, error) { return 0, syscall.EBADF }

func (b *outbox) Write(p *machine.Proc, data []byte) (int, error) {
	done := 0
	for done < len(data) {
		if b.broken {
			return done, syscall.EPIPE
		}
		room := window - len(b.buf)
		if room <= 0 {
			if !p.Wait(&b.change) {
				return done, syscall.EINTR
			}
			continue
		}
		n := min(room, len(data)-done)
		b.buf = append(b.buf, data[done:done+n]...)
		done += n
	}
	return done, nil
}

func (b *outbox) take(m *machine.Machine) []byte {
	data := b.buf
	b.buf = nil
	m.Wake(&b.change)
	return data
}

func (b *outbox) Close(m *machine.Machine) { b.closed = true; m.Wake(&b.change) }
