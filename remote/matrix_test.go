package remote_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"liftalot/remote"
)

// A matrix is one sshd that listens on many ports, each with methods of its own.
type matrix struct {
	*sshd
	login string
	ports map[string]int
}

const loginPassword = "correct horse"

// methodsOf are the lines for each kind of port.
var methodsOf = map[string]string{
	"any":      "",
	"two":      "AuthenticationMethods publickey,keyboard-interactive",
	"both":     "AuthenticationMethods publickey,password",
	"password": "AuthenticationMethods password",
	"asks":     "AuthenticationMethods keyboard-interactive",
	"nokey":    "PubkeyAuthentication no\n PasswordAuthentication no",
	"strict":   "MaxAuthTries 2",
}

func startMatrix(t *testing.T) *matrix {
	t.Helper()
	m := &matrix{ports: map[string]int{}}
	lines := []string{"UsePAM yes", "TrustedUserCAKeys %D/ca.pub"}
	var blocks []string
	for name, text := range methodsOf {
		m.ports[name] = freePort(t)
		lines = append(lines, "Port "+strconv.Itoa(m.ports[name]))
		blocks = append(blocks, fmt.Sprintf("Match LocalPort %d\n KbdInteractiveAuthentication yes\n PasswordAuthentication yes\n %s", m.ports[name], text))
	}
	m.sshd = startSSHDWith(t, func(s *sshd) {
		config := filepath.Join(s.dir, "sshd_config")
		text, err := os.ReadFile(config)
		must(t, err)
		for _, line := range []string{"UsePAM no\n", "PasswordAuthentication no\n", "KbdInteractiveAuthentication no\n"} { // the first value counts
			text = bytes.Replace(text, []byte(line), nil, 1)
		}
		must(t, os.WriteFile(config, text, 0o600))
		must(t, os.WriteFile(filepath.Join(s.dir, "ca.pub"), nil, 0o644))
	}, append(lines, blocks...)...)
	m.login = m.add(account{password: loginPassword}).name
	return m
}

