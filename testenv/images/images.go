// Package images makes the images that throw-away servers are built from.
//
// Four are made, all of them on this machine and without an image registry:
//
//	base      debian:trixie-slim if it is here or can be pulled, else the same
//	          from Debian's packages with mmdebstrap (needs root and apt)
//	vps       the server itself: an engine, Compose, OpenSSH, sudo
//	postgres  what compose files call postgres:17
//	fixture   the vendor's registry and manifest host, with the programs it
//	          puts into the images it offers
//
// Servers of another [Lane] have their own base, vps and postgres, from another
// Debian or with programs built from their modules; fixture, and with it every
// image that the vendor offers, is one for all.
//
// A tag is the hash of everything an image is made from, so a machine that has
// built one never builds it again and a change in a Dockerfile is a new image.
// Builds are serialised between processes by a lock in the cache folder.
//
// [Builder.All] makes what is missing. Images carry [Label] and stay until
// [Builder.Remove].
package images

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"liftalot/testenv/vps/engine"
)

// Label marks every image made here; its value is the image's kind.
const Label = "liftalot.testenv.image"

// repository is where our tags live on the engine: never a name someone else
// could have meant.
const repository = "liftalot-testenv"

//go:embed all:vps all:postgres all:lane
var contexts embed.FS

// A Builder makes images on one engine.
type Builder struct {
	docker engine.Docker
	cache  string
	log    io.Writer
	mu     sync.Mutex // guards log
}

// New returns a builder that keeps compiled programs in the folder cache and
// writes one line to log for each thing it makes.
func New(docker engine.Docker, cache string, log io.Writer) *Builder {
	return &Builder{docker: docker, cache: cache, log: log}
}

// A Set is everything a throw-away server needs.
type Set struct {
	Lane     Lane
	VPS      string // image references
	Postgres string
	Fixture  string
	Programs Programs
}

// All makes what is missing for servers of the lane and returns the references.
func (b *Builder) All(ctx context.Context, lane Lane) (Set, error) {
	set, err := b.common(ctx)
	if err != nil || lane.Name == set.Lane.Name {
		return set, err
	}
	// Those who want no lane do not wait for the programs of one.
	unlock, err := Lock(ctx, filepath.Join(b.cache, "lanes.lock"))
	if err != nil {
		return Set{}, err
	}
	defer unlock()
	set.Lane = lane
	if set.VPS, err = b.server(ctx, lane); err != nil {
		return Set{}, err
	}
	set.Postgres, err = b.postgres(ctx, lane)
	return set, err
}

// common makes what the first lane needs, part of which all share.
func (b *Builder) common(ctx context.Context) (Set, error) {
	unlock, err := Lock(ctx, filepath.Join(b.cache, "images.lock"))
	if err != nil {
		return Set{}, err
	}
	defer unlock()

	set := Set{Lane: Lanes()[0]}
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		set.Programs, err = b.compile(groupCtx)
		return err
	})
	group.Go(func() (err error) {
		if set.VPS, err = b.server(groupCtx, set.Lane); err != nil {
			return err
		}
		set.Postgres, err = b.postgres(groupCtx, set.Lane)
		return err
	})
	if err := group.Wait(); err != nil {
		return Set{}, err
	}
	if set.Programs.Busybox, err = b.busybox(ctx, set.VPS); err != nil {
		return Set{}, err
	}
	set.Fixture, err = b.vendorImage(ctx, set.Programs)
	return set, err
}

// postgres makes the lane's database image from the Debian that has that
// version.
func (b *Builder) postgres(ctx context.Context, lane Lane) (string, error) {
	suite, data := "trixie", lane.postgresData()
	switch {
	case lane.Postgres < 17:
		suite = "bookworm"
	case lane.Postgres > 17:
		suite, data = "sid", fmt.Sprintf("%s/%d/docker", data, lane.Postgres)
	}
	base, err := b.base(ctx, suite)
	if err != nil {
		return "", err
	}
	kind := "postgres"
	if lane.Postgres != Lanes()[0].Postgres {
		kind = fmt.Sprintf("postgres-%d", lane.Postgres)
	}
	return b.build(ctx, kind, "postgres", base,
		fmt.Sprintf("PG=%d", lane.Postgres), "DATA="+data, "VOLUME="+lane.postgresData())
}

// build makes one image from an embedded context, unless it is there.
func (b *Builder) build(ctx context.Context, kind, folder, base string, with ...string) (string, error) {
	baseID, err := b.docker.Output(ctx, "image", "inspect", "--format", "{{.Id}}", base)
	if err != nil {
		return "", fmt.Errorf("look at base image: %w", err)
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %q\n", baseID, with)
	files, err := contextTar(folder, sum)
	if err != nil {
		return "", err
	}
	ref := tag(kind, sum.Sum(nil))
	if b.has(ctx, ref) {
		return ref, nil
	}
	began := time.Now()
	args := []string{"build", "--quiet", "--rm", "--force-rm", "--label", Label + "=" + kind, "--build-arg", "BASE=" + base}
	for _, value := range with {
		args = append(args, "--build-arg", value)
	}
	err = b.docker.Stream(ctx, files, io.Discard, append(args, "--tag", ref, "-")...)
	if err != nil {
		return "", fmt.Errorf("build %s image: %w", kind, err)
	}
	b.made(kind+" image", began)
	return ref, nil
}

// Remove deletes every image made here, of this and of earlier versions.
func (b *Builder) Remove(ctx context.Context) error {
	refs, err := b.docker.Lines(ctx, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "label="+Label)
	if err != nil || len(refs) == 0 {
		return err
	}
	var failed []error
	for _, ref := range refs {
		_, err := b.docker.Output(ctx, "image", "rm", ref)
		if err != nil && !engine.Missing(err) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

func (b *Builder) has(ctx context.Context, ref string) bool {
	_, err := b.docker.Output(ctx, "image", "inspect", "--format", "{{.Id}}", ref)
	return err == nil
}

// made tells the person waiting what took the time.
func (b *Builder) made(what string, began time.Time) {
	b.say("made %s in %s", what, time.Since(began).Round(100*time.Millisecond))
}

func (b *Builder) say(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fmt.Fprintf(b.log, "testenv: "+format+"\n", args...)
}

func tag(kind string, sum []byte) string {
	return repository + "/" + kind + ":" + hex.EncodeToString(sum)[:12]
}

// Lock takes a lock file, waiting for other processes until ctx ends.
func Lock(ctx context.Context, path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make lock folder: %w", err)
	}
	lock := flock.New(path)
	if _, err := lock.TryLockContext(ctx, 50*time.Millisecond); err != nil {
		return nil, fmt.Errorf("wait for %s: %w", path, err)
	}
	// The file stays: removing it would let two holders in.
	return func() { _ = lock.Unlock() }, nil
}

// contextTar is an embedded folder as a build context. Its bytes also go to
// sum, so that the tag changes with any file.
func contextTar(dir string, sum io.Writer) (io.Reader, error) {
	entries, err := contextEntries(dir)
	if err != nil {
		return nil, err
	}
	archive, err := Tar(entries)
	if err != nil {
		return nil, err
	}
	_, err = sum.Write(archive)
	return bytes.NewReader(archive), err
}

func contextEntries(dir string) ([]Entry, error) {
	sub, err := fs.Sub(contexts, dir)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	err = fs.WalkDir(sub, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(sub, path)
		entries = append(entries, Entry{Path: path, Data: data, Mode: 0o644})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %s context: %w", dir, err)
	}
	return entries, nil
}
