package vps_test

import (
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"liftalot/testenv/vps"
)

// patience is how long a server may take to answer, and haste how long a test
// waits to see that it does not.
const (
	patience = 30 * time.Second
	haste    = time.Second
)

func do(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func reachable(t *testing.T, host *vps.Host) {
	t.Helper()
	out, err := run(t, host, vps.UserDeploy, "sudo -n true && hostname", "")
	if err != nil || strings.TrimSpace(out) != host.Name {
		t.Errorf("%s is not reached over ssh: %v\n%s", host.Name, err, out)
	}
}

func unreachable(t *testing.T, host *vps.Host) {
	t.Helper()
	client, err := dial(t, host, vps.UserDeploy, haste)
	if err == nil {
		t.Errorf("%s still lets people in (%v)", host.Name, client.Close())
	}
}

// run runs a command over ssh and returns all it printed.
func run(t *testing.T, host *vps.Host, user, command, stdin string) (string, error) {
	t.Helper()
	client, err := dial(t, host, user, patience)
	if err != nil {
		return "", err
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return "", err
	}
	defer session.Close()
	session.Stdin = strings.NewReader(stdin)
	out, err := session.CombinedOutput(command)
	return string(out), err
}

// dial accepts no host key but the one the host was lent with. The whole
// connection lives no longer than within.
func dial(t *testing.T, host *vps.Host, user string, within time.Duration) (*ssh.Client, error) {
	t.Helper()
	data, err := os.ReadFile(host.KeyFile)
	do(t, err)
	signer, err := ssh.ParsePrivateKey(data)
	do(t, err)
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(host.HostKey))
	do(t, err)
	at := net.JoinHostPort(host.Addr, strconv.Itoa(host.Port))
	conn, err := net.DialTimeout("tcp", at, within)
	if err != nil {
		return nil, err
	}
	do(t, conn.SetDeadline(time.Now().Add(within)))
	c, channels, requests, err := ssh.NewClientConn(conn, at, &ssh.ClientConfig{
		User:              user,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback:   ssh.FixedHostKey(key),
		HostKeyAlgorithms: []string{key.Type()},
	})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return ssh.NewClient(c, channels, requests), nil
}
