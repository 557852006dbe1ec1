package remote_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"liftalot/remote"
	"liftalot/remote/remotetest"
	"liftalot/testenv/vps"
	"liftalot/testenv/vps/vpstest"
)

// TestConformanceOnVPS puts a whole throw-away server to the test, as each of
// the three logins that a consultant meets.
func TestConformanceOnVPS(t *testing.T) {
	host := vpstest.Boot(t, "public")
	for _, c := range []struct {
		user string
		sudo remote.Sudo
	}{
		{vps.UserRoot, remote.Sudo{}},
		{vps.UserDeploy, remote.Sudo{Mode: remote.SudoNoPassword}},
		{vps.UserOps, remote.Sudo{Mode: remote.SudoPassword, Password: secret(host.SudoPassword)}},
	} {
		t.Run(c.user, func(t *testing.T) {
			remotetest.Run(t, func(t *testing.T) remotetest.Fixture {
				return remotetest.Fixture{
					Config: remote.Config{
						Name: host.Name, Address: host.Addr, Port: host.Port, User: c.user, Sudo: c.sudo,
						Identities: []string{host.KeyFile}, IdentitiesOnly: true, KnownHosts: []string{trusted(t, host, host.Port)},
					},
					Dir: vpsFolder(t, host),
					Cut: func() { onVPS(t, host, cutScript(host.Port)) },
				}
			})
		})
	}
}

// trusted writes down the keys that the environment vouches for.
func trusted(t *testing.T, host *vps.Host, port int) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "known_hosts")
	for _, line := range host.HostKeys {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		must(t, err)
		must(t, remote.AddKnownHost(file, host.Addr, port, key))
	}
	if _, err := os.Stat(file); err != nil {
		t.Fatal("the environment vouches for no key")
	}
	return file
}

func vpsFolder(t *testing.T, host *vps.Host) string {
	t.Helper()
	return strings.TrimSpace(onVPS(t, host, "mktemp -d /root/remotetest-XXXXXX"))
}

func onVPS(t *testing.T, host *vps.Host, script string) string {
	t.Helper()
	out, err := host.Run(context.WithoutCancel(t.Context()), script)
	must(t, err)
	return out
}

// TestPenaltiesOnVPS: a server whose sshd keeps out an address after logins that failed says
// so, is known by that, and is not asked again and again.
func TestPenaltiesOnVPS(t *testing.T) {
	host := vpstest.Boot(t, "public")
	_, err := host.Run(t.Context(), "exec /usr/sbin/sshd -p 2222 -o 'PerSourcePenalties authfail:300s' -o PidFile=none")
	if err != nil {
		t.Skipf("NOT RUN: the sshd of this lane has no PerSourcePenalties: %v", err)
	}
	known := trusted(t, host, 2222)
	stranger := filepath.Join(t.TempDir(), "id")
	newSigner(t, stranger)
	connect := func() error {
		c := remote.NewClient(remote.Config{
			Name: host.Name, Address: host.Addr, Port: 2222, User: vps.UserRoot,
			Identities: []string{stranger}, IdentitiesOnly: true, KnownHosts: []string{known},
		})
		defer c.Close()
		return c.Connect(t.Context())
	}
	if _, ok := errors.AsType[*remote.AuthError](connect()); !ok {
		t.Fatal("a stranger's key is not refused as one")
	}
	for range 10 { // sshd notes it after it has answered
		err = connect()
		if _, turned := errors.AsType[*remote.TurnedAwayError](err); turned {
			break
		}
	}
	if turned, ok := errors.AsType[*remote.TurnedAwayError](err); !ok || !turned.Banned() {
		t.Errorf("got %v", err)
	}
}
