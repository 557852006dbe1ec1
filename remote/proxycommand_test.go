package remote_test

import (
	"errors"
	"testing"

	"liftalot/remote"
)

// A program in place of the connection ends with it, and one that is none is an error.
func TestProxyCommand(t *testing.T) {
	s := startSSHD(t)
	cfg := s.config("root")
	cfg.Address, cfg.HostKeyAlias = "nowhere.invalid", "[127.0.0.1]:"+s.portText()
	cfg.ProxyCommand = []string{"ssh", "-F", "none", "-i", s.keyFile, "-o", "UserKnownHostsFile=" + s.known, "-o", "BatchMode=yes",
		"-p", s.portText(), "-W", s.address(), "root@127.0.0.1"}
	res, err := s.client(cfg).Run(t.Context(), remote.Command{Name: "hello", Script: "echo hello"})
	if err != nil || string(res.Stdout) != "hello\n" {
		t.Errorf("got %q, %v", res.Stdout, err)
	}
	for _, argv := range [][]string{{"/bin/false"}, {"/no/such/program"}} {
		cfg.ProxyCommand = argv
		err := s.client(cfg).Connect(t.Context())
		if _, ok := errors.AsType[*remote.UnreachableError](err); !ok {
			t.Errorf("%s: got %v", argv, err)
		}
	}
}

// What must not be dialled is not, as a host or on the way to one.
func TestBlocked(t *testing.T) {
	cfg := remote.Config{Name: "acme", Address: "127.0.0.1", Port: 1, User: "op", Jumps: []remote.Config{{Name: "gate", Address: "127.0.0.1", Port: 1}}}
	for _, field := range []*string{&cfg.Blocked, &cfg.Jumps[0].Blocked} {
		*field = "config:1: user has no value"
		_, scanned := remote.Scan(t.Context(), cfg)
		for _, err := range []error{remote.NewClient(cfg).Connect(t.Context()), scanned} {
			_, blocked := errors.AsType[*remote.BlockedError](err)
			if !blocked || remote.Transient(err) || !errors.Is(err, remote.ErrNotStarted) {
				t.Errorf("got %v", err)
			}
		}
		*field = ""
	}
}
