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

// publicBase is what a machine with a way to an image registry uses.
func publicBase(suite string) string { return "debian:" + suite + "-slim" }

// pullWithin bounds the attempt to pull: without a network the name often
// fails at once, but a silent firewall must not cost the evening.
const pullWithin = 90 * time.Second

// base returns a small Debian: one that is here, one that can be pulled, or
// one made from packages under a name of our own.
func (b *Builder) base(ctx context.Context, suite string) (string, error) {
	public := publicBase(suite)
	if b.has(ctx, public) {
		return public, nil
	}
	sum := sha256.Sum256([]byte(strings.Join(bootstrapArgs(suite), "\x00")))
	ref := tag("base", sum[:])
	if b.has(ctx, ref) {
		return ref, nil
	}
	began := time.Now()
	pull, cancel := context.WithTimeout(ctx, pullWithin)
	defer cancel()
	_, pullErr := b.docker.Output(pull, "pull", "--quiet", public)
	if pullErr == nil {
		b.made("base image "+suite+" (pulled)", began)
		return public, nil
	}
	b.say("making a base image of Debian %s from packages, once: a minute or two", suite)
	if err := b.bootstrap(ctx, suite, ref); err != nil {
		return "", fmt.Errorf("make base image: %w", errors.Join(pullErr, err))
	}
	b.made("base image "+suite+" (from packages)", began)
	return ref, nil
}

// bootstrapArgs ask for a minimal system the way the slim image is: without
// manuals and translations.
func bootstrapArgs(suite string) []string {
	args := []string{
		"--mode=root", "--variant=minbase", "--format=tar", "--quiet",
		`--aptopt=Apt::Install-Recommends "false"`,
		"--dpkgopt=path-exclude=/usr/share/man/*",
		"--dpkgopt=path-exclude=/usr/share/doc/*",
		"--dpkgopt=path-exclude=/usr/share/locale/*",
		"--dpkgopt=path-exclude=/usr/share/info/*",
	}
	if suite == "sid" {
		// Its list of packages is good for a week, and a mirror may be behind.
		args = append(args, `--aptopt=Acquire::Check-Valid-Until "false"`)
	}
	return append(args, suite, "-")
}

func (b *Builder) bootstrap(ctx context.Context, suite, ref string) error {
	program, err := findBootstrap(ctx, publicBase(suite))
	if err != nil {
		return err
	}
	bootstrap := exec.CommandContext(ctx, program, bootstrapArgs(suite)...)
	var said bytes.Buffer
	bootstrap.Stderr = &said
	archive, err := bootstrap.StdoutPipe()
	if err != nil {
		return err
	}
	if err := bootstrap.Start(); err != nil {
		return fmt.Errorf("start mmdebstrap: %w", err)
	}
	// Under its own name only once it is whole: the engine takes half an archive, too.
	unproven := ref + "-unproven"
	importErr := b.docker.Stream(ctx, archive, &bytes.Buffer{}, "import",
		"--change", `CMD ["/bin/bash"]`, "--change", "LABEL "+Label+"=base", "-", unproven)
	if err := bootstrap.Wait(); err != nil {
		return fmt.Errorf("run mmdebstrap: %w: %s", err, strings.TrimSpace(said.String()))
	}
	if importErr != nil {
		return importErr
	}
	if _, err := b.docker.Output(ctx, "tag", unproven, ref); err != nil {
		return fmt.Errorf("name the base image: %w", err)
	}
	_, err = b.docker.Output(ctx, "image", "rm", unproven)
	return err
}

// findBootstrap installs mmdebstrap where that is possible without asking.
func findBootstrap(ctx context.Context, public string) (string, error) {
	path, err := exec.LookPath("mmdebstrap")
	if err != nil {
		err = aptInstall(ctx, "mmdebstrap", "debian-archive-keyring")
	} else {
		err = rootOnly()
	}
	if err != nil {
		return "", fmt.Errorf("%s cannot be pulled, and to make it from packages with mmdebstrap: %w; or load that image by hand", public, err)
	}
	if path == "" {
		return exec.LookPath("mmdebstrap")
	}
	return path, nil
}

// aptInstall installs Debian's packages on this machine.
func aptInstall(ctx context.Context, packages ...string) error {
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return fmt.Errorf("install %s: there is no apt-get here", strings.Join(packages, " "))
	}
	if err := rootOnly(); err != nil {
		return err
	}
	for _, args := range [][]string{{"update", "-q"}, append([]string{"install", "-qy", "--no-install-recommends"}, packages...)} {
		install := exec.CommandContext(ctx, apt, args...)
		install.Env = append(install.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := install.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w: %s", args[0], err, lastLine(out))
		}
	}
	return nil
}

func rootOnly() error {
	if os.Geteuid() != 0 {
		return errors.New("that needs root, once")
	}
	return nil
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
