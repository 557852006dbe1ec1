package remote_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"liftalot/remote"
)

// An sshd is a real OpenSSH server on the loopback, with accounts and sudo
// rules of its own, for the length of one test.
type sshd struct {
	t       testing.TB
	dir     string
	port    int
	keyFile string
	known   string
	host    ssh.Signer
	log     *logBuffer
	stop    func()
}

// logBuffer collects what sshd says while the test runs.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startSSHD starts the server, or skips the test and says why. In the extra
// lines of configuration %D stands for the server's folder.
func startSSHD(t testing.TB, extraConfig ...string) *sshd {
	t.Helper()
	return startSSHDWith(t, func(*sshd) {}, extraConfig...)
}

// startSSHDWith lets prepare write more files before the server starts.
func startSSHDWith(t testing.TB, prepare func(*sshd), extraConfig ...string) *sshd {
	t.Helper()
	if testing.Short() {
		t.Skip("NOT RUN: -short")
	}
	binary, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil || os.Getuid() != 0 {
		t.Skip("NOT RUN: needs root and /usr/sbin/sshd (Debian: apt-get install openssh-server sudo)")
	}
	dir, err := os.MkdirTemp("", "remote-sshd-") // t.TempDir is closed to other accounts
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	s := &sshd{t: t, dir: dir, log: new(logBuffer)}
	s.host = s.writeKey("host_key", "")
	client := s.writeKey("client_key", "")
	s.keyFile = filepath.Join(dir, "client_key")
	must(t, os.WriteFile(filepath.Join(dir, "authorized_keys"), ssh.MarshalAuthorizedKey(client.PublicKey()), 0o644))
	s.port = freePort(t)
	config := fmt.Sprintf(`Port %d
ListenAddress 127.0.0.1
HostKey %[2]s/host_key
PidFile none
AuthorizedKeysFile %[2]s/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
LogLevel VERBOSE
Subsystem sftp /usr/lib/openssh/sftp-server
%[3]s
`, s.port, dir, strings.ReplaceAll(strings.Join(extraConfig, "\n"), "%D", dir))
	must(t, os.WriteFile(filepath.Join(dir, "sshd_config"), []byte(config), 0o600))
	must(t, os.MkdirAll("/run/sshd", 0o755))
	prepare(s)
	s.start(binary)
	s.known = filepath.Join(dir, "known", "known_hosts")
	must(t, remote.AddKnownHost(s.known, "127.0.0.1", s.port, s.host.PublicKey()))
	return s
}

func (s *sshd) start(binary string) {
	s.t.Helper()
	cmd := exec.Command(binary, "-D", "-e", "-f", filepath.Join(s.dir, "sshd_config"))
	cmd.Stderr = s.log
	must(s.t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	s.stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	s.t.Cleanup(s.stop)
	s.t.Cleanup(func() {
		if s.t.Failed() {
			s.t.Logf("sshd said:\n%s", s.log)
		}
	})
	deadline, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(deadline, "tcp", s.address())
		if err == nil {
			conn.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- err
			s.t.Fatalf("sshd ended: %v\n%s", err, s.log)
		case <-deadline.Done():
			s.t.Fatalf("sshd does not answer\n%s", s.log)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (s *sshd) portText() string { return strconv.Itoa(s.port) }

func (s *sshd) address() string { return net.JoinHostPort("127.0.0.1", s.portText()) }

// writeKey makes an ed25519 key pair, locked when there is a passphrase.
func (s *sshd) writeKey(name, passphrase string) ssh.Signer {
	s.t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(s.t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	must(s.t, err)
	file := filepath.Join(s.dir, name)
	must(s.t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	if passphrase != "" {
		// One round of the key derivation, because each costs seconds under -race.
		out, err := exec.Command("ssh-keygen", "-q", "-p", "-a", "1", "-P", "", "-N", passphrase, "-f", file).CombinedOutput()
		if err != nil {
			s.t.Fatalf("ssh-keygen: %v: %s", err, out)
		}
	}
	signer, err := ssh.NewSignerFromKey(private)
	must(s.t, err)
	return signer
}

// config is what a client of the server needs.
func (s *sshd) config(login string) remote.Config {
	return remote.Config{
		Name: "web1", Address: "127.0.0.1", Port: s.port, User: login,
		Identities: []string{s.keyFile}, IdentitiesOnly: true, KnownHosts: []string{s.known},
	}
}

// An account is a user of this machine, made for a test.
type account struct {
	name     string
	password string
	shell    string
	sudoers  []string // lines; NAME stands for the account
}

// add makes the account and takes it away after the test.
func (s *sshd) add(a account) account {
	s.t.Helper()
	if a.shell == "" {
		a.shell = "/bin/sh"
	}
	a.name = "lift" + strings.ToLower(rand.Text()[:8])
	s.run("useradd", "--create-home", "--shell", a.shell, "--uid", freeUID(), a.name)
	s.t.Cleanup(func() {
		if u, err := user.Lookup(a.name); err == nil {
			s.awaitLogout(u.Uid)
		}
		s.run("userdel", "--force", "--remove", a.name)
	})
	s.run("usermod", "--password", "*", a.name) // no password, but not locked: sshd refuses locked accounts
	if a.password != "" {
		cmd := exec.Command("chpasswd")
		cmd.Stdin = strings.NewReader(a.name + ":" + a.password + "\n")
		must(s.t, cmd.Run())
	}
	if len(a.sudoers) > 0 {
		rules := filepath.Join("/etc/sudoers.d", a.name)
		text := strings.ReplaceAll(strings.Join(a.sudoers, "\n"), "NAME", a.name) + "\n"
		must(s.t, os.WriteFile(rules, []byte(text), 0o440))
		s.t.Cleanup(func() { os.Remove(rules) })
	}
	return a
}

// freeUID draws a number that no account of this machine has, and none of a
// container on it either: their processes are among this machine's, and what ends
// an account's processes goes by the number.
func freeUID() string {
	const first, last = 50_000, 59_999 // below those of systemd and of user namespaces
	return strconv.Itoa(first + mathrand.IntN(last-first))
}

// awaitLogout lets the account's last processes end by themselves.
func (s *sshd) awaitLogout(uid string) {
	for range 50 {
		if exec.Command("pgrep", "-u", uid).Run() != nil {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
	_ = exec.Command("pkill", "-KILL", "-u", uid).Run()
}

func (s *sshd) run(name string, args ...string) {
	s.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		s.t.Errorf("%s: %v: %s", name, err, out)
	}
}

func (s *sshd) client(cfg remote.Config) *remote.Client {
	c := remote.NewClient(cfg)
	s.t.Cleanup(func() { c.Close() })
	return c
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// secret is an answer to a question for a password.
func secret(s string) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) { return []byte(s), nil }
}
