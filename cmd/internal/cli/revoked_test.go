package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// atHome writes a file of the user's .ssh folder and returns its path.
func (b *behind) atHome(name, text string) string {
	b.t.Helper()
	home, err := os.UserHomeDir()
	must(b.t, err)
	file := filepath.Join(home, ".ssh", name)
	must(b.t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// sshConfig puts lines for every host behind those of the gate.
func (b *behind) sshConfig(lines string) {
	b.t.Helper()
	b.atHome("config", fmt.Sprintf("Host bastion\n  HostName 127.0.0.1\n  Port %d\n  IdentityFile %s\n  HostKeyAlias The-Gate\nHost *\n  %s\n",
		b.gate.port(), b.keyFile, lines))
}

// A key that is revoked anywhere where ssh looks is refused, called revoked, and never
// remembered, on the way to a host as on the host itself (06-revoked-elsewhere).
func TestCase06RevokedElsewhere(t *testing.T) {
	b := newBehind(t)
	line := func(key ssh.PublicKey) string { return string(ssh.MarshalAuthorizedKey(key)) }
	gate, host := line(b.gate.key), line(b.servers["initech"].HostKey)
	known := fmt.Sprintf("the-gate %s[127.0.0.1]:%d %s", gate, b.servers["initech"].Port, host)
	for _, c := range []struct{ name, file, text, ssh, says string }{
		{"the host's key in the list", "gone", host, "RevokedHostKeys ~/.ssh/gone", "is revoked"},
		{"the gate's key in the list", "gone", gate, `RevokedHostKeys "%d/.ssh/gone"`, "host key of the-gate is revoked"},
		{"the host's key by the machine", "global", "@revoked * " + host, "GlobalKnownHostsFile /nowhere ${HOME}/.ssh/global", "is revoked"},
		{"the gate's key by the machine", "global", "@revoked * " + gate, "GlobalKnownHostsFile ${HOME}/.ssh/global", "host key of the-gate is revoked"},
		{"the host's key in the second file of the user", "known_hosts2", "@revoked * " + host, "", "is revoked"},
		{"a list that cannot be read", "gone", "odd\n", "RevokedHostKeys ~/.ssh/gone", "cannot be checked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := b.atHome(c.file, c.text)
			defer os.Remove(file)
			b.sshConfig(c.ssh)
			must(t, os.WriteFile(b.known(), []byte(known), 0o600))
			r := b.does(exitHostKey, "check", "initech")
			b.says(r, c.says, file)
			if strings.Contains(r.stderr, "liftalot trust") {
				t.Errorf("the hint says to trust it:\n%s", r.stderr)
			}
			for _, args := range [][]string{{"--yes"}, {"--fingerprint", b.theGate, "--fingerprint", b.initech}} {
				must(t, os.Remove(b.known()))
				b.says(b.trusts(exitHostKey, "y\ny\n", args...), c.says, file)
				left, _ := os.ReadFile(b.known())
				if _, key, ok := strings.Cut(c.text, "ssh-ed25519 "); ok && strings.Contains(string(left), strings.TrimSpace(key)) {
					t.Errorf("the revoked key is remembered:\n%s", left)
				}
				must(t, os.WriteFile(b.known(), nil, 0o600))
			}
		})
	}
}

// Who is known to the machine only is known, and to nobody where ssh_config says none.
func TestKnownToTheMachine(t *testing.T) {
	b := newBehind(t)
	b.atHome("global", fmt.Sprintf("the-gate %s[127.0.0.1]:%d %s", ssh.MarshalAuthorizedKey(b.gate.key), b.servers["initech"].Port,
		ssh.MarshalAuthorizedKey(b.servers["initech"].HostKey)))
	b.sshConfig(`GlobalKnownHostsFile "~/.ssh/missing" "${HOME}/.ssh/global"`)
	b.does(exitDone, "check", "initech")
	b.sshConfig("GlobalKnownHostsFile none")
	b.says(b.does(exitHostKey, "check", "initech"), "host key of the-gate is unknown")
	b.atHome("known_hosts", "the-gate "+string(ssh.MarshalAuthorizedKey(b.gate.key)))
	b.says(b.does(exitHostKey, "check", "initech"), "initech: host key of 127.0.0.1", "is unknown")
	b.sshConfig("UserKnownHostsFile none")
	b.says(b.does(exitHostKey, "check", "initech"), "host key of the-gate is unknown")
}
