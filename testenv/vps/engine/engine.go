// Package engine speaks to the workstation's Docker engine.
//
// It runs the docker command and nothing else: the command is what every
// machine with an engine has, it finds the socket by itself (contexts,
// DOCKER_HOST), and it keeps the engine's client library out of our modules.
//
// A call that the engine refused returns an [*Error] with what it said.
// [Find] returns [ErrNone] when no engine answers, so that a test can skip
// and say so.
package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// ErrNone reports that no engine answered: docker is not installed, not
// running, or this user may not speak to it.
var ErrNone = errors.New("no Docker engine answers")

// An Error is a docker command that ended with a status other than zero.
type Error struct {
	Command string // the docker sub-command, without its arguments
	Code    int
	Stderr  string
}

func (e *Error) Error() string {
	return fmt.Sprintf("docker %s: exit status %d: %s", e.Command, e.Code, lastLines(e.Stderr, 3))
}

// Says reports whether err is an engine's refusal whose text contains part.
// The engine's command line gives no finer answer than its text.
func Says(err error, part string) bool {
	var refused *Error
	return errors.As(err, &refused) && strings.Contains(refused.Stderr, part)
}

// Missing reports whether err says that the named object does not exist.
func Missing(err error) bool {
	return Says(err, "No such") || Says(err, "no such") || Says(err, "not found")
}

// A Docker is a way to one engine.
type Docker struct {
	path string
	arch string
}

// answerWithin bounds how long Find waits for an engine that accepts the
// connection and then says nothing.
const answerWithin = 15 * time.Second

// Find looks for the docker command and asks the engine for its version.
func Find(ctx context.Context) (Docker, error) {
	path, err := exec.LookPath("docker")
	if err != nil {
		return Docker{}, fmt.Errorf("%w: %w", ErrNone, err)
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	d := Docker{path: path}
	arch, err := d.Output(ctx, "version", "--format", "{{.Server.Arch}}")
	if err != nil {
		return Docker{}, fmt.Errorf("%w: %w", ErrNone, err)
	}
	d.arch = arch
	return d, nil
}

// Arch is the engine's architecture, in Go's words.
func (d Docker) Arch() string { return d.arch }

// Output runs docker and returns its standard output without the last newline.
func (d Docker) Output(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	err := d.Stream(ctx, nil, &out, args...)
	return strings.TrimRight(out.String(), "\n"), err
}

// Lines runs docker and returns its standard output as lines, none if empty.
func (d Docker) Lines(ctx context.Context, args ...string) ([]string, error) {
	out, err := d.Output(ctx, args...)
	if err != nil || out == "" {
		return nil, err
	}
	return strings.Split(out, "\n"), nil
}

// Stream runs docker with the given standard input and output.
func (d Docker) Stream(ctx context.Context, in io.Reader, out io.Writer, args ...string) error {
	cmd := d.Command(ctx, args...)
	cmd.Stdin, cmd.Stdout = in, out
	var said bytes.Buffer
	cmd.Stderr = &said
	return d.end(ctx, cmd.Run(), args, said.String())
}

// Command is a docker command for the caller to run. It ends with ctx, and
// its pipes soon after.
func (d Docker) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, d.path, args...)
	cmd.WaitDelay = 5 * time.Second
	// The legacy builder works with every engine and without buildx.
	cmd.Env = append(cmd.Environ(), "DOCKER_BUILDKIT=0", "DOCKER_CLI_HINTS=false")
	return cmd
}

func (d Docker) end(ctx context.Context, err error, args []string, stderr string) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("docker %s: %w", args[0], cause)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("docker %s: %w", args[0], err)
	}
	return &Error{Command: args[0], Code: exit.ExitCode(), Stderr: stderr}
}

// lastLines keeps the end of s: the command prints its reason last.
func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "; ")
}
