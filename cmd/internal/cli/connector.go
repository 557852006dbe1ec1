package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"liftalot/inventory"
	"liftalot/remote"
)

// A connector says how hosts are reached. What it has read of keys is kept for the next
// host.
type connector struct {
	known  string // our own file of host keys
	getenv func(string) string
	dialog *dialog
	warn   func(string)

	jumps   remote.JumpHosts       // that several hosts are behind
	trusted remote.KnownHostsCache // what the hosts are held against
	keys    remote.PrivateKeyCache // what they let us in with
}

// config is how a host is reached, through its jump hosts and with its sudo.
func (c *connector) config(h inventory.Host) remote.Config {
	way := c.hop(h)
	way.JumpHosts = &c.jumps
	for _, j := range h.Jump {
		way.Jumps = append(way.Jumps, c.hop(j))
	}
	switch h.Sudo.Mode {
	case inventory.SudoNoPasswd:
		way.Sudo.Mode = remote.SudoNoPassword
	case inventory.SudoPassword:
		way.Sudo.Mode = remote.SudoPassword
		way.Sudo.Password = func(ctx context.Context) ([]byte, error) {
			return c.dialog.secretOf(ctx, h.Sudo.Password, fmt.Sprintf("sudo password of %s on %s", h.User, h.Name))
		}
	}
	return way
}

func (c *connector) hop(h inventory.Host) remote.Config {
	agent := h.IdentityAgent
	switch agent {
	case "":
		agent = c.getenv("SSH_AUTH_SOCK")
	case "none":
		agent = ""
	}
	way := remote.Config{
		Name: h.Name, Address: h.Address, Port: h.Port, User: h.User, Blocked: h.Blocked, ProxyCommand: h.ProxyArgv(), Identities: identities(h), IdentitiesOnly: h.IdentitiesOnly,
		Certificates: h.Certificates, AgentSocket: agent, HostKeyAlias: h.HostKeyAlias, KnownHosts: []string{c.known},
		UserKnownHosts: userKnownHosts(h), GlobalKnownHosts: globalKnownHosts(h), RevokedHostKeys: h.RevokedHostKeys,
		Known: &c.trusted, Keys: &c.keys, Warn: c.warn,
		Passphrase: func(ctx context.Context, file string) ([]byte, error) {
			got, err := c.dialog.ask(ctx, "passphrase of "+file)
			return got.Reveal(), err
		},
		Challenge: func(ctx context.Context, question string, _ bool) ([]byte, error) {
			return c.dialog.askAnew(ctx, fmt.Sprintf("%s asks %s: %s", h.Name, h.User, strings.TrimRight(question, ": ")))
		},
	}
	if !h.Password.IsZero() {
		way.Password = func(ctx context.Context) ([]byte, error) {
			return c.dialog.secretOf(ctx, h.Password, fmt.Sprintf("password of %s on %s", h.User, h.Name))
		}
	}
	return way
}

// Where keys of hosts are looked up beside our own file: as ssh has it, in the user's
// files and in the machine's, which are only read. What ssh_config names takes the place
// of the usual ones, "none" that of all.

func userKnownHosts(h inventory.Host) []string {
	if h.From["known_hosts"] != "" {
		return h.KnownHosts
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	return []string{filepath.Join(home, ".ssh", "known_hosts"), filepath.Join(home, ".ssh", "known_hosts2")}
}

func globalKnownHosts(h inventory.Host) []string {
	if h.From["global_known_hosts"] != "" {
		return h.GlobalKnownHosts
	}
	folder := "/etc/ssh"
	if runtime.GOOS == "windows" {
		folder = filepath.Join(os.Getenv("ProgramData"), "ssh")
	}
	return []string{filepath.Join(folder, "ssh_known_hosts"), filepath.Join(folder, "ssh_known_hosts2")}
}
