package remote_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"liftalot/remote"
)

func ecdsaSigner(t *testing.T) ssh.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	signer, err := ssh.NewSignerFromKey(key)
	must(t, err)
	return signer
}

// TestHostKeys holds one server against known_hosts files of all kinds (F55).
func TestHostKeys(t *testing.T) {
	f := newFaulty(t)
	f.onExec = func(s served) { s.begin(); s.end("0") }
	second := ecdsaSigner(t)
	f.config.AddHostKey(second)
	endpoint := f.addr.String()
	line := func(host string, key ssh.PublicKey) string { return knownhosts.Line([]string{host}, key) + "\n" }
	stranger, strangerEC := newSigner(t, "").PublicKey(), ecdsaSigner(t).PublicKey()
	mine, mineEC := f.host.PublicKey(), second.PublicKey()
	for _, c := range []struct {
		name  string
		known []string // one file each; an empty one does not exist
		want  remote.HostKeyProblem
		wants int // keys on file that are named
	}{
		{"known", []string{line(endpoint, mine)}, "", 0},
		{"known in the second file", []string{"", line(endpoint, mine)}, "", 0},
		{"only the other kind is known", []string{line(endpoint, mineEC)}, "", 0},
		{"hashed", []string{strings.Replace(line("x", mine), "x ", knownhosts.HashHostname(knownhosts.Normalize(endpoint))+" ", 1)}, "", 0},
		{"a pattern", []string{strings.Replace(line("x", mine), "x ", "10.0.0.1,*.*.*.1 ", 1)}, "", 0},
		{"nothing on file", nil, remote.HostKeyUnknown, 0},
		{"another host's", []string{line("example.org", mine)}, remote.HostKeyUnknown, 0},
		{"another port's", []string{line("127.0.0.1", mine)}, remote.HostKeyUnknown, 0},
		{"changed", []string{"# ours\n" + line(endpoint, stranger)}, remote.HostKeyChanged, 1},
		{"changed, the other kind", []string{line(endpoint, strangerEC)}, remote.HostKeyChanged, 1},
		{"revoked", []string{line(endpoint, mine) + "@revoked * " + string(ssh.MarshalAuthorizedKey(mine))}, remote.HostKeyRevoked, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			var files []string
			for i, text := range c.known {
				name := filepath.Join(dir, fmt.Sprint(i))
				if text != "" {
					must(t, os.WriteFile(name, []byte(text), 0o600))
				}
				files = append(files, name)
			}
			err := f.client(func(cfg *remote.Config) { cfg.KnownHosts = files }).Connect(t.Context())
			if c.want == "" {
				must(t, err)
				return
			}
			bad, ok := errors.AsType[*remote.HostKeyError](err)
			if !ok || bad.Kind != c.want || len(bad.Want) != c.wants || !errors.Is(err, remote.ErrNotStarted) {
				t.Fatalf("got %v, want %s", err, c.want)
			}
			got := []string{ssh.FingerprintSHA256(mine), ssh.FingerprintSHA256(mineEC)}
			if bad.Endpoint != endpoint || (bad.Got != got[0] && bad.Got != got[1]) {
				t.Errorf("got %+v", bad)
			}
			for _, k := range bad.Want {
				if k.File != files[0] || k.Line == 0 || !strings.HasPrefix(k.Fingerprint, "SHA256:") {
					t.Errorf("on file: %+v", k)
				}
			}
		})
	}
}

// TestKindOfKeyMissing: the host has no key of the kind on file, which says
// that it changed and not that there is no common algorithm.
func TestKindOfKeyMissing(t *testing.T) {
	f := newFaulty(t)
	file := filepath.Join(t.TempDir(), "known_hosts")
	must(t, remote.AddKnownHost(file, "127.0.0.1", f.addr.Port, ecdsaSigner(t).PublicKey()))
	err := f.client(func(c *remote.Config) { c.KnownHosts = []string{file} }).Connect(t.Context())
	bad, ok := errors.AsType[*remote.HostKeyError](err)
	if !ok || bad.Kind != remote.HostKeyChanged || bad.Got != ssh.FingerprintSHA256(f.host.PublicKey()) {
		t.Errorf("got %v, want changed", err)
	}
}

