package vps

import (
	"context"
	"fmt"
	"strings"

	"liftalot/testenv/scenarios"
)

const sshPort = 22

// The users every server has. All let the environment's key in.
const (
	UserRoot   = "root"   // needs no sudo
	UserDeploy = "deploy" // sudo without a password
	UserOps    = "ops"    // sudo asks for Host.SudoPassword
)

// A Host is one throw-away server.
type Host struct {
	Name     string
	Scenario string
	// State is the container's: running, paused or exited.
	State string
	Addr  string
	Port  int
	// HostKeys are lines as in authorized_keys; HostKey is the first of them.
	HostKeys []string
	HostKey  string
	// User is who logs in, with KeyFile.
	User    string
	KeyFile string
	// SudoPassword is what sudo asks the user ops for.
	SudoPassword string
	// ComposeDir and Project say where the stack is and what it is called.
	ComposeDir string
	Project    string

	env       *Env
	container string
	disk      string
}

// Env is the environment the server is in.
func (h *Host) Env() *Env { return h.env }

// host fills in what follows from a server's name.
func (e *Env) host(name, scenario, addr, user string) *Host {
	container := e.network() + "-" + name
	return &Host{
		Name: name, Scenario: scenario, State: "running", Addr: addr, Port: sshPort, User: user,
		KeyFile: e.keys.file, SudoPassword: e.keys.password,
		ComposeDir: scenarios.Folder, Project: scenarios.Project,
		env: e, container: container, disk: container,
	}
}

func (h *Host) readHostKeys(ctx context.Context) error {
	// ed25519 first: it is what a known_hosts file most often holds.
	out, err := h.Run(ctx, "cat /etc/ssh/ssh_host_ed25519_key.pub /etc/ssh/ssh_host_ecdsa_key.pub")
	if err != nil {
		return err
	}
	h.HostKeys = nil
	for line := range strings.Lines(out) {
		h.HostKeys = append(h.HostKeys, strings.TrimSpace(line))
	}
	if len(h.HostKeys) == 0 {
		return fmt.Errorf("server %s has no host key", h.Name)
	}
	h.HostKey = h.HostKeys[0]
	return nil
}

// Hosts returns the environment's servers by name, also those that do not
// answer.
func (e *Env) Hosts(ctx context.Context) ([]*Host, error) {
	lines, err := e.docker.Lines(ctx, "container", "ls", "--all",
		"--filter", "label="+labelOwner+"="+e.options.Owner, "--filter", "label="+labelKind+"="+kindHost,
		"--format", label(labelName)+"|"+label(labelScenario)+"|"+label(labelAddr)+"|"+label(labelUser)+"|{{.State}}")
	if err != nil {
		return nil, err
	}
	var hosts []*Host
	for _, line := range lines {
		f := strings.Split(line, "|")
		if len(f) != 5 {
			return nil, fmt.Errorf("docker container ls: line %q", line)
		}
		host := e.host(f[0], f[1], f[2], f[3])
		host.State = f[4]
		// One that does not run cannot be asked.
		if host.State == "running" {
			if err := host.readHostKeys(ctx); err != nil {
				return nil, err
			}
		}
		hosts = append(hosts, host)
	}
	return hosts, nil
}

// Host returns the server of that name.
func (e *Env) Host(ctx context.Context, name string) (*Host, error) {
	hosts, err := e.Hosts(ctx)
	if err != nil {
		return nil, err
	}
	for _, h := range hosts {
		if h.Name == name {
			return h, nil
		}
	}
	return nil, fmt.Errorf("no server called %q is up", name)
}
