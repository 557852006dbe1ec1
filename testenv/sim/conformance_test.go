package sim_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"

	"liftalot/remote"
	"liftalot/remote/remotetest"
	"liftalot/testenv/sim"
	"liftalot/testenv/sim/machine"
)

// A login is a key pair and the file that says whom to trust.
type login struct{ keyFile, knownHosts string }

// lend gives every account of the host the same key.
func lend(t testing.TB, h *sim.Host, users ...machine.User) login {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	must(t, err)
	l := login{filepath.Join(t.TempDir(), "key"), filepath.Join(t.TempDir(), "known_hosts")}
	must(t, os.WriteFile(l.keyFile, pem.EncodeToMemory(block), 0o600))
	must(t, remote.AddKnownHost(l.knownHosts, h.Addr, h.Port, h.HostKey))
	key, err := ssh.NewPublicKey(public)
	must(t, err)
	for _, u := range users {
		u.Keys = [][]byte{key.Marshal()}
		h.Machine.AddUser(u)
	}
	return l
}

func (l login) config(h *sim.Host, user string, sudo remote.Sudo) remote.Config {
	return remote.Config{
		Name: "sim", Address: h.Addr, Port: h.Port, User: user, Sudo: sudo,
		Identities: []string{l.keyFile}, IdentitiesOnly: true, KnownHosts: []string{l.knownHosts},
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const opsPassword = "Kanarienvogel sudo"

func accounts() []machine.User {
	return []machine.User{
		{Name: "root", Home: "/root"},
		{Name: "deploy", UID: 1000, GID: 1000, Sudo: machine.SudoFreely},
		{Name: "ops", UID: 1001, GID: 1001, Sudo: machine.SudoPassword, Password: opsPassword},
	}
}

// TestConformance puts the simulated host to the same test as the real one, as
// each of the three logins that a consultant meets.
func TestConformance(t *testing.T) {
	h, err := sim.New(sim.Options{Machine: machine.Options{Hostname: "sim", RealTime: true}})
	must(t, err)
	t.Cleanup(func() { must(t, h.Close()) })
	l := lend(t, h, accounts()...)
	password := func(context.Context) ([]byte, error) { return []byte(opsPassword), nil }
	var dirs atomic.Int32
	for _, c := range []struct {
		user string
		sudo remote.Sudo
	}{
		{"root", remote.Sudo{}},
		{"deploy", remote.Sudo{Mode: remote.SudoNoPassword}},
		{"ops", remote.Sudo{Mode: remote.SudoPassword, Password: password}},
	} {
		t.Run(c.user, func(t *testing.T) {
			remotetest.Run(t, func(t *testing.T) remotetest.Fixture {
				dir := fmt.Sprintf("/root/remotetest-%d", dirs.Add(1))
				h.Machine.Do(func() { h.Machine.MustMkdir(dir, 0o700, 0, 0) })
				return remotetest.Fixture{Config: l.config(h, c.user, c.sudo), Dir: dir, Cut: h.Cut}
			})
		})
	}
}
