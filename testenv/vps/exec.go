package vps

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"liftalot/testenv/vps/engine"
)

// Exec runs a script with bash as root on the server, not over ssh: it works
// when the server is cut off, and leaves no login behind. The error is about
// reaching the server; how the script ended is in code.
func (h *Host) Exec(ctx context.Context, script string) (stdout, stderr string, code int, err error) {
	return execIn(ctx, h.env.docker, h.container, script, nil)
}

// Run is Exec for a script that must succeed.
func (h *Host) Run(ctx context.Context, script string) (string, error) {
	return runIn(ctx, h.env.docker, h.container, script, nil)
}

// ExecStream runs a program as root with the given streams and returns how it
// ended.
func (h *Host) ExecStream(ctx context.Context, in io.Reader, out, errs io.Writer, argv ...string) (code int, err error) {
	args := []string{"exec"}
	if in != nil {
		args = append(args, "--interactive")
	}
	cmd := h.env.docker.Command(ctx, append(append(args, h.container), argv...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, errs
	return ended(ctx, cmd.Run())
}

// WriteFile puts a file on the server, with its folders.
func (h *Host) WriteFile(ctx context.Context, path string, data []byte) error {
	script := fmt.Sprintf("mkdir -p \"$(dirname '%[1]s')\" && cat >'%[1]s'", path)
	if strings.ContainsAny(path, "'\n") {
		return fmt.Errorf("write %q: unfit path", path)
	}
	_, err := runIn(ctx, h.env.docker, h.container, script, bytes.NewReader(data))
	return err
}

// ReadFile returns the content of a file on the server.
func (h *Host) ReadFile(ctx context.Context, path string) ([]byte, error) {
	var out bytes.Buffer
	err := h.env.docker.Stream(ctx, nil, &out, "exec", h.container, "cat", "--", path)
	return out.Bytes(), err
}

// execWithin bounds one script, so that a test never hangs on a server.
const execWithin = 5 * time.Minute

func execIn(ctx context.Context, docker engine.Docker, container, script string, in io.Reader) (stdout, stderr string, code int, err error) {
	ctx, cancel := context.WithTimeout(ctx, execWithin)
	defer cancel()
	args := []string{"exec"}
	if in != nil {
		args = append(args, "--interactive")
	}
	// The script is an argument, not standard input: a program in it that
	// reads standard input would swallow the rest of it.
	cmd := docker.Command(ctx, append(args, container, "bash", "-c", script)...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &out, &errs
	code, err = ended(ctx, cmd.Run())
	return out.String(), errs.String(), code, err
}

func runIn(ctx context.Context, docker engine.Docker, container, script string, in io.Reader) (string, error) {
	stdout, stderr, code, err := execIn(ctx, docker, container, script, in)
	if err != nil {
		return "", err
	}
	if code != 0 {
		said := stderr
		if said == "" {
			said = stdout
		}
		return "", fmt.Errorf("script on %s: exit status %d: %s", container, code, lastLines(said, 12))
	}
	return strings.TrimRight(stdout, "\n"), nil
}

func ended(ctx context.Context, err error) (int, error) {
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return -1, cause
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}
