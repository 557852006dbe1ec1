// Package inventory reads the user's hosts file and says, for each host, what
// it should be and how it is reached. It opens no connection and asks for no
// time; besides the inventory itself it reads only the user's ssh_config, and runs
// only what that asks in a Match exec, where the inventory allows it.
//
// Start with [Load], then [Inventory.Select]:
//
//	inv, err := inventory.Load("inventory.yml")
//	hosts, err := inv.Select("@eu", "!acme")
//
// # The file
//
//	version: 1
//	defaults: {user: deploy, channel: stable}
//	groups:
//	  eu: [acme, globex]
//	  canaries: {hosts: [globex], channel: beta}
//	hosts:
//	  acme:
//	    address: 203.0.113.7
//	    sudo: env:ACME_SUDO
//	    registry: {username: acme, password: "command:pass show acme/registry"}
//
// The keys of a host are address, port, user, identity, jump, ssh_commands, password, sudo,
// compose_dir, channel or version, pin, registry (address, username,
// password, token_host), backup (recipients, folder, bucket, bucket_login, dump_timeout), public_url, max_downtime, labels,
// require_signature, cosign_key_sha256, manifest_host, proxy_digests and allow. Defaults and groups take the
// same keys, save address.
//
// Names of hosts and groups are lower case letters, digits, dot, dash and
// underscore, because they become folder names on every system.
//
// # Where a value comes from
//
// The nearest wins: the host, then its groups (the group written later in the
// file before the earlier one), then defaults, then ssh_config, then what is
// built in. Lists are replaced as a whole; labels, registry and backup are merged
// key by key. [Host.From] says for each value where it was found.
//
// In ssh_config a block applies when it matches the host's name here or its
// address. HostName, User, Port, IdentityFile, IdentitiesOnly,
// CertificateFile, IdentityAgent, UserKnownHostsFile, GlobalKnownHostsFile,
// RevokedHostKeys, HostKeyAlias, ProxyJump and ProxyCommand are read as OpenSSH
// reads them, with Include, Host and Match. What ssh would follow and we cannot,
// or must not without being told (ssh_commands), is in [Host.Blocked]: such a host
// is not to be dialled, because it would be another one, or another user. What a
// block that may apply names as RevokedHostKeys counts, since it can only refuse.
//
// # Strictness
//
// Unknown and repeated keys, names that are never defined, values of the wrong
// type and secrets in plain text are errors. All of them are reported, as
// [Errors], each with file, line and key. The text of a value that may be a
// secret is never part of an error.
//
// # Secrets
//
// The file names secrets and never holds them: see [SecretRef] for the
// forms and [Secret] for what comes out.
package inventory

import (
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
)

// maxFile bounds the inventory: a thousand hosts with every key set take about
// 1 MiB, so anything larger is some other file.
const maxFile = 8 << 20

// An Inventory is a file that was read and found right, with every host
// resolved.
type Inventory struct {
	File     string   // the path as given to Load
	Warnings []string // what was left out of ssh_config, one sentence each

	hosts  []Host
	groups []group
}

type group struct {
	name  string
	hosts []string
}

// Hosts returns all hosts in the order of the file.
func (inv *Inventory) Hosts() []Host {
	hosts := make([]Host, len(inv.hosts))
	for i, h := range inv.hosts {
		hosts[i] = h.clone()
	}
	return hosts
}

// Groups returns the names of the groups in the order of the file.
func (inv *Inventory) Groups() []string {
	names := make([]string, len(inv.groups))
	for i, g := range inv.groups {
		names[i] = g.name
	}
	return names
}

// An Option changes what [Load] takes from its surroundings.
type Option func(*environment)

// environment is what an inventory depends on besides its own text.
type environment struct {
	dir       string // relative paths start here
	home      string
	user      string
	sshConfig []string
	decisions []string // nil: any slug is accepted under allow
}

// WithSSHConfig names the ssh_config files to read, in order of precedence,
// instead of the user's and the system's. No path means none is read.
func WithSSHConfig(paths ...string) Option {
	return func(s *environment) { s.sshConfig = paths }
}

// WithHome sets the folder that "~" stands for.
func WithHome(dir string) Option {
	return func(s *environment) { s.home = dir }
}

// WithLocalUser sets the name used where neither the inventory nor ssh_config
// names a user.
func WithLocalUser(name string) Option {
	return func(s *environment) { s.user = name }
}

// WithDecisions restricts the words accepted under the key allow, so that a
// misspelt permission is an error and not a permission that never applies. A name
// that ends with a colon goes before what the permission is for.
func WithDecisions(names ...string) Option {
	return func(s *environment) { s.decisions = names }
}

func newSurroundings(dir string, opts []Option) *environment {
	s := &environment{dir: dir}
	s.home, _ = os.UserHomeDir()
	if u, err := user.Current(); err == nil {
		s.user = u.Username
	}
	s.sshConfig = []string{filepath.Join(s.home, ".ssh", "config"), systemSSHConfig}
	for _, opt := range opts {
		opt(s)
	}
	return s
}

// Load reads the inventory at path. Everything wrong with it is in the error,
// which is then an [Errors].
func Load(path string, opts ...Option) (*Inventory, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading inventory: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading inventory: %w", err)
	}
	return Parse(path, data, opts...)
}

// Parse is [Load] for text that is already in memory; name is the path that
// errors speak of and that relative paths start from.
func Parse(name string, data []byte, opts ...Option) (*Inventory, error) {
	env := newSurroundings(filepath.Dir(name), opts)
	doc, errs := readDocument(name, data, env)
	if len(errs) > 0 {
		return nil, errs
	}
	ssh, errs := readSSHConfig(env)
	if len(errs) > 0 {
		return nil, errs
	}
	return resolve(name, doc, ssh, env)
}
