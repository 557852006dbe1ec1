package cli

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"

	"liftalot/inventory"
	"liftalot/plan"
	"liftalot/plan/backup"
	"liftalot/plan/release"
	"liftalot/remote"
)

// target is one host of an invocation.
type target struct {
	*session
	host   inventory.Host
	client *remote.Client
}

func (s *session) target(h inventory.Host) *target {
	t := &target{session: s, host: h}
	t.client = remote.NewClient(t.config())
	return t
}

func (t *target) close() { _ = t.client.Close() }

// anotherClient is one more connection to the host, for bulk.
func (t *target) anotherClient() backup.Runner { return remote.NewClient(t.config()) }

// dir is the host's folder in the state.
func (s *session) dir(host string) string { return filepath.Join(s.state, "hosts", host) }

func (t *target) folder() string { return t.dir(t.host.Name) }

// backups is where the host's backups lie.
func (t *target) backups() string {
	if t.host.Backup.Folder != "" {
		return filepath.Join(t.host.Backup.Folder, t.host.Name)
	}
	return filepath.Join(t.folder(), "backups")
}

func (t *target) backupFolder(id string) string { return filepath.Join(t.backups(), id) }

// knownHosts is our own file; the user's are only read.
func (s *session) knownHosts() string { return filepath.Join(s.state, "known_hosts") }

func (t *target) config() remote.Config {
	c := t.hop(t.host)
	for _, j := range t.host.Jump {
		c.Jumps = append(c.Jumps, t.hop(j))
	}
	switch t.host.Sudo.Mode {
	case inventory.SudoNoPasswd:
		c.Sudo.Mode = remote.SudoNoPassword
	case inventory.SudoPassword:
		c.Sudo.Mode = remote.SudoPassword
		c.Sudo.Password = func(ctx context.Context) ([]byte, error) {
			return t.secretOf(ctx, t.host.Sudo.Password, fmt.Sprintf("sudo password of %s on %s", t.host.User, t.host.Name))
		}
	}
	return c
}

func (t *target) hop(h inventory.Host) remote.Config {
	agent := h.IdentityAgent
	switch agent {
	case "":
		agent = t.env.Getenv("SSH_AUTH_SOCK")
	case "none":
		agent = ""
	}
	return remote.Config{
		Name: h.Name, Address: h.Address, Port: h.Port, User: h.User, Identities: h.Identities, IdentitiesOnly: h.IdentitiesOnly,
		Certificates: h.Certificates, AgentSocket: agent, HostKeyAlias: h.HostKeyAlias, KnownHosts: []string{t.knownHosts()},
		UserKnownHosts: userKnownHosts(h), GlobalKnownHosts: globalKnownHosts(h), RevokedHostKeys: h.RevokedHostKeys,
		Known: &t.trusted, Keys: &t.sshKeys, Warn: t.warnOnce,
		Passphrase: func(ctx context.Context, file string) ([]byte, error) {
			got, err := t.ask(ctx, "passphrase of "+file)
			return got.Reveal(), err
		},
	}
}

func (t *target) settings() plan.Settings {
	return plan.Settings{
		Host: t.host.Name, Channel: t.host.Channel, ManifestHost: t.host.ManifestHost, Pin: plan.Pin(t.host.Pin),
		MaxDowntime: t.host.MaxDowntime, PublicURL: t.host.PublicURL, Credentials: t.host.Registry.Username != "", Allow: t.host.Allow,
		ProxyDigests: t.host.ProxyDigests,
		DumpTimeout:  t.host.Backup.DumpTimeout,
	}
}

// credentials is the registry login of the inventory, nil without one.
func (t *target) credentials() release.Credentials {
	if t.host.Registry.Username == "" {
		return nil
	}
	return func(ctx context.Context) (string, []byte, error) {
		password, err := t.secretOf(ctx, t.host.Registry.Password, fmt.Sprintf("password of %s at the registry %s", t.host.Registry.Username, t.host.Registry.Address))
		return t.host.Registry.Username, password, err
	}
}

// resolve finds and checks the release a host is to be lifted to.
func (t *target) resolve(ctx context.Context, f *plan.Facts) (plan.Release, error) {
	platform := "linux/amd64"
	if f.Docker.Arch != "" {
		platform = "linux/" + f.Docker.Arch
	}
	rel, err := t.offered(ctx, platform)
	if err != nil {
		return plan.Release{}, err
	}
	return planRelease(rel), nil
}

func planRelease(r *release.Release) plan.Release {
	ref := func(i release.Image) plan.Ref {
		return plan.Ref{Repo: i.Repo, Tag: i.Tag, Digest: i.Digest, Platform: i.PlatformDigest, Signature: string(i.Signature.State), Declared: i.Declared, KnownDigest: i.KnownDigest}
	}
	return plan.Release{
		Version: r.Version, Channel: r.Channel, Server: ref(r.Server), Updater: ref(r.Updater), Proxy: ref(r.Proxy),
		Key: r.KeyPEM, KeySHA256: r.KeySHA256, Signature: string(r.Manifest.State), Manifest: r.ManifestSHA256, Warnings: r.Warnings,
	}
}

// whoami is who a lock's loser reads.
func whoami() (name, machine string) {
	machine, _ = os.Hostname()
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return name, machine
}
