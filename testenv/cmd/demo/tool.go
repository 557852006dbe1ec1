package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"liftalot/testenv/vps"
)

// binary is the tool's name in the demo's folder.
const binary = "liftalot"

// leaveWithin is how long an interrupted command has to tidy up.
const leaveWithin = 20 * time.Second

// build compiles the tool the way a release is.
func (d *demo) build(ctx context.Context) error {
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", d.path(binary), "./cmd/liftalot")
	cmd.Dir = root
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build liftalot: %w: %s", err, bytes.TrimSpace(said))
	}
	return nil
}

func moduleRoot(ctx context.Context) (string, error) {
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	path := strings.TrimSpace(string(mod))
	if err == nil && filepath.Base(path) != "go.mod" {
		err = errors.New("run the demo inside the source tree")
	}
	if err != nil {
		return "", fmt.Errorf("find the source tree: %w", err)
	}
	return filepath.Dir(path), nil
}

// commands runs command lines in order, until one fails.
func (d *demo) commands(ctx context.Context, lines ...[]string) error {
	for _, args := range lines {
		if err := d.liftalot(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// liftalot runs the tool, its output shown as it comes.
func (d *demo) liftalot(ctx context.Context, args ...string) error { return d.ends(ctx, 0, args...) }

// ends is liftalot with the exit status that the command has to end with.
func (d *demo) ends(ctx context.Context, status int, args ...string) error {
	line := "liftalot " + strings.Join(args, " ")
	fmt.Fprintf(d.out, "$ %s\n", line)
	cmd := exec.CommandContext(ctx, d.path(binary), args...)
	cmd.Dir, cmd.Env = d.folder, d.environ()
	cmd.Stdout, cmd.Stderr = d.out, d.out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = leaveWithin
	err := d.timed("liftalot "+args[0], cmd.Run)
	fmt.Fprintln(d.out)
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%s: %w", line, cause)
	}
	if got := cmd.ProcessState.ExitCode(); got != status {
		return errors.Join(fmt.Errorf("%s: it ended with %d, and it should be %d", line, got, status), err)
	}
	return nil
}

// environ leads the tool to the vendor's hosts of this environment.
func (d *demo) environ() []string {
	return append(append(withoutOwn(os.Environ()), "HOME="+d.folder), d.stage.environ()...)
}

// withoutOwn drops what would bring the ssh_config, the agent or the proxy of
// the person who runs the demo into it.
func withoutOwn(environ []string) []string {
	own := []string{"HOME", "SSH_AUTH_SOCK", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_DIR"}
	return slices.DeleteFunc(environ, func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(own, name)
	})
}

// fingerprint is what an owner reads out: that of a line of authorized_keys.
func fingerprint(line string) (string, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return "", fmt.Errorf("read host key: %w", err)
	}
	return ssh.FingerprintSHA256(key), nil
}

// writeInventory writes what a consultant would, and shows it; in the end with the
// decision about acme.
func (d *demo) writeInventory(ctx context.Context, decided bool) error {
	key, err := d.stage.cosignKey(ctx)
	if err != nil {
		return err
	}
	text := inventoryText(d.hosts, key, d.stage.passwordFile())
	if decided {
		text = strings.Replace(text, "  acme:\n", "  acme:\n    allow: [\"drift:chatalot.environment.RUST_LOG\"]\n", 1)
		fmt.Fprintf(d.out, "$ grep -A 1 acme: inventory.yml\n  acme:\n    allow: [\"drift:chatalot.environment.RUST_LOG\"]\n\n")
	} else {
		d.say("One inventory for both.")
		fmt.Fprintf(d.out, "$ cat inventory.yml\n%s", text)
	}
	if err := os.WriteFile(d.path("inventory.yml"), []byte(text), 0o600); err != nil {
		return fmt.Errorf("write inventory: %w", err)
	}
	return nil
}

func inventoryText(hosts []server, cosignKey, passwordFile string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\n\ndefaults:\n  channel: stable\n  cosign_key_sha256: %s\n\nhosts:\n", cosignKey)
	for _, h := range hosts {
		sudo := "nopasswd"
		if h.user == vps.UserOps {
			sudo = fmt.Sprintf("%q", "file:"+passwordFile)
		}
		fmt.Fprintf(&b, "  %s:\n    address: %s\n", h.name, h.addr)
		if h.port != sshPort {
			fmt.Fprintf(&b, "    port: %d\n", h.port)
		}
		fmt.Fprintf(&b, "    user: %s\n    identity: %q\n    sudo: %s\n", h.user, h.keyFile, sudo)
	}
	return b.String()
}

// sshPort needs no line in an inventory.
const sshPort = 22
