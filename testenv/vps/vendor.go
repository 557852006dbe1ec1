package vps

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"liftalot/testenv/fakevendor"
	"liftalot/testenv/fakevendor/pki"
	"liftalot/testenv/images"
	"liftalot/testenv/vps/engine"
)

// The ports of the vendor's hosts beside 443.
const (
	proxyPort = 3128
	adminPort = 8090
)

func (e *Env) vendor() string { return e.network() + "-vendor" }

// startFixture starts the vendor's hosts, unless this version of them runs. A
// new one has forgotten the releases and faults of the old.
func (e *Env) startFixture(ctx context.Context, set images.Set) error {
	keys, err := e.world(ctx)
	if err != nil {
		return err
	}
	if err := os.WriteFile(e.CAFile(), keys.CA, 0o644); err != nil {
		return fmt.Errorf("write authority: %w", err)
	}
	running, err := e.docker.Output(ctx, "container", "inspect", "--format",
		"{{.Config.Image}} {{.State.Running}}", e.vendor())
	if err != nil && !engine.Missing(err) {
		return err
	}
	if running != set.Fixture+" true" {
		if err := e.replaceFixture(ctx, set); err != nil {
			return fmt.Errorf("start vendor's hosts: %w", err)
		}
	}
	e.fixture = e.fixtureClient()
	return e.waitFixture(ctx)
}

func (e *Env) replaceFixture(ctx context.Context, set images.Set) error {
	if _, err := e.docker.Output(ctx, "rm", "--force", e.vendor()); err != nil && !engine.Missing(err) {
		return err
	}
	args := []string{
		"create", "--name", e.vendor(), "--hostname", "vendor",
		"--network", e.network(), "--ip", e.fixtureAddr().String(),
		"--network-alias", pki.RegistryHost, "--network-alias", pki.ManifestHost,
	}
	args = append(args, e.labels(kindFixture, labelAddr, e.fixtureAddr().String())...)
	if _, err := e.docker.Output(ctx, append(args, set.Fixture)...); err != nil {
		return err
	}
	entries, err := worldEntries(filepath.Join(e.options.Cache, "pki"))
	if err != nil {
		return err
	}
	if err := put(ctx, e.docker, e.vendor(), entries); err != nil {
		return err
	}
	_, err = e.docker.Output(ctx, "start", e.vendor())
	return err
}

// worldEntries is the folder of keys as the vendor's container wants it.
func worldEntries(folder string) ([]images.Entry, error) {
	files, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	entries := []images.Entry{{Path: "data/", Mode: 0o755}}
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(folder, f.Name()))
		if err != nil {
			return nil, fmt.Errorf("read keys: %w", err)
		}
		entries = append(entries, images.Entry{Path: "data/" + f.Name(), Data: data, Mode: 0o600})
	}
	return entries, nil
}

func (e *Env) fixtureClient() *fakevendor.Client {
	return fakevendor.NewClient("http://" + netip.AddrPortFrom(e.fixtureAddr(), adminPort).String())
}

// waitFixture returns when the vendor's hosts serve.
func (e *Env) waitFixture(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err := e.fixture.Ready(ctx)
	if err != nil {
		said, _ := e.docker.Output(context.WithoutCancel(ctx), "logs", "--tail", "5", e.vendor())
		return fmt.Errorf("vendor's hosts: %w: %s", err, said)
	}
	return nil
}
