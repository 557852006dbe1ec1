package images

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

const suite = "trixie"

// publicBase is what a machine with a way to an image registry uses.
const publicBase = "debian:" + suite + "-slim"

// pullWithin bounds the attempt to pull: without a network the name often
// fails at once, but a silent firewall must not cost the evening.
const pullWithin = 90 * time.Second

// base returns a small Debian: one that is here, one that can be pulled, or
// one made from packages under a name of our own.
func (b *Builder) base(ctx context.Context) (string, error) {
	if b.has(ctx, publicBase) {
		return publicBase, nil
	}
	sum := sha256.Sum256([]byte(strings.Join(bootstrapArgs(), "\x00")))
	ref := tag("base", sum[:])
	if b.has(ctx, ref) {
		return ref, nil
	}
	began := time.Now()
	pull, cancel := context.WithTimeout(ctx, pullWithin)
	defer cancel()
	_, pullErr := b.docker.Output(pull, "pull", "--quiet", publicBase)
	if pullErr == nil {
		b.made("base image (pulled)", began)
		return publicBase, nil
	}
	if err := b.bootstrap(ctx, ref); err != nil {
		return "", fmt.Errorf("make base image: %w", errors.Join(pullErr, err))
	}
	b.made("base image (from packages)", began)
	return ref, nil
}

// bootstrapArgs ask for a minimal system the way the slim image is: without
// manuals and translations.
func bootstrapArgs() []string {
	return []string{
		"--mode=root", "--variant=minbase", "--format=tar", "--quiet",
		`--aptopt=Apt::Install-Recommends "false"`,
		"--dpkgopt=path-exclude=/usr/share/man/*",
		"--dpkgopt=path-exclude=/usr/share/doc/*",
		"--dpkgopt=path-exclude=/usr/share/locale/*",
		"--dpkgopt=path-exclude=/usr/share/info/*",
		suite, "-",
	}
}

func (b *Builder) bootstrap(ctx context.Context, ref string) error {
	program, err := findBootstrap(ctx)
	if err != nil {
		return err
	}
	bootstrap := exec.CommandContext(ctx, program, bootstrapArgs()...)
	var said bytes.Buffer
	bootstrap.Stderr = &said
	archive, err := bootstrap.StdoutPipe()
	if err != nil {
		return err
	}
	if err := bootstrap.Start(); err != nil {
		return fmt.Errorf("start mmdebstrap: %w", err)
	}
	importErr := b.docker.Stream(ctx, archive, &bytes.Buffer{}, "import",
		"--change", `CMD ["/bin/bash"]`, "--change", "LABEL "+Label+"=base", "-", ref)
	if err := bootstrap.Wait(); err != nil {
		return fmt.Errorf("run mmdebstrap: %w: %s", err, strings.TrimSpace(said.String()))
	}
	return importErr
}

// findBootstrap installs mmdebstrap where that is possible without asking.
func findBootstrap(ctx context.Context) (string, error) {
	if path, err := exec.LookPath("mmdebstrap"); err == nil {
		return path, rootOnly()
	}
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return "", fmt.Errorf("%s cannot be pulled and neither mmdebstrap nor apt-get is here: load that image by hand", publicBase)
	}
	if err := rootOnly(); err != nil {
		return "", err
	}
	for _, args := range [][]string{{"update", "-q"}, {"install", "-qy", "--no-install-recommends", "mmdebstrap", "debian-archive-keyring"}} {
		install := exec.CommandContext(ctx, apt, args...)
		install.Env = append(install.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := install.CombinedOutput(); err != nil {
			return "", fmt.Errorf("apt-get %s: %w: %s", args[0], err, lastLine(out))
		}
	}
	return exec.LookPath("mmdebstrap")
}

func rootOnly() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%s cannot be pulled and making it from packages needs root: load that image by hand, or run once as root", publicBase)
	}
	return nil
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
