package remote_test

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"liftalot/remote"
)

// accepted is how often a server has let somebody in.
func (s *sshd) accepted() int { return strings.Count(s.log.String(), "Accepted publickey") }

// connectAll connects the clients of many hosts behind one jump host at the same time.
func connectAll(t *testing.T, hosts int, cfg remote.Config) (clients []*remote.Client, errs []error) {
	t.Helper()
	cfg.JumpHosts = new(remote.JumpHosts)
	errs = make([]error, hosts)
	var wait sync.WaitGroup
	for i := range hosts {
		c := remote.NewClient(cfg)
		t.Cleanup(func() { c.Close() })
		clients = append(clients, c)
		wait.Go(func() { errs[i] = c.Connect(t.Context()) })
	}
	wait.Wait()
	return clients, errs
}

// R11: with sshd's own limits forty hosts behind one jump host are all reached, by one login
// there; the last of them to be closed ends its connection.
func TestR11FortyHostsBehindOneJumpHost(t *testing.T) {
	gate, inner := startSSHD(t), startSSHD(t)
	cfg := inner.config("root")
	cfg.Jumps = []remote.Config{gate.config("root")}
	clients, errs := connectAll(t, 40, cfg)
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if at, behind := gate.accepted(), inner.accepted(); at != 1 || behind != 40 {
		t.Errorf("%d logins at the jump host, %d behind it", at, behind)
	}
	for _, c := range clients[1:] {
		must(t, c.Close())
	}
	_, err := clients[0].Run(t.Context(), remote.Command{Name: "say", Script: "true"})
	must(t, err)
	must(t, clients[0].Close())
	must(t, inner.client(cfg).Connect(t.Context()))
	if n := gate.accepted(); n != 2 {
		t.Errorf("%d logins at the jump host, want another one after all have left", n)
	}
}

// A jump host that does not let us in is asked once, not by each host behind it.
func TestAJumpHostThatRefusesIsAskedOnce(t *testing.T) {
	gate, inner := startSSHD(t), startSSHD(t)
	cfg := inner.config("root")
	gate.writeKey("other", "")
	jump := gate.config("root")
	jump.Name, jump.Identities = "gate", []string{filepath.Join(gate.dir, "other")}
	cfg.Jumps = []remote.Config{jump}
	_, errs := connectAll(t, 10, cfg)
	for _, err := range errs {
		if denied, ok := errors.AsType[*remote.AuthError](err); !ok || denied.Host != "gate" {
			t.Errorf("got %v", err)
		}
	}
	if n := strings.Count(gate.log.String(), "Failed publickey"); n != 1 {
		t.Errorf("%d failed logins at the jump host", n)
	}
}

// A host behind a jump host that says nothing any more is let go of at once.
func TestCloseDoesNotWaitForASilentJumpHost(t *testing.T) {
	gate, inner := startSSHD(t), startSSHD(t)
	cfg := inner.config("root")
	jump := gate.config("root")
	var stall func()
	jump.Port, stall = stallingProxy(t, gate.address())
	must(t, remote.AddKnownHost(gate.known, "127.0.0.1", jump.Port, gate.host.PublicKey()))
	cfg.Jumps = []remote.Config{jump}
	clients, errs := connectAll(t, 2, cfg)
	must(t, errors.Join(errs...))
	stall()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := clients[0].Run(ctx, remote.Command{Name: "wait", Script: "sleep 60"})
		ended <- err
	}()
	cancel()
	<-ended
	closed := make(chan struct{})
	go func() {
		clients[0].Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(30 * time.Second): // its connection is given up after 45 s
		t.Error("closing waits for the jump host")
	}
}

// stallingProxy listens before a server, and swallows everything once it is told to.
func stallingProxy(t *testing.T, to string) (port int, stall func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	stalled := make(chan struct{})
	pump := func(dst, src net.Conn) {
		buf := make([]byte, 4096)
		for {
			n, err := src.Read(buf)
			if err != nil {
				return
			}
			select {
			case <-stalled:
			default:
				_, _ = dst.Write(buf[:n])
			}
		}
	}
	var serving sync.WaitGroup
	t.Cleanup(serving.Wait)
	serving.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			t.Cleanup(func() { near.Close(); far.Close() })
			serving.Go(func() { pump(near, far) })
			serving.Go(func() { pump(far, near) })
		}
	})
	t.Cleanup(func() { l.Close() })
	return l.Addr().(*net.TCPAddr).Port, sync.OnceFunc(func() { close(stalled) })
}

// sshd turns further logins away while there are too many, says so, and is asked again.
func TestTurnedAwayAtTheDoor(t *testing.T) {
	s := startSSHD(t, "MaxStartups 1:100:1")
	waiting := s.atTheDoor()
	err := s.client(s.config("root")).Connect(t.Context())
	turned, ok := errors.AsType[*remote.TurnedAwayError](err)
	if !ok || turned.Banned() || !errors.Is(err, remote.ErrNotStarted) || !remote.Transient(err) {
		t.Fatalf("got %v", err)
	}
	if turned.Said != "" && !strings.Contains(turned.Said, "MaxStartups") {
		t.Errorf("this sshd says %q", turned.Said)
	}
	done := make(chan error, 1)
	before := strings.Count(s.log.String(), "drop connection")
	go func() { done <- s.client(s.config("root")).Connect(t.Context()) }()
	for strings.Count(s.log.String(), "drop connection") == before {
		select {
		case err := <-done:
			t.Fatalf("it was not turned away: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	waiting.Close()
	must(t, <-done)
}

// atTheDoor is a connection that holds one of the places of those who log in.
func (s *sshd) atTheDoor() net.Conn {
	s.t.Helper()
	for {
		conn, err := net.Dial("tcp", s.address())
		must(s.t, err)
		s.t.Cleanup(func() { conn.Close() })
		version := make([]byte, 4)
		if _, err := io.ReadFull(conn, version); err == nil && string(version) == "SSH-" {
			return conn
		}
	}
}
