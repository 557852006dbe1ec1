package remote_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/sync/errgroup"

	"liftalot/remote"
)

// allow lets one more key in.
func (s *sshd) allow(key ssh.PublicKey) {
	s.t.Helper()
	f, err := os.OpenFile(filepath.Join(s.dir, "authorized_keys"), os.O_APPEND|os.O_WRONLY, 0)
	must(s.t, err)
	_, err = f.Write(ssh.MarshalAuthorizedKey(key))
	must(s.t, errors.Join(err, f.Close()))
}

func TestPassphrase(t *testing.T) {
	s := startSSHD(t)
	s.allow(s.writeKey("locked", "open sesame").PublicKey())
	s.writeKey("stranger", "never asked for")
	for name, c := range map[string]struct {
		given string
		ok    bool
	}{"right": {"open sesame", true}, "wrong": {"guess", false}} {
		var asked []string
		cfg := s.config("root")
		cfg.Identities = []string{filepath.Join(s.dir, "stranger"), filepath.Join(s.dir, "locked")}
		cfg.Passphrase = func(_ context.Context, file string) ([]byte, error) {
			asked = append(asked, filepath.Base(file))
			return []byte(c.given), nil
		}
		err := s.client(cfg).Connect(t.Context())
		_, refused := errors.AsType[*remote.AuthError](err)
		if (err == nil) != c.ok || refused == c.ok || strings.Join(asked, " ") != "locked" {
			t.Errorf("%s: asked for %q, %v", name, asked, err)
		}
	}
}

// Hosts that share KeyFiles unlock a key once between them, at the same time or one
// after the other; a wrong passphrase is not remembered, nor a file that was replaced.
func TestKeysAreUnlockedOnce(t *testing.T) {
	s := startSSHD(t)
	s.allow(s.writeKey("locked", "open sesame").PublicKey())
	var mu sync.Mutex
	given, asked := "guess", 0
	cfg := s.config("root")
	cfg.Keys = new(remote.PrivateKeyCache)
	cfg.Identities = []string{filepath.Join(s.dir, "locked")}
	cfg.Passphrase = func(context.Context, string) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		return []byte(given), nil
	}
	connect := func(want int, ok bool) {
		t.Helper()
		if err := s.client(cfg).Connect(t.Context()); (err == nil) != ok || asked != want {
			t.Errorf("asked %d times, want %d; %v", asked, want, err)
		}
	}
	connect(1, false)
	given = "open sesame"
	var all errgroup.Group
	for range 4 {
		c := s.client(cfg)
		all.Go(func() error { return c.Connect(t.Context()) })
	}
	must(t, all.Wait())
	connect(2, true)
	s.allow(s.writeKey("locked", "another").PublicKey())
	connect(3, false)
	given = "another"
	connect(4, true)
	connect(4, true)
	cfg.Identities = []string{filepath.Join(s.dir, "plain")}
	s.allow(s.writeKey("plain", "").PublicKey())
	connect(4, true)
	must(t, os.WriteFile(cfg.Identities[0], []byte("no key any more"), 0o600))
	connect(4, false)
}

func TestAgentSignsForTheChosenKeyOnly(t *testing.T) {
	s := startSSHD(t)
	keyring := agent.NewKeyring()
	var keys []ssh.PublicKey
	for range 5 {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		must(t, err)
		must(t, keyring.Add(agent.AddedKey{PrivateKey: private}))
		key, err := ssh.NewPublicKey(public)
		must(t, err)
		keys = append(keys, key)
	}
	s.allow(keys[4])
	cfg := s.config("root")
	cfg.AgentSocket = serveAgent(t, keyring)
	cfg.Identities = []string{filepath.Join(s.dir, "chosen")} // its private half is in the agent
	must(t, os.WriteFile(cfg.Identities[0]+".pub", ssh.MarshalAuthorizedKey(keys[4]), 0o600))
	must(t, s.client(cfg).Connect(t.Context()))

}

func serveAgent(t *testing.T, keyring agent.Agent) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "agent")
	l, err := net.Listen("unix", socket)
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = agent.ServeAgent(keyring, conn)
				conn.Close()
			}()
		}
	}()
	return socket
}

