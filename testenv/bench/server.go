//go:build linux

package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"liftalot/remote"
)

// A server is an sshd of this machine with an account of its own.
type server struct {
	dir     string
	user    string
	keyFile string
	key     ssh.PublicKey // of the client
	hostKey ssh.PublicKey
	ending  []func() error
}

// close takes away the server and the account, the last thing first.
func (s *server) close() (err error) {
	for i := len(s.ending) - 1; i >= 0; i-- {
		err = errors.Join(err, s.ending[i]())
	}
	return err
}

func startServer(ctx context.Context, l *line) (_ *server, err error) {
	const binary = "/usr/sbin/sshd"
	if _, err := os.Stat(binary); err != nil || os.Getuid() != 0 {
		return nil, errors.New("needs root and /usr/sbin/sshd (Debian: apt-get install openssh-server)")
	}
	s := &server{user: "bench" + strings.ToLower(rand.Text()[:8])}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "liftalot-bench-"); err != nil {
		return nil, err
	}
	s.ending = append(s.ending, func() error { return os.RemoveAll(s.dir) })
	if err := os.Chmod(s.dir, 0o755); err != nil { // the account reads authorized_keys
		return nil, err
	}
	if err := s.writeFiles(); err != nil {
		return nil, err
	}
	if err := s.account(); err != nil {
		return nil, err
	}
	return s, s.start(ctx, l, binary)
}

func (s *server) writeFiles() (err error) {
	if s.hostKey, err = writeKey(filepath.Join(s.dir, "host_key")); err != nil {
		return err
	}
	s.keyFile = filepath.Join(s.dir, "key")
	if s.key, err = writeKey(s.keyFile); err != nil {
		return err
	}
	config := fmt.Sprintf(`Port 22
HostKey %[1]s/host_key
PidFile none
AuthorizedKeysFile %[1]s/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM no
MaxStartups 1000
LogLevel ERROR
`, s.dir)
	return errors.Join(
		os.WriteFile(filepath.Join(s.dir, "authorized_keys"), ssh.MarshalAuthorizedKey(s.key), 0o644),
		os.WriteFile(filepath.Join(s.dir, "sshd_config"), []byte(config), 0o600),
	)
}

// writeKey makes an ed25519 key pair.
func writeKey(file string) (ssh.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	return ssh.NewPublicKey(public)
}

// account makes the login, whose shell has nothing to read when it starts.
func (s *server) account() error {
	if out, err := exec.Command("useradd", "--no-create-home", "--home-dir", s.dir, "--shell", "/bin/sh", s.user).CombinedOutput(); err != nil {
		return fmt.Errorf("useradd: %w: %s", err, out)
	}
	s.ending = append(s.ending, func() error {
		if out, err := exec.Command("userdel", "--force", s.user).CombinedOutput(); err != nil {
			return fmt.Errorf("take the account %s away: %w: %s", s.user, err, out)
		}
		return nil
	})
	// No password, but not locked: sshd refuses locked accounts.
	if out, err := exec.Command("usermod", "--password", "*", s.user).CombinedOutput(); err != nil {
		return fmt.Errorf("usermod: %w: %s", err, out)
	}
	return nil
}

func (s *server) start(ctx context.Context, l *line, binary string) error {
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		return err
	}
	cmd := l.command(binary, "-D", "-e", "-f", filepath.Join(s.dir, "sshd_config"))
	if err := cmd.Start(); err != nil {
		return err
	}
	s.ending = append(s.ending, func() error {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed, and says so
		return nil
	})
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", hosts(1)[0].addr+":22")
		if err == nil {
			return c.Close()
		}
		if remote.Sleep(ctx, 20*time.Millisecond) != nil {
			return fmt.Errorf("sshd does not answer: %w", err)
		}
	}
}

// knownHosts is the file in which the client finds every host's key.
func (s *server) knownHosts(hosts []host) string {
	var b strings.Builder
	for _, h := range hosts {
		b.WriteString(h.addr + " " + string(ssh.MarshalAuthorizedKey(s.hostKey)))
	}
	return b.String()
}
