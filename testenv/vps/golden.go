package vps

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"liftalot/testenv/fakes"
	"liftalot/testenv/fakevendor/image"
	"liftalot/testenv/fakevendor/pki"
	"liftalot/testenv/images"
	"liftalot/testenv/scenarios"
	"liftalot/testenv/vps/engine"
)

const goldenPrefix = "liftalot-testenv-golden-"

// keepGolden is how many golden disks stay; each takes some 300 MB.
const keepGolden = 12

// golden returns the volume that servers of this layout start from, and makes
// it the first time.
//
// A volume cannot be renamed, so a marker file says that it is whole. Anything
// that goes into the disk goes into its name.
func (e *Env) golden(ctx context.Context, set images.Set, layout scenarios.Layout) (string, error) {
	keys, err := e.world(ctx)
	if err != nil {
		return "", err
	}
	name := goldenPrefix + layout.Name + "-" + goldenKey(set, layout, keys.CA)
	marker := filepath.Join(e.options.Cache, "golden", name)
	unlock, err := images.Lock(ctx, marker+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()

	_, inspectErr := e.docker.Output(ctx, "volume", "inspect", name)
	if inspectErr != nil && !engine.Missing(inspectErr) {
		return "", inspectErr
	}
	if _, err := os.Stat(marker); err == nil && inspectErr == nil {
		now := time.Now()
		return name, os.Chtimes(marker, now, now)
	}
	began := time.Now()
	if err := e.seed(ctx, set, layout, keys.CA, name); err != nil {
		return "", fmt.Errorf("install layout %s: %w", layout.Name, err)
	}
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		return "", fmt.Errorf("mark golden disk: %w", err)
	}
	e.logf("installed layout %s in %s", layout.Name, time.Since(began).Round(100*time.Millisecond))
	return name, e.pruneGolden(ctx)
}

