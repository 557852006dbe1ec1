// Package image builds the vendor's images from the stand-in program, inside
// the process and without an engine.
//
// Every image is FROM scratch: a busybox for the shell that health checks
// need, the stand-in under the names of the programs it plays, the test
// authority, and the settings of the stand-in. The same input gives the same
// bytes, so digests hold from one run to the next.
//
// A [Builder] gives an image as the registry wants it ([Builder.Image],
// [Builder.Index]), or as the tree a "build: ." finds on a client's server:
// [Builder.Rootfs] beside [Dockerfile].
package image

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"liftalot/testenv/fakes"
)

// A Kind is one of the vendor's images; its text is the image's name in the
// vendor's registry.
type Kind string

// The vendor's three images.
const (
	Server      Kind = "chatalot"
	Updater     Kind = "chatalot-updater"
	SocketProxy Kind = "docker-socket-proxy"
)

// built is when every image says it was made.
func built() time.Time { return time.Date(2026, 4, 19, 12, 0, 0, 0, time.UTC) }

// A Builder builds images from one stand-in program. Its methods may be called
// at the same time.
type Builder struct {
	program, busybox, ca []byte

	base    func() (v1.Layer, error)
	standin func() (v1.Layer, error)
}

// NewBuilder takes the stand-in program, a static busybox and the authority
// the images trust. For tests that run no image any bytes will do.
func NewBuilder(program, busybox, ca []byte) *Builder {
	b := &Builder{program: program, busybox: busybox, ca: ca}
	b.base = sync.OnceValues(func() (v1.Layer, error) { return newLayer(b.baseEntries()) })
	b.standin = sync.OnceValues(func() (v1.Layer, error) { return newLayer(b.programEntries()) })
	return b
}

// Image returns the image for one architecture. There is one program: images
// for the others differ in what they say they are.
func (b *Builder) Image(kind Kind, c fakes.Config, arch string) (v1.Image, error) {
	own, err := ownEntries(kind, c)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", kind, err)
	}
	base, err := b.base()
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", kind, err)
	}
	program, err := b.standin()
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", kind, err)
	}
	top, err := newLayer(own)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", kind, err)
	}
	img, err := mutate.AppendLayers(empty.Image, base, program, top)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", kind, err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", kind, err)
	}
	file = file.DeepCopy()
	file.Architecture = arch
	file.OS = "linux"
	file.Created = v1.Time{Time: built()}
	file.Config = runConfig(kind)
	return mutate.ConfigFile(img, file)
}

// Index returns one image for several architectures.
func (b *Builder) Index(kind Kind, c fakes.Config, archs ...string) (v1.ImageIndex, error) {
	adds := make([]mutate.IndexAddendum, 0, len(archs))
	for _, arch := range archs {
		img, err := b.Image(kind, c, arch)
		if err != nil {
			return nil, err
		}
		adds = append(adds, mutate.IndexAddendum{
			Add:        img,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	return mutate.AppendManifests(empty.Index, adds...), nil
}

// Rootfs returns the whole file system of an image as one tar, owners
// included. A Dockerfile's ADD unpacks it with those owners.
func (b *Builder) Rootfs(kind Kind, c fakes.Config) ([]byte, error) {
	own, err := ownEntries(kind, c)
	if err != nil {
		return nil, fmt.Errorf("rootfs %s: %w", kind, err)
	}
	all := append(b.baseEntries(), b.programEntries()...)
	return writeTar(append(all, own...))
}

// Dockerfile returns the build file that goes beside [RootfsName]. It names no
// base image and no syntax, so a build asks the network for nothing.
func Dockerfile(kind Kind) (string, error) {
	c := runConfig(kind)
	var s strings.Builder
	fmt.Fprintf(&s, "FROM scratch\nADD %s /\n", RootfsName)
	for _, env := range c.Env {
		fmt.Fprintf(&s, "ENV %s\n", env)
	}
	if c.WorkingDir != "" {
		fmt.Fprintf(&s, "WORKDIR %s\n", c.WorkingDir)
	}
	if c.User != "" {
		fmt.Fprintf(&s, "USER %s\n", c.User)
	}
	for port := range c.ExposedPorts {
		fmt.Fprintf(&s, "EXPOSE %s\n", port)
	}
	if h := c.Healthcheck; h != nil {
		fmt.Fprintf(&s, "HEALTHCHECK --interval=%s --timeout=%s --retries=%d CMD %s\n",
			h.Interval, h.Timeout, h.Retries, h.Test[1])
	}
	cmd, err := json.Marshal(c.Cmd)
	if err != nil {
		return "", fmt.Errorf("dockerfile %s: %w", kind, err)
	}
	fmt.Fprintf(&s, "CMD %s\n", cmd)
	return s.String(), nil
}

// RootfsName is the file a [Dockerfile] adds.
const RootfsName = "rootfs.tar"

// runConfig is how an engine runs the image.
func runConfig(kind Kind) v1.Config {
	c := v1.Config{Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin"}}
	switch kind {
	case Server:
		c.User = "chatalot"
		c.WorkingDir = "/app"
		c.ExposedPorts = map[string]struct{}{"8080/tcp": {}}
		c.Cmd = []string{"chatalot-server"}
		c.Healthcheck = &v1.HealthConfig{
			Test:     []string{"CMD-SHELL", "curl -f http://localhost:8080/api/health || exit 1"},
			Interval: 30 * time.Second,
			Timeout:  10 * time.Second,
			Retries:  3,
		}
	case Updater:
		c.User = "chatalot-updater"
		c.ExposedPorts = map[string]struct{}{"8081/tcp": {}}
		c.Cmd = []string{"chatalot-updater"}
	case SocketProxy:
		c.ExposedPorts = map[string]struct{}{"2375/tcp": {}}
		c.Cmd = []string{"docker-socket-proxy"}
	}
	return c
}

// newLayer packs entries once and keeps the packed bytes.
func newLayer(entries []entry) (v1.Layer, error) {
	data, err := writeTar(entries)
	if err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	return tarball.LayerFromOpener(open, tarball.WithCompressedCaching, tarball.WithCompressionLevel(gzip.BestSpeed))
}
