package remote_test

import (
	"context"
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
						Identities: []string{host.KeyFile}, IdentitiesOnly: true, KnownHosts: []string{trusted(t, host)},
					},
					Dir: vpsFolder(t, host),
					Cut: func() { onVPS(t, host, cutScript(host.Port)) },
				}
			})
		})
	}
}

// trusted writes down the keys that the environment vouches for.
func trusted(t *testing.T, host *vps.Host) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "known_hosts")
	for _, line := range host.HostKeys {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		must(t, err)
		must(t, remote.AddKnownHost(file, host.Addr, host.Port, key))
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
