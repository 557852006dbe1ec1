package remote_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"liftalot/remote"
)

// A mute agent takes requests and leaves them without an answer from the first
// of some kind on, as one whose window for the PIN is behind another one does.
type mute struct {
	keyring agent.Agent
	from    byte // the kind of request: 11 lists, 13 signs

	asked func() // is told of each request that stays unanswered
	left  sync.WaitGroup
}

func (m *mute) listen(t *testing.T) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "agent")
	l, err := net.Listen("unix", socket)
	must(t, err)
	m.left.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			m.left.Go(func() { m.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		m.left.Wait() // nobody holds on to the agent
	})
	return socket
}

func (m *mute) serve(conn net.Conn) {
	defer conn.Close()
	near, far := net.Pipe()
	defer near.Close()
	m.left.Go(func() { _ = agent.ServeAgent(m.keyring, far); far.Close() })
	m.left.Go(func() { _, _ = io.Copy(conn, near) })
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		if head[4] == m.from {
			m.asked()
			_, _ = io.Copy(io.Discard, conn)
			return
		}
		body := make([]byte, int(head[3])|int(head[2])<<8-1)
		if _, err := io.ReadFull(conn, body); err != nil {
			return
		}
		if _, err := near.Write(append(head, body...)); err != nil {
			return
		}
	}
}

func TestSilentAgent(t *testing.T) {
	for name, from := range map[string]byte{"never lists its keys": 11, "never signs": 13} {
		setup := func(t *testing.T, asked func()) *remote.Client {
			f := newFaulty(t)
			public, private, err := ed25519.GenerateKey(rand.Reader)
			must(t, err)
			key, err := ssh.NewPublicKey(public)
			must(t, err)
			f.config.PublicKeyCallback = func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
				if string(k.Marshal()) != string(key.Marshal()) {
					return nil, errors.New("no")
				}
				return nil, nil
			}
			m := &mute{keyring: agent.NewKeyring(), from: from, asked: asked}
			must(t, m.keyring.Add(agent.AddedKey{PrivateKey: private}))
			socket := m.listen(t)
			return f.client(func(c *remote.Config) {
				c.Identities, c.IdentitiesOnly, c.AgentSocket = nil, false, socket
			})
		}
		t.Run(name, func(t *testing.T) {
			c := setup(t, func() {})
			c.SetAuthTimeout(4 * short)
			ctx, cancel := context.WithTimeout(t.Context(), hostileTime)
			defer cancel()
			err := c.Connect(ctx)
			away, ok := errors.AsType[*remote.UnreachableError](err)
			if !ok || away.Host != "web1" || away.Timeout != 4*short || !errors.Is(err, remote.ErrNotStarted) ||
				!errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "the agent did not answer") {
				t.Errorf("got %v", err)
			}
		})
		t.Run(name+", and the caller leaves", func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c := setup(t, cancel)
			began := time.Now()
			err := c.Connect(ctx)
			if took := time.Since(began); took > hostileTime || !errors.Is(err, context.Canceled) || !errors.Is(err, remote.ErrNotStarted) {
				t.Errorf("after %s: %v", took, err)
			}
		})
	}
}
