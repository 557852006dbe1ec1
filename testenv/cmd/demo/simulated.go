package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"liftalot/testenv/fakevendor"
	"liftalot/testenv/sim"
	"liftalot/testenv/sim/dash"
	"liftalot/testenv/sim/engine"
	"liftalot/testenv/sim/machine"
)

// simulated is said first and last, so that nobody takes the model for a server.
const simulated = "SIMULATED: no Docker engine answers here. The servers are models inside this program; the tool, its scripts, SSH, the vendor's hosts and the signatures are real."

// simStage is modelled servers in this process, and the vendor's hosts beside
// them. Only the images are of the model: a simulated engine runs no programs.
type simStage struct {
	folder  string
	vendor  *fakevendor.Vendor
	shell   *dash.Parser
	login   ssh.PublicKey
	servers []*sim.Server
}

func openSimulated(ctx context.Context, folder string) (_ stage, err error) {
	s := &simStage{folder: folder, shell: new(dash.Parser)}
	if s.vendor, err = fakevendor.Start(ctx, fakevendor.Options{}); err != nil {
		return nil, err
	}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, s.close(ctx))
	}
	return s, nil
}

// prepare writes what a workstation has: the login, sudo's password, and the
// authority that the vendor's hosts are trusted by.
func (s *simStage) prepare() error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return err
	}
	if s.login, err = ssh.NewPublicKey(public); err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		"id_ed25519": pem.EncodeToMemory(block), "sudo-password": []byte(rand.Text() + "\n"), "vendor-ca.pem": s.vendor.CA(),
	} {
		if err := os.WriteFile(filepath.Join(s.folder, name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (s *simStage) boot(ctx context.Context) ([]server, error) {
	offer, err := s.vendor.SetRelease(ctx, fakevendor.Release{Version: "0.24.6"})
	if err != nil {
		return nil, err
	}
	password, err := os.ReadFile(s.passwordFile())
	if err != nil {
		return nil, err
	}
	var servers []server
	for _, c := range []struct {
		name   string
		layout sim.Layout
		user   machine.User
	}{
		{"acme", sim.Public, machine.User{Name: "deploy", Sudo: machine.SudoFreely}},
		{"globex", sim.Staged, machine.User{Name: "ops", Sudo: machine.SudoPassword, Password: strings.TrimSpace(string(password))}},
	} {
		h, err := sim.NewServerOf(c.layout, sim.Options{Machine: machine.Options{Hostname: c.name}, Shell: s.shell}, engine.App{Boot: 2 * time.Second})
		if err != nil {
			return nil, err
		}
		s.servers = append(s.servers, h)
		if err := stock(h, offer); err != nil {
			return nil, err
		}
		c.user.UID, c.user.GID, c.user.Keys = 1000, 1000, [][]byte{s.login.Marshal()}
		h.Machine.AddUser(c.user)
		servers = append(servers, server{
			name: c.name, addr: h.Addr, port: h.Port, user: c.user.Name, keyFile: filepath.Join(s.folder, "id_ed25519"),
			hostKey: string(ssh.MarshalAuthorizedKey(h.HostKey)), look: func(context.Context) ([]item, error) { return lookAtModel(h) },
		})
	}
	return servers, nil
}

// unapplied: of the model's compose only what was recorded can be asked, so it is the
// container that runs with something else than the file says.
func (s *simStage) unapplied(context.Context) error {
	acme := s.servers[0]
	acme.Machine.Do(func() {
		c := acme.Engine.Container(acme.Layout.Server)
		c.Env = slices.Clone(c.Env)
		for i, v := range c.Env {
			if strings.HasPrefix(v, "RUST_LOG=") {
				c.Env[i] = "RUST_LOG=debug"
			}
		}
	})
	return nil
}

// stock gives the model's registry the images under the digests that the vendor
// has signed.
func stock(h *sim.Server, offer fakevendor.Published) error {
	recorded, err := sim.ReleaseImages()
	if err != nil {
		return err
	}
	h.Engine.Offered = map[string]string{}
	for service, now := range map[string]string{"chatalot": offer.ImageDigest, "chatalot-updater": offer.UpdaterDigest, "chatalot-socket-proxy": offer.ProxyDigest} {
		image, ok := h.Engine.Registry[recorded[service]]
		if !ok {
			return fmt.Errorf("the model has no image of %s", service)
		}
		repo, was, _ := strings.Cut(recorded[service], "@")
		ref := repo + "@" + now
		copied := *image
		copied.Digests = []string{ref}
		h.Engine.Registry[ref], h.Engine.Offered[was] = &copied, now
	}
	return nil
}

// simLookScript prints items as look.sh does, as far as the model's tools go.
//
//go:embed look-model.sh
var simLookScript string

// lookAtModel sees a simulated server past SSH, and its tables in the model
// itself.
func lookAtModel(h *sim.Server) ([]item, error) {
	h.Machine.Settle()
	said, status := h.Shell(simLookScript)
	if status != 0 {
		return nil, fmt.Errorf("exit status %d: %s", status, said)
	}
	items, err := parseItems(said)
	if err != nil {
		return nil, err
	}
	var rows string
	h.Machine.Do(func() { rows = count(h.Engine.Databases.Databases["chatalot"].Tables) })
	return append(items, item{"rows", rows}), nil
}

// count tells the rows of all tables, and by name of those that hold the client's.
func count(tables map[string]int) string {
	all, own := 0, ""
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		all += tables[name]
		if !strings.HasPrefix(name, "of_migration_") {
			own += fmt.Sprintf(", %s %d", name, tables[name])
		}
	}
	return fmt.Sprintf("%d tables, %d rows%s", len(tables), all, own)
}

func (s *simStage) cosignKey(context.Context) (string, error) { return s.vendor.KeyFingerprint(), nil }
func (s *simStage) passwordFile() string                      { return filepath.Join(s.folder, "sudo-password") }

func (s *simStage) environ() []string {
	return []string{"HTTPS_PROXY=" + s.vendor.ProxyURL(), "SSL_CERT_FILE=" + filepath.Join(s.folder, "vendor-ca.pem")}
}

func (s *simStage) close(context.Context) error {
	errs := []error{s.vendor.Close()}
	for _, h := range s.servers {
		errs = append(errs, h.Close())
	}
	return errors.Join(errs...)
}