func goldenKey(set images.Set, layout scenarios.Layout, ca []byte) string {
	sum := sha256.New()
	for _, part := range []string{
		set.VPS, set.Postgres, set.Programs.Fakes, layout.Release, layout.Server,
		string(layout.Compose), layout.Install, string(ca), set.Lane.PostgresRef(), installScript, buildFormat,
	} {
		fmt.Fprintf(sum, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(sum.Sum(nil))[:12]
}

// world returns the keys of the test world, which all owners share: images and
// golden disks trust them.
func (e *Env) world(ctx context.Context) (*pki.Keys, error) {
	folder := filepath.Join(e.options.Cache, "pki")
	unlock, err := images.Lock(ctx, folder+".lock")
	if err != nil {
		return nil, err
	}
	defer unlock()
	return pki.Load(folder)
}

// seed installs a stack on a fresh disk, fills it, and shuts it down cleanly.
func (e *Env) seed(ctx context.Context, set images.Set, layout scenarios.Layout, ca []byte, volume string) (err error) {
	// A volume without its marker is what an interrupted attempt left.
	if _, err := e.docker.Output(ctx, "volume", "rm", "--force", volume); err != nil {
		return err
	}
	args := append([]string{"volume", "create"}, e.labels(kindGolden)...)
	if _, err := e.docker.Output(ctx, append(args, volume)...); err != nil {
		return err
	}
	container := "liftalot-testenv-seed-" + volume[len(goldenPrefix):]
	m := machine{
		image: set.VPS, container: container, hostname: "golden", disk: volume,
		network: []string{"--network", "none"}, labels: e.seedLabels(),
	}
	// A killed process leaves the container, and its name would be taken.
	if _, err := e.docker.Output(ctx, "rm", "--force", container); err != nil && !engine.Missing(err) {
		return err
	}
	if err := m.create(ctx, e.docker); err != nil {
		return err
	}
	defer func() {
		_, rmErr := e.docker.Output(context.WithoutCancel(ctx), "rm", "--force", container)
		err = errors.Join(err, rmErr)
	}()
	if _, err := e.docker.Output(ctx, "start", container); err != nil {
		return err
	}
	return e.install(ctx, set, layout, ca, container)
}

// seedLabels end with this process even in a detached environment: nobody else
// will finish its work.
func (e *Env) seedLabels() []string {
	args := []string{"--label", labelMark + "=1", "--label", labelKind + "=" + kindSeed}
	if process, err := thisProcess(); err == nil {
		args = append(args, "--label", labelProcess+"="+process)
	}
	return args
}

// installScript runs in the compose folder, with the name that the compose file
// has for the database's image. It ends with a disk that the next
// boot takes for a new one, so that keys are made again.
const installScript = `loaded=$(docker images --format '{{.Repository}}:{{.Tag}}' | head -n 1)
docker tag "$loaded" "$postgres"
docker rmi "$loaded" >/dev/null
umask 022
bash install.sh
rm install.sh
docker compose up -d --build
docker builder prune --all --force >/dev/null
` + waitStack + `
docker exec "$(stack chatalot)" chatalot-server seed
rm -f /state/.laid-out
rm -rf /root/.ssh /home/*/.ssh
`

// buildFormat changes when what is put beside the compose file does.
const buildFormat = "1"

func (e *Env) install(ctx context.Context, set images.Set, layout scenarios.Layout, ca []byte, container string) error {
	if _, err := runIn(ctx, e.docker, container, waitEngine, nil); err != nil {
		return err
	}
	if err := e.loadPostgres(ctx, set.Postgres, container); err != nil {
		return err
	}
	entries, err := sourceTree(set.Programs, layout, ca)
	if err != nil {
		return err
	}
	archive, err := images.Tar(entries)
	if err != nil {
		return err
	}
	// Not docker cp: it would write beneath the disk that is bound there.
	unpack := "mkdir -p " + scenarios.Folder + " && tar -x -m -C " + scenarios.Folder
	if _, err := runIn(ctx, e.docker, container, unpack, bytes.NewReader(archive)); err != nil {
		return err
	}
	if _, err := runIn(ctx, e.docker, container, "set -eu\ncd "+scenarios.Folder+"\npostgres="+set.Lane.PostgresRef()+"\n"+installScript, nil); err != nil {
		return err
	}
	_, err = e.docker.Output(ctx, "stop", container)
	return err
}

// loadPostgres carries the database's image into the server's engine.
func (e *Env) loadPostgres(ctx context.Context, ref, container string) error {
	save := e.docker.Command(ctx, "save", ref)
	archive, err := save.StdoutPipe()
	if err != nil {
		return err
	}
	if err := save.Start(); err != nil {
		return fmt.Errorf("save database image: %w", err)
	}
	loadErr := e.docker.Stream(ctx, archive, io.Discard, "exec", "--interactive", container, "docker", "load", "--quiet")
	if err := save.Wait(); err != nil {
		return fmt.Errorf("save database image: %w", err)
	}
	return loadErr
}

// sourceTree is the compose folder before anything ran: a build that needs
// nothing from a network, in place of the real one's twenty minutes of Rust.
func sourceTree(programs images.Programs, layout scenarios.Layout, ca []byte) ([]images.Entry, error) {
	config, err := fakes.ForVersion(layout.Release)
	if err != nil {
		return nil, err
	}
	program, err := os.ReadFile(programs.Fakes)
	if err != nil {
		return nil, fmt.Errorf("read stand-in: %w", err)
	}
	busybox, err := os.ReadFile(programs.Busybox)
	if err != nil {
		return nil, fmt.Errorf("read busybox: %w", err)
	}
	rootfs, err := image.NewBuilder(program, busybox, ca).Rootfs(image.Server, config)
	if err != nil {
		return nil, err
	}
	dockerfile, err := image.Dockerfile(image.Server)
	if err != nil {
		return nil, err
	}
	return []images.Entry{
		{Path: scenarios.ComposeFile, Data: layout.Compose, Mode: 0o644},
		{Path: "Dockerfile", Data: []byte(dockerfile), Mode: 0o644},
		{Path: image.RootfsName, Data: rootfs, Mode: 0o644},
		{Path: "install.sh", Data: []byte(layout.Install), Mode: 0o700},
	}, nil
}

// pruneGolden removes the disks that were not used for longest. One that a
// server still refers to cannot be removed and is left for later.
func (e *Env) pruneGolden(ctx context.Context) error {
	folder := filepath.Join(e.options.Cache, "golden")
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("list golden disks: %w", err)
	}
	type disk struct {
		name string
		used time.Time
	}
	var disks []disk
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && !strings.HasSuffix(entry.Name(), ".lock") {
			disks = append(disks, disk{entry.Name(), info.ModTime()})
		}
	}
	slices.SortFunc(disks, func(a, b disk) int { return b.used.Compare(a.used) })
	for _, d := range disks[min(keepGolden, len(disks)):] {
		_, err := e.docker.Output(ctx, "volume", "rm", d.name)
		if err != nil && !engine.Missing(err) {
			continue
		}
		if err := os.Remove(filepath.Join(folder, d.name)); err != nil {
			return fmt.Errorf("forget golden disk: %w", err)
		}
	}
	return nil
}
