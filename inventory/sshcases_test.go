package inventory

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Words are read as OpenSSH reads them, and a user that cannot be read stops the host in
// place of a login as somebody else (09-ssh-config-words).
func TestCase09SSHConfigWords(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	config := `Host acme
  HostName 192.0.2.9
  User 'op'
  IdentityFile ${HOME}/.ssh/id_env
  IdentityFile ~/.ssh/key\ one
  IdentityFile '~/.ssh/q'
  IdentityFile ~/.ssh/id#work
`
	h := mustParse(t, "version: 1\nhosts: {acme: }\n", config).Hosts()[0]
	want := []string{"/home/me/.ssh/id_env", "/home/me/.ssh/key one", "/home/me/.ssh/q", "/home/me/.ssh/id#work"}
	if diff := cmp.Diff(want, h.Identities); diff != "" || h.User != "op" || h.Address != "192.0.2.9" || h.Blocked != "" {
		t.Errorf("%s@%s, blocked by %q, keys (-want +got):\n%s", h.User, h.Address, h.Blocked, diff)
	}
	for _, user := range []string{"'op", "o p", "''", "op'", "-l", "${NO_SUCH_VARIABLE}"} {
		h := mustParse(t, "version: 1\nhosts: {acme: {address: h}}\n", "Host acme\n  User "+user+"\n").Hosts()[0]
		if !strings.Contains(h.Blocked, "config:2: user ") {
			t.Errorf("User %s: blocked by %q, login as %s", user, h.Blocked, h.User)
		}
	}
}

// A bastion by ssh -W is a jump, another program runs only where the inventory says so, and
// without that the host is not dialled in another way (10-proxycommand-and-match-exec).
func TestCase10ProxyCommandAndMatchExec(t *testing.T) {
	for command, want := range map[string]string{
		"ssh -W %h:%p gate":                            "op@g > me@h",
		"ssh gate -W '[%h]:%p'":                        "op@g > me@h",
		"exec /usr/bin/ssh -qx -W%h:%p -p 2 gate":      "op@g > me@h",
		"ssh -l deploy -W %h:%p 192.0.2.1 2>/dev/null": "deploy@192.0.2.1 > me@h",
		"ssh -W %h:%p deploy@%h.gate.example":          "deploy@h.gate.example > me@h",
		"ssh -F other -W %h:%p gate":                   "me@h blocked",
		"ssh -o User=x -W %h:%p gate":                  "me@h blocked",
		"ssh -W other:22 gate":                         "me@h blocked",
		"ssh -W %h:%p $(gate)":                         "me@h blocked",
		"ssh -W %h:%p gate; true":                      "me@h blocked",
		"ssh gate nc %h %p":                            "me@h blocked",
		"cloudflared access ssh --hostname %h":         "me@h blocked",
		"'ssh -W %h:%p gate":                           "me@h blocked",
		"none":                                         "me@h",
	} {
		config := "Host acme\n  ProxyCommand " + command + "\nHost gate\n  HostName g\n  User op\n"
		h := mustParse(t, "version: 1\nhosts: {acme: {address: h}}\n", config).Hosts()[0]
		if got := reach(h); got != want || h.ProxyCommand != "" {
			t.Errorf("%s: got %s by %q, want %s", command, got, h.ProxyCommand, want)
		}
		h = mustParse(t, "version: 1\nhosts: {acme: {address: h, jump: none}}\n", config).Hosts()[0]
		if got := reach(h); got != "me@h" {
			t.Errorf("%s, and the inventory says no jump: got %s", command, got)
		}
	}
	h := mustParse(t, "version: 1\nhosts: {acme: {address: h, user: op, ssh_commands: true}}\n",
		"Match exec \"test %r = op\"\n  ProxyCommand cloudflared access ssh --hostname %h:%p %r%%\n").Hosts()[0]
	if want := "cloudflared access ssh --hostname h:22 op%"; h.ProxyCommand != want || h.Blocked != "" {
		t.Errorf("the program is %q, blocked by %q, want %q", h.ProxyCommand, h.Blocked, want)
	}
}