// key writes a pair of some kind, and returns its public half.
func (m *matrix) key(name string, private crypto.PrivateKey, err error) ssh.PublicKey {
	m.t.Helper()
	must(m.t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	must(m.t, err)
	signer, err := ssh.NewSignerFromKey(private)
	must(m.t, err)
	file := filepath.Join(m.dir, name)
	must(m.t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	must(m.t, os.WriteFile(file+".pub", ssh.MarshalAuthorizedKey(signer.PublicKey()), 0o644))
	return signer.PublicKey()
}

// A login is one way to come in, for both programs.
type login struct {
	name, port string
	keys       []string // files that are named
	certs      []string
	agent      agent.Agent
	only       bool
	secret     string // what is answered to any question
	says       string
}

// TestLoginMatrix holds the verdict of each way to log in against that of the real ssh.
func TestLoginMatrix(t *testing.T) {
	m := startMatrix(t)
	ca := newSigner(t, "")
	must(t, os.WriteFile(filepath.Join(m.dir, "ca.pub"), ssh.MarshalAuthorizedKey(ca.PublicKey()), 0o644))
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	m.allow(m.key("ed25519", ed, err))
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	m.allow(m.key("ecdsa", ec, err))
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	m.allow(m.key("rsa", weak, err))
	_, other, err := ed25519.GenerateKey(rand.Reader)
	m.key("stranger", other, err)
	m.allow(m.writeKey("locked", "open sesame").PublicKey())
	_, certified, err := ed25519.GenerateKey(rand.Reader)
	cert := &ssh.Certificate{
		Key: m.key("certified", certified, err), CertType: ssh.UserCert, ValidPrincipals: []string{m.login},
		ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
	}
	must(t, cert.SignCert(rand.Reader, ca))
	must(t, os.WriteFile(filepath.Join(m.dir, "certified-cert.pub"), ssh.MarshalAuthorizedKey(cert), 0o644))
	must(t, os.WriteFile(filepath.Join(m.dir, "lone-cert.pub"), ssh.MarshalAuthorizedKey(cert), 0o644))
	must(t, os.WriteFile(filepath.Join(m.dir, "held.pub"), ssh.MarshalAuthorizedKey(mustSigner(t, ec).PublicKey()), 0o644))

	for _, l := range []login{
		{name: "an ed25519 key", keys: []string{"ed25519"}},
		{name: "an ecdsa key", keys: []string{"ecdsa"}},
		{name: "an rsa key", keys: []string{"rsa"}},
		{name: "an unknown key", keys: []string{"stranger"}, says: "no key was accepted (1 tried)"},
		{name: "an unknown one first", keys: []string{"stranger", "missing", "ed25519"}},
		{name: "a locked key", keys: []string{"locked"}, secret: "open sesame"},
		{name: "a certificate beside the key", keys: []string{"certified"}},
		{name: "a certificate by its name", keys: []string{"certified"}, certs: []string{"lone-cert.pub"}},
		{name: "the third key of an agent", agent: keyring(t, 2, ec)},
		{name: "the sixth key of an agent", agent: keyring(t, 5, ec)},
		{name: "the eighth key of an agent", agent: keyring(t, 7, ec), says: "no key was accepted (6 tried, 2 more were not offered)"},
		{name: "the eighth, by its public half", agent: keyring(t, 7, ec), keys: []string{"held"}},
		{name: "the eighth, and no other", agent: keyring(t, 7, ec), keys: []string{"held"}, only: true},
		{name: "an agent without it", agent: keyring(t, 2, ec), keys: []string{"stranger"}, only: true, says: "no key was accepted (1 tried)"},
		{name: "an agent before the file", agent: keyring(t, 2), keys: []string{"ed25519"}},
		{name: "more than this host takes", port: "strict", agent: keyring(t, 2, ec), says: "no key was accepted (3 tried)"},
		{name: "a password", port: "password", secret: loginPassword},
		{name: "a wrong password", port: "password", secret: "guess", says: "the host wants password"},
		{name: "a question", port: "asks", secret: loginPassword},
		{name: "a key and a password", port: "both", keys: []string{"ed25519"}, secret: loginPassword},
		{name: "a key and a question", port: "two", keys: []string{"ed25519"}, secret: loginPassword},
		{name: "a key and a wrong answer", port: "two", keys: []string{"ed25519"}, secret: "guess", says: "the key was accepted, and the host also wants keyboard-interactive"},
		{name: "a key and nobody to ask", port: "two", keys: []string{"ed25519"}, says: "the key was accepted, and the host also wants keyboard-interactive: nobody can be asked here"},
		{name: "a key and no password", port: "both", keys: []string{"ed25519"}, says: "the key was accepted, and the host also wants password: nobody can be asked here"},
		{name: "an unknown key and an answer", port: "two", keys: []string{"stranger"}, secret: loginPassword, says: "no key was accepted (1 tried)"},
		{name: "nothing that helps", port: "nokey", keys: []string{"ed25519"}, says: "log in as"},
	} {
		t.Run(l.name, func(t *testing.T) { m.compare(t, l) })
	}
}

func (m *matrix) compare(t *testing.T, l login) {
	if l.port == "" {
		l.port = "any"
	}
	port := m.ports[l.port]
	known := filepath.Join(t.TempDir(), "known_hosts")
	must(t, remote.AddKnownHost(known, "127.0.0.1", port, m.host.PublicKey()))
	cfg := remote.Config{Name: "web1", Address: "127.0.0.1", Port: port, User: m.login, KnownHosts: []string{known}, IdentitiesOnly: l.only}
	args := []string{"-F", "none", "-p", strconv.Itoa(port), "-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=" + known, "-o", "NumberOfPasswordPrompts=1"}
	if len(l.keys) == 0 {
		args = append(args, "-o", "IdentityFile=none")
	}
	for _, name := range l.keys {
		cfg.Identities = append(cfg.Identities, filepath.Join(m.dir, name))
		args = append(args, "-o", "IdentityFile="+filepath.Join(m.dir, name))
	}
	for _, name := range l.certs {
		cfg.Certificates = append(cfg.Certificates, filepath.Join(m.dir, name))
		args = append(args, "-o", "CertificateFile="+filepath.Join(m.dir, name))
	}
	args = append(args, "-o", fmt.Sprintf("IdentitiesOnly=%v", map[bool]string{true: "yes", false: "no"}[l.only]))
	cmd := exec.Command("ssh", append(args, m.login+"@127.0.0.1", "true")...)
	cmd.Env = append(os.Environ(), "SSH_AUTH_SOCK=", "SSH_ASKPASS=/bin/false", "SSH_ASKPASS_REQUIRE=force")
	if l.agent != nil {
		cfg.AgentSocket = serveAgent(t, l.agent)
		cmd.Env = append(cmd.Env, "SSH_AUTH_SOCK="+cfg.AgentSocket)
	}
	if l.secret != "" {
		cfg.Passphrase = func(ctx context.Context, _ string) ([]byte, error) { return secret(l.secret)(ctx) }
		cfg.Password = secret(l.secret)
		askpass := filepath.Join(t.TempDir(), "askpass")
		must(t, os.WriteFile(askpass, []byte("#!/bin/sh\necho '"+l.secret+"'\n"), 0o700))
		cmd.Env = append(cmd.Env, "SSH_ASKPASS="+askpass)
	}
	said, err := cmd.CombinedOutput()
	ours := m.client(cfg).Connect(t.Context())
	if (err == nil) != (ours == nil) || (ours == nil) != (l.says == "") {
		t.Fatalf("ssh: %v, we: %v\n%s", err, ours, said)
	}
	if auth, ok := errors.AsType[*remote.AuthError](ours); ours != nil && (!ok || !strings.Contains(auth.Error(), l.says)) {
		t.Errorf("got %v, want %q", ours, l.says)
	}
}

// keyring is an agent with some keys that nobody knows, and then these.
func keyring(t *testing.T, strangers int, keys ...any) agent.Agent {
	t.Helper()
	ring := agent.NewKeyring()
	for range strangers {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		must(t, err)
		must(t, ring.Add(agent.AddedKey{PrivateKey: private}))
	}
	for _, key := range keys {
		must(t, ring.Add(agent.AddedKey{PrivateKey: key}))
	}
	return ring
}

func mustSigner(t *testing.T, key any) ssh.Signer {
	t.Helper()
	signer, err := ssh.NewSignerFromKey(key)
	must(t, err)
	return signer
}
