package remote_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"liftalot/remote"
)

// TestAlias: with an alias the files are asked for the alias and for nothing else.
func TestAlias(t *testing.T) {
	f := newFaulty(t)
	mine := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(f.host.PublicKey())))
	other := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(newSigner(t, "").PublicKey())))
	for _, c := range []struct {
		name, alias, line string
		want              remote.HostKeyProblem
	}{
		{"known", "chat-acme", "chat-acme " + mine, ""},
		{"hashed", "chat-acme", knownhosts.HashHostname("chat-acme") + " " + mine, ""},
		{"among others", "chat-acme", "10.0.0.1,chat-acme " + mine, ""},
		{"a pattern", "chat-acme", "chat-* " + mine, ""},
		{"capitals, which OpenSSH makes small", "Chat-ACME", "chat-acme " + mine, ""},
		{"an address", "2001:db8::7", "2001:db8::7 " + mine, ""},
		{"a line with a port", "[chat-acme]:2222", "[chat-acme]:2222 " + mine, ""},
		{"a hashed line with a port", "[chat-acme]:2222", knownhosts.HashHostname("[chat-acme]:2222") + " " + mine, ""},
		{"the address is known instead", "chat-acme", knownhosts.Normalize(f.addr.String()) + " " + mine, remote.HostKeyUnknown},
		{"the alias with the port of the host", "chat-acme", fmt.Sprintf("[chat-acme]:%d %s", f.addr.Port, mine), remote.HostKeyUnknown},
		{"another alias", "chat-acme", knownhosts.HashHostname("chat-globex") + " " + mine, remote.HostKeyUnknown},
		{"changed, though the address is known", "chat-acme", "chat-acme " + other + "\n" + knownhosts.Normalize(f.addr.String()) + " " + mine, remote.HostKeyChanged},
		{"revoked", "chat-acme", "chat-acme " + mine + "\n@revoked * " + mine, remote.HostKeyRevoked},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "known_hosts")
			must(t, os.WriteFile(file, []byte(c.line+"\n"), 0o600))
			for where, put := range map[string]func(*remote.Config){
				"ours":       func(cfg *remote.Config) { cfg.KnownHosts = []string{file} },
				"the user's": func(cfg *remote.Config) { cfg.KnownHosts, cfg.UserKnownHosts = nil, []string{file} },
			} {
				err := f.client(func(cfg *remote.Config) { cfg.HostKeyAlias = c.alias; put(cfg) }).Connect(t.Context())
				if c.want == "" {
					if err != nil {
						t.Errorf("%s: %v", where, err)
					}
					continue
				}
				bad, ok := errors.AsType[*remote.HostKeyError](err)
				if !ok || bad.Kind != c.want || bad.Endpoint != c.alias {
					t.Errorf("%s: got %v, want %s", where, err, c.want)
				}
			}
		})
	}
}

// A certificate is made out to the alias.
func TestAliasInACertificate(t *testing.T) {
	f := newFaulty(t)
	authority := ecdsaSigner(t)
	cert := &ssh.Certificate{
		Key: f.host.PublicKey(), CertType: ssh.HostCert, ValidPrincipals: []string{"chat-acme"},
		ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
	}
	must(t, cert.SignCert(rand.Reader, authority))
	signer, err := ssh.NewCertSigner(cert, f.host)
	must(t, err)
	f.config.AddHostKey(signer)
	file := filepath.Join(t.TempDir(), "known_hosts")
	must(t, os.WriteFile(file, []byte("@cert-authority * "+string(ssh.MarshalAuthorizedKey(authority.PublicKey()))), 0o600))
	for alias, ok := range map[string]bool{"chat-acme": true, "chat-globex": false, "": false} {
		err := f.client(func(cfg *remote.Config) { cfg.KnownHosts, cfg.HostKeyAlias = []string{file}, alias }).Connect(t.Context())
		if (err == nil) != ok {
			t.Errorf("alias %q: got %v", alias, err)
		}
	}
}

// TestAliasAsOpenSSH: what ssh writes under an alias is found, and what is trusted
// under one is what ssh looks for.
func TestAliasAsOpenSSH(t *testing.T) {
	s := startSSHD(t)
	for _, alias := range []string{"Chat-ACME", "[gate]:2222"} {
		ssh := func(file string, options ...string) {
			t.Helper()
			args := []string{
				"-F", "none", "-i", s.keyFile, "-p", s.portText(), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "HostKeyAlias=" + alias,
				"-o", "UserKnownHostsFile=" + file, "-o", "GlobalKnownHostsFile=none", "-o", "UpdateHostKeys=no",
			}
			for _, o := range options {
				args = append(args, "-o", o)
			}
			if out, err := exec.Command("ssh", append(args, "root@127.0.0.1", "true")...).CombinedOutput(); err != nil {
				t.Errorf("%s: ssh: %v: %s", alias, err, out)
			}
		}
		cfg := s.config("root")
		cfg.HostKeyAlias = alias
		for _, hash := range []string{"yes", "no"} {
			theirs := filepath.Join(t.TempDir(), "known_hosts")
			ssh(theirs, "StrictHostKeyChecking=accept-new", "HashKnownHosts="+hash)
			cfg.KnownHosts, cfg.UserKnownHosts = nil, []string{theirs}
			if err := s.client(cfg).Connect(t.Context()); err != nil {
				t.Errorf("%s, hashed %s: %v", alias, hash, err)
			}
		}
		ours := filepath.Join(t.TempDir(), "known_hosts")
		name, port := cfg.KnownAs()
		must(t, remote.AddKnownHost(ours, name, port, s.host.PublicKey()))
		ssh(ours, "StrictHostKeyChecking=yes")
		cfg.KnownHosts, cfg.UserKnownHosts = []string{ours}, nil
		must(t, s.client(cfg).Connect(t.Context()))
	}
}

// An alias that known_hosts would read as a pattern would vouch for other hosts too.
func TestTrustWritesNoPattern(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known_hosts")
	for _, name := range []string{"*", "web?", "a,b", "a b", "a\tb", "!a", "|1|a|b", "@revoked", "#a"} {
		if remote.AddKnownHost(file, name, 22, newSigner(t, "").PublicKey()) == nil {
			t.Errorf("%q is written", name)
		}
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want no file", err)
	}
}