func TestUserCertificate(t *testing.T) {
	s := startSSHD(t, "TrustedUserCAKeys %D/ca.pub")
	authority := newSigner(t, "")
	must(t, os.WriteFile(filepath.Join(s.dir, "ca.pub"), ssh.MarshalAuthorizedKey(authority.PublicKey()), 0o644))
	key := s.writeKey("certified", "")
	cert := &ssh.Certificate{
		Key: key.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{"root"},
		ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
	}
	must(t, cert.SignCert(rand.Reader, authority))
	cfg := s.config("root")
	cfg.Identities = []string{filepath.Join(s.dir, "certified")}
	cfg.Certificates = []string{filepath.Join(s.dir, "certified-cert.pub")}
	must(t, os.WriteFile(cfg.Certificates[0], ssh.MarshalAuthorizedKey(cert), 0o600))
	must(t, s.client(cfg).Connect(t.Context()))
}

// TestJump goes through two hops, each with a key that is checked.
func TestJump(t *testing.T) {
	first, last := startSSHD(t), startSSHD(t)
	cfg := last.config("root")
	jump := first.config("root")
	jump.Name = "gate"
	cfg.Jumps = []remote.Config{jump, jump}
	res, err := last.client(cfg).Run(t.Context(), remote.Command{Name: "where", Script: `echo "$SSH_CONNECTION"`})
	must(t, err)
	if !strings.HasSuffix(strings.TrimSpace(string(res.Stdout)), " 127.0.0.1 "+last.portText()) {
		t.Errorf("got %q", res.Stdout)
	}
	aliased := filepath.Join(t.TempDir(), "known_hosts")
	must(t, remote.AddKnownHost(aliased, "the-gate", 22, first.host.PublicKey()))
	cfg.Jumps[1].HostKeyAlias, cfg.Jumps[1].KnownHosts = "the-gate", []string{aliased}
	must(t, last.client(cfg).Connect(t.Context()))
	cfg.Jumps[1].HostKeyAlias = ""
	cfg.Jumps[1].KnownHosts = []string{last.known}
	err = last.client(cfg).Connect(t.Context())
	if bad, ok := errors.AsType[*remote.HostKeyError](err); !ok || bad.Host != "gate" || bad.Kind != remote.HostKeyUnknown {
		t.Errorf("got %v, want the jump's key unknown", err)
	}
}

// A key that the agent holds third is offered, as many as a host takes are, and what was not
// is told (02-agent-third-key).
func TestCase02AgentThirdKey(t *testing.T) {
	s := startSSHD(t)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	key, err := ssh.NewPublicKey(public)
	must(t, err)
	s.allow(key)
	for before, want := range map[int]string{2: "", 5: "", 6: "no key was accepted (6 tried, 1 more were not offered)"} {
		cfg := s.config("root")
		cfg.Identities, cfg.IdentitiesOnly, cfg.AgentSocket = nil, false, serveAgent(t, keyring(t, before, private))
		err := s.client(cfg).Connect(t.Context())
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d keys before it: %v", before, err)
		}
	}
}

// A certificate is found beside its key (08-certificate-beside-key).
func TestCase08CertificateBesideKey(t *testing.T) {
	ca := newSigner(t, "")
	s := startSSHDWith(t, func(s *sshd) {
		must(t, os.WriteFile(filepath.Join(s.dir, "ca.pub"), ssh.MarshalAuthorizedKey(ca.PublicKey()), 0o644))
	}, "TrustedUserCAKeys %D/ca.pub")
	cert := &ssh.Certificate{
		Key: s.writeKey("id", "").PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{"root"},
		ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
	}
	must(t, cert.SignCert(rand.Reader, ca))
	cfg := s.config("root")
	cfg.Identities = []string{filepath.Join(s.dir, "id")}
	if err := s.client(cfg).Connect(t.Context()); err == nil {
		t.Error("the key alone logs in")
	}
	must(t, os.WriteFile(filepath.Join(s.dir, "id-cert.pub"), ssh.MarshalAuthorizedKey(cert), 0o644))
	must(t, s.client(cfg).Connect(t.Context()))
}
