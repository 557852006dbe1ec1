package sim

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"
)

// serverConfig makes a host key and accepts the keys of the machine's users.
func (h *Host) serverConfig() (*ssh.ServerConfig, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil, err
	}
	h.HostKey = signer.PublicKey()
	c := &ssh.ServerConfig{
		PublicKeyCallback: func(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			u, ok := h.Machine.User(meta.User())
			for _, k := range u.Keys {
				if ok && bytes.Equal(k, key.Marshal()) {
					return &ssh.Permissions{}, nil
				}
			}
			return nil, errors.New("no such key")
		},
	}
	c.AddHostKey(signer)
	return c, nil
}

// A link is one TCP connection, which can be made to go silent.
type link struct {
	net.Conn
	once   sync.Once
	hush   sync.Once
	silent chan struct{} // closed: nothing gets through any more
	over   chan struct{}
}

func newLink(c net.Conn) *link {
	return &link{Conn: c, silent: make(chan struct{}), over: make(chan struct{})}
}

func (l *link) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if l.isSilent() {
		<-l.over
		return 0, net.ErrClosed
	}
	return n, err
}

func (l *link) Write(b []byte) (int, error) {
	if l.isSilent() {
		return len(b), nil // sent, and never seen again
	}
	return l.Conn.Write(b)
}

func (l *link) isSilent() bool {
	select {
	case <-l.silent:
		return true
	default:
		return false
	}
}

// Close resets the connection, as a link does that is cut.
func (l *link) Close() error {
	l.once.Do(func() { close(l.over) })
	if tcp, ok := l.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	return l.Conn.Close()
}

// accept serves connections until the host is closed.
func (h *Host) accept(config *ssh.ServerConfig) {
	for {
		c, err := h.listener.Accept()
		if err != nil {
			return
		}
		l := newLink(c)
		h.mu.Lock()
		down := h.down
		if !down {
			h.links[l] = true
		}
		h.mu.Unlock()
		if down {
			_ = l.Close()
			continue
		}
		h.tasks.Go(func() { h.serve(l, config) })
	}
}

func (h *Host) serve(l *link, config *ssh.ServerConfig) {
	defer func() {
		_ = l.Close()
		h.mu.Lock()
		delete(h.links, l)
		h.gone.Broadcast()
		h.mu.Unlock()
	}()
	conn, channels, requests, err := ssh.NewServerConn(l, config)
	if err != nil {
		return
	}
	var sessions sync.WaitGroup
	defer sessions.Wait()
	defer conn.Close()
	sessions.Go(func() { ssh.DiscardRequests(requests) })
	for ask := range channels {
		if ask.ChannelType() != "session" {
			_ = ask.Reject(ssh.UnknownChannelType, "only sessions")
			continue
		}
		ch, reqs, err := ask.Accept()
		if err != nil {
			return
		}
		s := newSession(h, l, ch, conn.User())
		sessions.Go(func() { s.requests(reqs) })
	}
}
