package images

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Programs are static binaries for the engine's architecture, as files whose
// names change with their content.
type Programs struct {
	Fakes   string // play chatalot's own images
	Vendor  string // plays the vendor's hosts
	Busybox string // /bin/sh for health checks inside the images
}

// mainPackages are compiled from this module, so what is tested is what is
// written.
const (
	fakesPackage  = "liftalot/testenv/fakes/cmd/fakes"
	vendorPackage = "liftalot/testenv/fakevendor/cmd/fakevendor"
)

// compile builds our own programs. Go's cache makes a second time cheap.
func (b *Builder) compile(ctx context.Context) (Programs, error) {
	began := time.Now()
	folder := filepath.Join(b.cache, "programs")
	fakes, newFakes, err := b.goBuild(ctx, folder, fakesPackage)
	if err != nil {
		return Programs{}, err
	}
	vendor, newVendor, err := b.goBuild(ctx, folder, vendorPackage)
	if err != nil {
		return Programs{}, err
	}
	if newFakes || newVendor {
		b.made("programs", began)
	}
	return Programs{Fakes: fakes, Vendor: vendor}, nil
}

// goBuild compiles into a fixed file, which lets the go command see that
// nothing changed, and copies the result under the name of its content, which
// lets another process keep using the one it started with.
func (b *Builder) goBuild(ctx context.Context, folder, pkg string) (file string, fresh bool, err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", false, fmt.Errorf("make programs folder: %w", err)
	}
	latest := filepath.Join(folder, path.Base(pkg))
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags=-s -w", "-o", latest, pkg)
	build.Env = append(build.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+b.docker.Arch(), "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		return "", false, fmt.Errorf("build %s (inside the source tree, with the go command): %w: %s", pkg, err, bytes.TrimSpace(out))
	}
	data, err := os.ReadFile(latest)
	if err != nil {
		return "", false, fmt.Errorf("read program: %w", err)
	}
	return keep(folder, path.Base(pkg), data)
}

// keep stores data under a name that holds its hash.
func keep(folder, name string, data []byte) (file string, fresh bool, err error) {
	sum := sha256.Sum256(data)
	file = filepath.Join(folder, name+"-"+hex.EncodeToString(sum[:])[:12])
	if _, err := os.Stat(file); err == nil {
		return file, false, nil
	}
	part := file + ".part"
	if err := os.WriteFile(part, data, 0o755); err != nil {
		return "", false, fmt.Errorf("keep program: %w", err)
	}
	return file, true, os.Rename(part, file)
}

// busybox takes the static shell out of the server image, so that nothing is
// asked of the workstation.
func (b *Builder) busybox(ctx context.Context, vps string) (string, error) {
	folder := filepath.Join(b.cache, "programs")
	file := filepath.Join(folder, "busybox-"+vps[strings.LastIndexByte(vps, ':')+1:])
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	id, err := b.docker.Output(ctx, "create", "--label", Label+"=scratch", vps)
	if err != nil {
		return "", fmt.Errorf("open server image: %w", err)
	}
	var archive bytes.Buffer
	err = b.docker.Stream(ctx, nil, &archive, "cp", id+":/usr/bin/busybox", "-")
	_, rmErr := b.docker.Output(context.WithoutCancel(ctx), "rm", "-f", id)
	if err := errors.Join(err, rmErr); err != nil {
		return "", fmt.Errorf("take busybox out of server image: %w", err)
	}
	r := tar.NewReader(&archive)
	if _, err := r.Next(); err != nil {
		return "", fmt.Errorf("unpack busybox: %w", err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return "", fmt.Errorf("unpack busybox: %w", err)
	}
	if err := os.WriteFile(file+".part", data, 0o755); err != nil {
		return "", fmt.Errorf("keep busybox: %w", err)
	}
	return file, os.Rename(file+".part", file)
}

// vendorImage packs the programs into the image of the vendor's hosts.
func (b *Builder) vendorImage(ctx context.Context, p Programs) (string, error) {
	entries, err := readEntries(map[string]string{
		"fixture": p.Vendor, "standin": p.Fakes, "busybox": p.Busybox,
	})
	if err != nil {
		return "", err
	}
	archive, err := Tar(entries)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(archive)
	ref := tag("fixture", sum[:])
	if b.has(ctx, ref) {
		return ref, nil
	}
	began := time.Now()
	err = b.docker.Stream(ctx, bytes.NewReader(archive), io.Discard, "import",
		"--change", `ENTRYPOINT ["/fixture"]`, "--change", "LABEL "+Label+"=fixture", "-", ref)
	if err != nil {
		return "", fmt.Errorf("make fixture image: %w", err)
	}
	b.made("fixture image", began)
	return ref, nil
}

// readEntries reads the files that archive paths name, in a fixed order.
func readEntries(files map[string]string) ([]Entry, error) {
	var entries []Entry
	for _, name := range slices.Sorted(maps.Keys(files)) {
		data, err := os.ReadFile(files[name])
		if err != nil {
			return nil, fmt.Errorf("read program: %w", err)
		}
		entries = append(entries, Entry{Path: name, Data: data, Mode: 0o755})
	}
	return entries, nil
}
