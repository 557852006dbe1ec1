package images

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// toolchain builds the programs of lanes. Go fetches it as a module where it
// is not here.
const toolchain = "go1.27.3"

// server makes the lane's server image.
func (b *Builder) server(ctx context.Context, lane Lane) (string, error) {
	base, err := b.base(ctx, lane.Suite)
	if err != nil {
		return "", err
	}
	kind := "vps"
	if lane.Name != Lanes()[0].Name {
		kind += "-" + lane.Name
	}
	debian, err := b.build(ctx, kind, "vps", base, "PACKAGES="+strings.Join(lane.Packages, " "))
	if err != nil || lane.plain() {
		return debian, err
	}
	return b.changed(ctx, lane, kind, debian)
}

// changed makes an image of a server of its Debian and what the lane changes.
// Its tag is the hash of what the programs are built from: they are not needed,
// nor built, where the image is there.
func (b *Builder) changed(ctx context.Context, lane Lane, kind, debian string) (string, error) {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %s %v %q\n", debian, toolchain, lane.Programs, lane.Traits)
	entries, err := contextEntries("lane")
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		fmt.Fprintf(sum, "%s %d:%s", e.Path, len(e.Data), e.Data)
	}
	ref := tag(kind, sum.Sum(nil))
	if b.has(ctx, ref) {
		return ref, nil
	}
	programs, err := b.programsTar(ctx, lane)
	if err != nil {
		return "", err
	}
	archive, err := Tar(append(entries, Entry{Path: "programs.tar", Data: programs, Mode: 0o644}))
	if err != nil {
		return "", err
	}
	began := time.Now()
	err = b.docker.Stream(ctx, bytes.NewReader(archive), io.Discard, "build", "--quiet", "--rm", "--force-rm",
		"--label", Label+"="+kind, "--build-arg", "BASE="+debian, "--build-arg", "TRAITS="+strings.Join(lane.Traits, " "), "--tag", ref, "-")
	if err != nil {
		return "", fmt.Errorf("build %s image: %w", kind, err)
	}
	b.made("server image of lane "+lane.Name, began)
	return ref, nil
}

func (b *Builder) programsTar(ctx context.Context, lane Lane) ([]byte, error) {
	var entries []Entry
	for _, p := range lane.Programs {
		file, err := b.module(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("lane %s: %w", lane.Name, err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read program: %w", err)
		}
		entries = append(entries, Entry{Path: strings.TrimPrefix(p.At, "/"), Data: data, Mode: 0o755})
	}
	return Tar(entries)
}

// module builds a program from its module, once.
func (b *Builder) module(ctx context.Context, p Program) (string, error) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %v", b.docker.Arch(), toolchain, p))
	file := filepath.Join(b.cache, "modules", filepath.Base(p.At)+"-"+p.Version+"-"+hex.EncodeToString(sum[:])[:12])
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	if p.Cgo {
		if err := b.canLink(ctx); err != nil {
			return "", err
		}
	}
	folder, err := os.MkdirTemp("", "liftalot-module-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(folder)
	b.say("building %s %s, once: a minute or two", p.Package, p.Version)
	began := time.Now()
	for _, args := range [][]string{
		{"mod", "init", "lane"},
		{"get", p.Package + "@" + p.Version},
		p.buildArgs(filepath.Join(folder, "program")),
	} {
		run := exec.CommandContext(ctx, "go", args...)
		run.Dir = folder
		run.Env = append(run.Environ(), "GOTOOLCHAIN="+toolchain, "GOFLAGS=", "GOWORK=off", "GOOS=linux", "GOARCH="+b.docker.Arch(), "CGO_ENABLED="+p.cgo())
		if out, err := run.CombinedOutput(); err != nil {
			return "", fmt.Errorf("go %s %s: %w: %s", args[0], p.Package, err, lastLine(out))
		}
	}
	data, err := os.ReadFile(filepath.Join(folder, "program"))
	if err != nil {
		return "", fmt.Errorf("read program: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return "", fmt.Errorf("make programs folder: %w", err)
	}
	if err := os.WriteFile(file+".part", data, 0o755); err != nil {
		return "", fmt.Errorf("keep program: %w", err)
	}
	b.made(filepath.Base(p.At)+" "+p.Version, began)
	return file, os.Rename(file+".part", file)
}

func (p Program) cgo() string {
	if p.Cgo {
		return "1"
	}
	return "0"
}

// buildArgs are the arguments of go. What links C does so statically: the
// server's C library need not be that of this machine.
func (p Program) buildArgs(out string) []string {
	tags, link := p.Tags, "-s -w"
	if p.Cgo {
		tags, link = tags+" netgo osusergo", link+" -linkmode external -extldflags -static"
	}
	if p.VersionVar != "" {
		link += " -X " + p.VersionVar + "=" + p.Version
	}
	return []string{"build", "-trimpath", "-buildvcs=false", "-tags", tags, "-ldflags=" + link, "-o", out, p.Package}
}

// canLink installs what programs with C need, where that is possible without
// asking.
func (b *Builder) canLink(ctx context.Context) error {
	_, compilerErr := exec.LookPath("gcc")
	headers, _ := fs.Glob(os.DirFS("/"), "usr/include/seccomp.h")
	_, configErr := exec.LookPath("pkg-config")
	if compilerErr == nil && configErr == nil && len(headers) > 0 {
		return nil
	}
	if err := aptInstall(ctx, "gcc", "libc6-dev", "libseccomp-dev", "pkg-config"); err != nil {
		return fmt.Errorf("a program with C needs gcc, pkg-config and libseccomp-dev: %w", err)
	}
	return nil
}
