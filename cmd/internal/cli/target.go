package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"liftalot/inventory"
	"liftalot/plan"
	"liftalot/plan/backup"
	"liftalot/plan/journal"
	"liftalot/plan/probe"
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
func (t *target) planFile() string              { return filepath.Join(t.folder(), "plan.json") }
func (t *target) runPlan(id string) string      { return filepath.Join(t.folder(), "runs", id, "plan.json") }

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

// look takes a fresh look at the host. It changes nothing there, so a line that
// broke in the middle is no reason not to look again. A host that has let its time
// pass in silence is not asked a second time: many wait behind it.
func (t *target) look(ctx context.Context) (*plan.Facts, error) {
	for tries := 1; ; tries++ {
		f, err := probe.Look(ctx, t.client, probe.Options{Host: t.host.Name, ComposeDir: t.host.ComposeDir, Places: plan.Places()})
		broke := errors.Is(err, remote.ErrUnknownOutcome) && !errors.Is(err, os.ErrDeadlineExceeded)
		if !broke || tries == maxLooks {
			return f, looked(err)
		}
		if perr := remote.Pause(ctx, lookPause); perr != nil {
			return nil, looked(err)
		}
	}
}

// lookAndLearn takes a look at a host that is about to be changed, and tells the
// redactor of what may be a secret in the client's files: from here on the words of its
// containers are shown and kept, and they may repeat it.
func (t *target) lookAndLearn(ctx context.Context) (*plan.Facts, error) {
	f, err := t.look(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range f.FileSecrets() {
		t.secret.Add([]byte(s))
	}
	return f, nil
}

const (
	maxLooks  = 3
	lookPause = 2 * time.Second
)

// lookError is a look that told nothing. Why is inside; without a better reason
// the host answers as no server does that could be lifted.
type lookError struct{ err error }

func (e *lookError) Error() string { return e.err.Error() }
func (e *lookError) Unwrap() error { return e.err }

func looked(err error) error {
	if err == nil {
		return nil
	}
	return &lookError{err}
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

// newID names a plan and its run: sortable, in UTC, and unlike any other even
// when two laptops plan in the same second.
func (t *target) newID() (string, error) {
	tail := make([]byte, 3)
	if _, err := rand.Read(tail); err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return t.env.Now().UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(tail), nil
}

// whoami is who a lock's loser reads.
func whoami() (name, machine string) {
	machine, _ = os.Hostname()
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return name, machine
}

// savedPlan reads a host's saved plan and its hash; without one the error is
// [fs.ErrNotExist].
func (t *target) savedPlan() (*plan.Plan, string, error) {
	return readPlan(t.planFile(), fmt.Sprintf("\"liftalot plan %s\" makes a new one", t.host.Name))
}

// planOf reads the plan of a run and its hash. A journal that names a run has its plan
// beside it.
func (t *target) planOf(run string) (*plan.Plan, string, error) {
	const hint = "put it back from a copy of the state folder: the way back of the run is in it"
	p, hash, err := readPlan(t.runPlan(run), hint)
	if errors.Is(err, fs.ErrNotExist) {
		err = &journal.DamagedError{Path: t.runPlan(run), Reason: "the plan of run " + run + " is gone; " + hint}
	}
	return p, hash, err
}

func readPlan(file, hint string) (*plan.Plan, string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, "", err
	}
	p, err := plan.Decode(data)
	var newer *plan.NewerError
	switch {
	case errors.As(err, &newer):
		return nil, "", fmt.Errorf("%s: %w", file, err)
	case err != nil:
		return nil, "", &journal.DamagedError{Path: file, Reason: err.Error() + "; " + hint}
	}
	return p, plan.Hash(data), nil
}

// savePlan writes a plan and returns its hash.
func savePlan(file string, p *plan.Plan) (string, error) {
	data, err := p.Encode()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return "", fmt.Errorf("save the plan: %w", err)
	}
	if err := journal.WriteFile(file, data, 0o600); err != nil {
		return "", fmt.Errorf("save the plan: %w", err)
	}
	return plan.Hash(data), nil
}

// runs tells the host's history, without touching anything.
func (t *target) runs() ([]journal.RunState, error) {
	c, err := journal.Load(t.folder(), t.host.Name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return journal.Runs(c.Records), nil
}
