package remote_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"liftalot/remote"
	"liftalot/remote/remotetest"
)

// TestConformance puts a real OpenSSH server to the test, as the logins that
// are found on real servers.
func TestConformance(t *testing.T) {
	for _, c := range []struct {
		name     string
		acc      account
		sudo     remote.Sudo
		client   func(remote.Config) *remote.Client
		preamble string // what the login's profile says on both streams
	}{
		{name: "root", acc: account{name: "root"}},
		{name: "root without sftp", acc: account{name: "root"}, client: remote.WithoutSFTP},
		{
			name: "nopasswd", acc: account{shell: "/bin/bash", sudoers: []string{"NAME ALL=(ALL) NOPASSWD: ALL"}},
			sudo: remote.Sudo{Mode: remote.SudoNoPassword}, preamble: "echo welcome; echo welcome >&2\nalias cat=false\n",
		},
		{
			name: "password", acc: account{password: "s3cr$t'\\", sudoers: []string{"NAME ALL=(ALL) ALL"}},
			sudo: remote.Sudo{Mode: remote.SudoPassword, Password: secret("s3cr$t'\\")},
		},
		{
			name: "password asked for, none needed", acc: account{shell: "/usr/bin/zsh", sudoers: []string{"NAME ALL=(ALL) NOPASSWD: ALL"}},
			sudo: remote.Sudo{Mode: remote.SudoPassword, Password: secret("never-to-be-sent")}, client: remote.WithoutSFTP,
		},
		{
			name: "fish", acc: account{shell: "/usr/bin/fish", sudoers: []string{"NAME ALL=(ALL) NOPASSWD: ALL", "Defaults:NAME use_pty"}},
			sudo: remote.Sudo{Mode: remote.SudoNoPassword},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if os.Getenv("LIFTALOT_REQUIRE_DOCKER") == "1" && (c.name == "root" || c.name == "password") {
				t.Skip("NOT RUN: on a whole server instead: TestConformanceOnVPS has the same login")
			}
			s := startSSHD(t)
			acc := c.acc
			if acc.name == "" {
				if _, err := exec.LookPath(acc.shell); acc.shell != "" && err != nil {
					t.Skipf("NOT RUN: no %s here", acc.shell)
				}
				acc = s.add(acc)
				if c.preamble != "" {
					must(t, os.WriteFile(filepath.Join("/home", acc.name, ".bashrc"), []byte(c.preamble), 0o644))
				}
			}
			remotetest.Run(t, func(t *testing.T) remotetest.Fixture {
				cfg := s.config(acc.name)
				cfg.Sudo = c.sudo
				return remotetest.Fixture{Config: cfg, Dir: rootFolder(t), Client: c.client, Cut: s.cut}
			})
		})
	}
}

// rootFolder makes a folder that only root may look into.
func rootFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/root", "remotetest-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// cut ends every connection to the server, and leaves the server.
func (s *sshd) cut() { s.run("sh", "-c", cutScript(s.port)) }

// cutScript kills whatever has an open connection to a port of this machine, and so not the
// server that listens there. What holds one has had several names: "sshd" and since
// OpenSSH 9.8 "sshd-session", with a monitor of the same name before it
// (13-openssh-98-in-tests).
func cutScript(port int) string {
	return fmt.Sprintf(`open=$(awk '$4 == "01" && $2 ~ /:%04X$/ { print "socket:[" $10 "]" }' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
[ -z "$open" ] || find /proc/[0-9]*/fd -maxdepth 1 -lname 'socket:*' -printf '%%l %%h\n' 2>/dev/null |
	grep -F "$open" | sed 's,.*/proc/\([0-9]*\)/fd$,\1,' | sort -u | xargs -r kill -KILL
true`, port)
}