func TestHostCertificate(t *testing.T) {
	f := newFaulty(t)
	authority := ecdsaSigner(t)
	cert := &ssh.Certificate{
		Key: f.host.PublicKey(), CertType: ssh.HostCert, ValidPrincipals: []string{"127.0.0.1"},
		ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
	}
	must(t, cert.SignCert(rand.Reader, authority))
	signer, err := ssh.NewCertSigner(cert, f.host)
	must(t, err)
	f.config.AddHostKey(signer)
	for name, c := range map[string]struct {
		key ssh.PublicKey
		ok  bool
	}{
		"signed by the authority": {authority.PublicKey(), true},
		"signed by another":       {ecdsaSigner(t).PublicKey(), false},
	} {
		file := filepath.Join(t.TempDir(), "known_hosts")
		text := "@cert-authority " + knownhosts.Line([]string{f.addr.String()}, c.key) + "\n"
		must(t, os.WriteFile(file, []byte(text), 0o600))
		err := f.client(func(cfg *remote.Config) { cfg.KnownHosts = []string{file} }).Connect(t.Context())
		_, refused := errors.AsType[*remote.HostKeyError](err)
		if (err == nil) != c.ok || refused == c.ok {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestScanAndTrust(t *testing.T) {
	f := newFaulty(t)
	f.onExec = func(s served) { s.begin(); s.end("0") }
	f.config.AddHostKey(ecdsaSigner(t))
	file := filepath.Join(t.TempDir(), "state", "known_hosts")
	client := f.client(func(c *remote.Config) { c.KnownHosts = []string{file} })
	keys, err := remote.Scan(t.Context(), remote.Config{Address: "127.0.0.1", Port: f.addr.Port})
	must(t, err)
	if len(keys) != 2 || keys[0].Type != ssh.KeyAlgoED25519 || keys[0].Fingerprint != ssh.FingerprintSHA256(f.host.PublicKey()) {
		t.Fatalf("got %+v", keys)
	}
	for range 2 { // twice is once
		for _, k := range keys {
			must(t, remote.AddKnownHost(file, "127.0.0.1", f.addr.Port, k.Key))
		}
	}
	text, err := os.ReadFile(file)
	must(t, err)
	if n := strings.Count(string(text), "\n"); n != 2 {
		t.Errorf("%d lines:\n%s", n, text)
	}
	for name, mode := range map[string]os.FileMode{file: 0o600, filepath.Dir(file): 0o700 | os.ModeDir} {
		if info, err := os.Stat(name); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	must(t, client.Connect(t.Context()))
	err = remote.AddKnownHost(file, "127.0.0.1", f.addr.Port, newSigner(t, "").PublicKey())
	if bad, ok := errors.AsType[*remote.HostKeyError](err); !ok || bad.Kind != remote.HostKeyChanged {
		t.Errorf("a second key of the same kind: got %v", err)
	}
}

// A key can be held against the known ones by somebody who may not log in.
func TestCheckHostKey(t *testing.T) {
	f := newFaulty(t)
	f.start.Do(f.accept)
	mine, stranger, otherKind := f.host.PublicKey(), newSigner(t, "").PublicKey(), ecdsaSigner(t).PublicKey()
	at := knownhosts.Normalize(f.addr.String()) + " "
	line := func(before string, key ssh.PublicKey) string { return before + string(ssh.MarshalAuthorizedKey(key)) }
	for text, want := range map[string]remote.HostKeyProblem{
		line(at, mine):                             "",
		line("other ", mine):                       remote.HostKeyUnknown,
		line(at, stranger):                         remote.HostKeyChanged,
		line(at, otherKind):                        remote.HostKeyChanged,
		line(at, mine) + line("@revoked * ", mine): remote.HostKeyRevoked,
	} {
		file := filepath.Join(t.TempDir(), "known_hosts")
		must(t, os.WriteFile(file, []byte(text), 0o600))
		err := remote.CheckHostKey(t.Context(), remote.Config{Name: "web1", Address: "127.0.0.1", Port: f.addr.Port, UserKnownHosts: []string{file}})
		bad, ok := errors.AsType[*remote.HostKeyError](err)
		if want == "" && err != nil || want != "" && (!ok || bad.Kind != want || bad.Host != "web1") {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
	f.listener.Close()
	err := remote.CheckHostKey(t.Context(), remote.Config{Address: "127.0.0.1", Port: f.addr.Port})
	if _, ok := errors.AsType[*remote.UnreachableError](err); !ok {
		t.Errorf("nobody there: got %v", err)
	}
}

// Those who trust keys at the same time lose none of each other's. That processes do
// not either is held where the lock is made.
func TestTrustAtTheSameTime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state", "known_hosts")
	var all sync.WaitGroup
	const hosts = 20
	for i := range hosts {
		key := newSigner(t, "").PublicKey()
		all.Go(func() {
			if err := remote.AddKnownHost(file, fmt.Sprintf("host%d", i), 22, key); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	text, err := os.ReadFile(file)
	must(t, err)
	if got := strings.Count(string(text), "\n"); got != hosts {
		t.Errorf("%d keys are there, %d were trusted:\n%s", got, hosts, text)
	}
}

func TestScanSilent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	_, err = remote.Scan(t.Context(), remote.Config{
		Address: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, HandshakeTimeout: 100 * time.Millisecond,
	})
	if _, ok := errors.AsType[*remote.UnreachableError](err); !ok {
		t.Errorf("got %v, want unreachable", err)
	}
}

// TestBadKnownHosts: in a file of ours a line that cannot be read is named, not
// skipped.
func TestBadKnownHosts(t *testing.T) {
	f := newFaulty(t)
	file := filepath.Join(t.TempDir(), "known_hosts")
	must(t, os.WriteFile(file, []byte("# fine\nhost ssh-ed25519 not-base64\n"), 0o600))
	err := f.client(func(c *remote.Config) { c.KnownHosts = []string{file} }).Connect(t.Context())
	if !errors.Is(err, remote.ErrNotStarted) || !strings.Contains(err.Error(), "known_hosts:2") {
		t.Errorf("got %v, want the line", err)
	}
}

// TestBadLinesOfTheUser: in the user's file such a line is left out and named;
// the others count, under the file's own name and numbers.
func TestBadLinesOfTheUser(t *testing.T) {
	f := newFaulty(t)
	stranger := newSigner(t, "").PublicKey()
	good := knownhosts.Line([]string{f.addr.String()}, f.host.PublicKey())
	bad := "host ssh-ed25519 not-base64\n|1|odd|hash ssh-ed25519 AAAA\nhost\n"
	for name, c := range map[string]struct {
		text string
		want string
		line int
		warn int
	}{
		"known beside them":    {bad + good + "\n", "done", 0, 3},
		"changed beside them":  {bad + knownhosts.Line([]string{f.addr.String()}, stranger) + "\n", "host key", 4, 3},
		"nothing else":         {bad, "host key", 0, 3},
		"another kind of file": {strings.Repeat("not a line\n", 1000), "not started", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			file := filepath.Join(t.TempDir(), "known_hosts")
			must(t, os.WriteFile(file, []byte(c.text), 0o600))
			var warned []string
			err := f.client(func(cfg *remote.Config) {
				cfg.KnownHosts, cfg.UserKnownHosts = []string{file + "-ours"}, []string{file}
				cfg.Warn = func(s string) { warned = append(warned, s) }
			}).Connect(t.Context())
			if kindOf(err) != c.want || len(warned) != c.warn {
				t.Fatalf("got %v after %q, want %s", err, warned, c.want)
			}
			for i, w := range warned {
				if !strings.HasPrefix(w, fmt.Sprintf("%s:%d ", file, i+1)) {
					t.Errorf("warned %q", w)
				}
			}
			if key, ok := errors.AsType[*remote.HostKeyError](err); ok && c.line > 0 && (len(key.Want) != 1 || key.Want[0].File != file || key.Want[0].Line != c.line) {
				t.Errorf("got %+v, want line %d", key.Want, c.line)
			}
			if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}
