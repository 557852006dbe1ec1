//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

// A contestant does the work its way.
type contestant struct {
	name    string
	command []string
	serial  bool // one host after the other: a few stand for all, in the first round
}

// serialHosts is how many hosts a contestant without concurrency is given; its time
// grows with their number, and an evening has only so many minutes.
const serialHosts = 2

// us is the contestant that the others are held against.
const us = "liftalot"

func (b *bench) contestants(n int) []contestant {
	names := b.path("names")
	perHost := func(script string) []string {
		return []string{"xargs", "-P", strconv.Itoa(n), "-a", names, "-n", "1", "sh", b.path(script)}
	}
	list := []contestant{
		{name: us, command: []string{b.self, "client", "-list", b.path("list"), "-user", b.server.user, "-key", b.server.keyFile, "-known", b.path("known_hosts")}},
		{name: "the ssh library alone", command: []string{b.self, "bare", "-list", b.path("list"), "-user", b.server.user, "-key", b.server.keyFile, "-host", b.path("host_key.pub")}},
		{name: "one ssh per host, xargs -P", command: perHost("batch.sh")},
		{name: "the same, curve25519", command: perHost("curve.sh")},
		{name: "ControlMaster, 8 execs, xargs -P", command: perHost("mux.sh")},
		{name: "shell loop, one ssh per fact", command: []string{"sh", b.path("loop.sh")}, serial: true},
	}
	if _, err := exec.LookPath("ansible"); err == nil {
		list = append(list, contestant{name: "Ansible, one shell task, pipelined", command: []string{
			"ansible", "all", "-i", b.path("ansible.ini"), "-f", strconv.Itoa(n), "-m", "ansible.builtin.shell", "-a", facts,
		}})
	}
	return list
}

// prepare writes what the contestants read.
func (b *bench) prepare(hosts []host) error {
	var list, names, config, inventory strings.Builder
	for _, h := range hosts {
		fmt.Fprintf(&list, "%s %s 22\n", h.name, h.addr)
		fmt.Fprintln(&names, h.name)
		fmt.Fprintf(&config, "Host %s\n  HostName %s\n", h.name, h.addr)
		fmt.Fprintf(&inventory, "%s ansible_host=%s ansible_user=%s ansible_ssh_private_key_file=%s ansible_ssh_common_args='-o UserKnownHostsFile=%s'\n",
			h.name, h.addr, b.server.user, b.server.keyFile, b.path("known_hosts"))
	}
	fmt.Fprintf(&config, "Host *\n  User %s\n  IdentityFile %s\n  IdentitiesOnly yes\n  UserKnownHostsFile %s\n  GlobalKnownHostsFile none\n  StrictHostKeyChecking yes\n  BatchMode yes\n  LogLevel ERROR\n",
		b.server.user, b.server.keyFile, b.path("known_hosts"))
	first := strings.SplitAfter(names.String(), "\n")
	few := strings.Join(first[:min(serialHosts, len(hosts))], "")
	command := "ssh -F " + b.path("ssh_config")
	for name, text := range map[string]string{
		"list": list.String(), "names": names.String(), "few": few, "ssh_config": config.String(), "facts.sh": facts,
		"known_hosts": b.server.knownHosts(hosts), "host_key.pub": string(ssh.MarshalAuthorizedKey(b.server.hostKey)),
		"ansible.ini": inventory.String(),
		"ansible.cfg": "[defaults]\ninterpreter_python = auto_silent\n[ssh_connection]\npipelining = True\n" +
			"ssh_args = -o ControlMaster=auto -o ControlPersist=1s\n", // a minute by default, for which the bench would wait
		"batch.sh": "exec " + command + " \"$1\" sh -s <" + b.path("facts.sh") + "\n",
		"curve.sh": "exec " + command + " -o KexAlgorithms=curve25519-sha256 \"$1\" sh -s <" + b.path("facts.sh") + "\n",
		"mux.sh": "s=" + b.path("") + "/$1.sock\n" + command + " -M -N -f -S \"$s\" \"$1\" </dev/null >/dev/null || exit\n" +
			"while read -r fact; do " + command + " -S \"$s\" \"$1\" \"$fact\" </dev/null || exit; done <" + b.path("facts.sh") + "\n" +
			command + " -S \"$s\" -O exit \"$1\" 2>/dev/null\n",
		"loop.sh": "while read -r h; do while read -r fact; do " + command + " \"$h\" \"$fact\" </dev/null || exit; done <" + b.path("facts.sh") + "; done <" + b.path("few") + "\n",
	} {
		if err := os.WriteFile(b.path(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// path is a file of the run's own folder, or the folder itself.
func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }
