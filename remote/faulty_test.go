package remote_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"liftalot/remote"
)

// A faulty is an SSH server inside the test that can misbehave. It accepts one
// key, and hands each session to a function.
type faulty struct {
	t        *testing.T
	addr     *net.TCPAddr
	listener net.Listener
	start    sync.Once
	host     ssh.Signer
	keyFile  string
	known    string

	config  *ssh.ServerConfig
	onExec  func(s served)           // what a session does with its exec request
	onConn  func(conn ssh.Conn)      // after the handshake
	refuse  bool                     // opens no sessions
	onTCP   func(conn net.Conn) bool // true: the connection was dealt with
	serving sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

// served is an exec request, and the means to answer it.
type served struct {
	ssh.Channel
	req  *ssh.Request
	exec string
	conn net.Conn // the raw connection beneath
}

func (s served) exit(code uint32) {
	_, _ = s.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{code}))
	_ = s.Close()
}

func newFaulty(t *testing.T) *faulty {
	t.Helper()
	f := &faulty{t: t, keyFile: filepath.Join(t.TempDir(), "key")}
	f.host = newSigner(t, "")
	client := newSigner(t, f.keyFile)
	f.config = &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(client.PublicKey().Marshal()) {
			return nil, io.ErrUnexpectedEOF
		}
		return nil, nil
	}}
	f.config.AddHostKey(f.host)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	f.addr = l.Addr().(*net.TCPAddr)
	f.known = filepath.Join(t.TempDir(), "known_hosts")
	must(t, remote.AddKnownHost(f.known, "127.0.0.1", f.addr.Port, f.host.PublicKey()))
	f.listener = l
	t.Cleanup(func() {
		l.Close()
		f.cut()
		f.serving.Wait()
	})
	return f
}

// newSigner makes a key, and writes it to a file when one is named.
func newSigner(t testing.TB, file string) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	if file != "" {
		block, err := ssh.MarshalPrivateKey(private, "")
		must(t, err)
		must(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	}
	signer, err := ssh.NewSignerFromKey(private)
	must(t, err)
	return signer
}

// cut ends all connections, without a word of farewell.
func (f *faulty) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		c.Close()
	}
	f.conns = nil
}

func (f *faulty) serve(conn net.Conn) {
	defer conn.Close()
	if f.onTCP != nil && f.onTCP(conn) {
		return
	}
	f.handshake(conn)
}

func (f *faulty) handshake(conn net.Conn) {
	server, channels, requests, err := ssh.NewServerConn(conn, f.config)
	if err != nil {
		return
	}
	f.serving.Go(func() { ssh.DiscardRequests(requests) })
	if f.onConn != nil {
		f.onConn(server)
	}
	for channel := range channels {
		if f.refuse {
			_ = channel.Reject(ssh.Prohibited, "no more sessions")
			continue
		}
		ch, requests, err := channel.Accept()
		if err != nil {
			return
		}
		f.serving.Go(func() { f.session(conn, ch, requests) })
	}
}

func (f *faulty) session(conn net.Conn, ch ssh.Channel, requests <-chan *ssh.Request) {
	for req := range requests {
		if req.Type != "exec" {
			continue
		}
		var exec struct{ Command string }
		_ = ssh.Unmarshal(req.Payload, &exec)
		f.serving.Go(func() { f.onExec(served{Channel: ch, req: req, exec: exec.Command, conn: conn}) })
	}
}

// accept takes connections, once the test has said how to misbehave.
func (f *faulty) accept() {
	f.serving.Go(func() {
		for {
			conn, err := f.listener.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns = append(f.conns, conn)
			f.mu.Unlock()
			f.serving.Go(func() { f.serve(conn) })
		}
	})
}

func (f *faulty) client(change func(*remote.Config)) *remote.Client {
	f.start.Do(f.accept)
	cfg := remote.Config{
		Name: "web1", Address: "127.0.0.1", Port: f.addr.Port, User: "root",
		Identities: []string{f.keyFile}, IdentitiesOnly: true, KnownHosts: []string{f.known},
	}
	if change != nil {
		change(&cfg)
	}
	c := remote.NewClient(cfg)
	f.t.Cleanup(func() { c.Close() })
	return c
}
