// Package shimhost lends tests a host that is a folder: scripts run for real,
// by a shell of this machine, and the programs they would find on a server are
// shims the test writes.
//
// What a script sees is what remote gives it: LC_ALL=C, TZ=UTC, umask 077, its
// arguments as "$1" and on, and standard input. The shims come first in PATH;
// with [Host.Alone] nothing else is in it. Each shim finds the folder of the
// host in $SHIM and may keep state there; [Host.Log] is what the shims wrote
// to $SHIM/log.
//
// Only tests import this.
package shimhost

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"liftalot/remote"
)

// A Host runs commands in a folder of the test.
type Host struct {
	Dir   string   // $SHIM
	Shell []string // the shell's argument vector, /bin/sh when empty
	Env   []string // further environment
	Wrap  []string // put before the shell, as strace is
	Alone bool     // only shims are in PATH

	tb testing.TB
}

// New returns an empty host, which goes with the test.
func New(tb testing.TB) *Host {
	tb.Helper()
	h := &Host{Dir: tb.TempDir(), tb: tb}
	if err := os.Mkdir(h.bin(), 0o700); err != nil {
		tb.Fatal(err)
	}
	return h
}

func (h *Host) bin() string { return filepath.Join(h.Dir, "bin") }

// Path gives a place inside the host's folder.
func (h *Host) Path(elem ...string) string {
	return filepath.Join(append([]string{h.Dir}, elem...)...)
}

// Shim installs a program: the body of a /bin/sh script.
func (h *Host) Shim(name, body string) {
	h.tb.Helper()
	h.write(filepath.Join(h.bin(), name), "#!/bin/sh\n"+body+"\n", 0o700)
}

// Through installs a shim for programs of this machine that writes each call to
// the log and then is the program.
func (h *Host) Through(names ...string) {
	h.tb.Helper()
	for _, name := range names {
		real, err := exec.LookPath(name)
		if err != nil {
			h.tb.Fatalf("this machine lacks %s: %v", name, err)
		}
		h.Shim(name, `printf "`+name+` %s\n" "$*" >>"$SHIM/log"
exec `+real+` "$@"`)
	}
}

// Write puts a file into the host's folder and returns its path.
func (h *Host) Write(name, data string) string {
	h.tb.Helper()
	path := h.Path(name)
	h.write(path, data, 0o600)
	return path
}

func (h *Host) write(path, data string, mode os.FileMode) {
	h.tb.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		h.tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), mode); err != nil {
		h.tb.Fatal(err)
	}
}

// Read returns a file of the host's folder, "" for one that is not there.
func (h *Host) Read(name string) string {
	h.tb.Helper()
	data, err := os.ReadFile(h.Path(name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		h.tb.Fatal(err)
	}
	return string(data)
}

// Has reports whether a file is in the host's folder.
func (h *Host) Has(name string) bool {
	_, err := os.Lstat(h.Path(name))
	return err == nil
}

// Log is what the shims wrote down, line by line.
func (h *Host) Log() []string {
	h.tb.Helper()
	return strings.FieldsFunc(h.Read("log"), func(r rune) bool { return r == '\n' })
}

// Run runs a command as remote.Client would.
func (h *Host) Run(ctx context.Context, cmd remote.Command) (remote.Result, error) {
	if err := ctx.Err(); err != nil {
		return remote.Result{}, errors.Join(remote.ErrNotStarted, err)
	}
	var out, errs bytes.Buffer
	c := h.command(ctx, cmd)
	c.Stdout, c.Stderr = &out, &errs
	if cmd.Stdout != nil {
		c.Stdout = cmd.Stdout
	}
	begin := time.Now()
	err := c.Run()
	res := remote.Result{Stdout: out.Bytes(), Stderr: errs.Bytes(), ExitCode: c.ProcessState.ExitCode(), Duration: time.Since(begin)}
	if cmd.MaxStdout > 0 && int64(len(res.Stdout)) > cmd.MaxStdout {
		res.StdoutLost = int64(len(res.Stdout)) - cmd.MaxStdout
		res.Stdout = res.Stdout[:cmd.MaxStdout]
	}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return res, errors.Join(remote.ErrUnknownOutcome, ctx.Err())
	case errors.As(err, &exit):
		return res, &remote.ExitError{Name: cmd.Name, Code: res.ExitCode, Stderr: res.Stderr}
	case err != nil:
		return res, errors.Join(remote.ErrUnknownOutcome, err)
	}
	return res, nil
}

func (h *Host) command(ctx context.Context, cmd remote.Command) *exec.Cmd {
	shell := h.Shell
	if len(shell) == 0 {
		shell = []string{"/bin/sh"}
	}
	argv := append(append([]string{}, h.Wrap...), shell...)
	argv = append(append(argv, "-c", "umask 077\n"+cmd.Script, "sh"), cmd.Args...)
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	path := h.bin()
	if !h.Alone {
		path += ":" + os.Getenv("PATH")
	}
	c.Env = append([]string{"PATH=" + path, "LC_ALL=C", "TZ=UTC", "HOME=" + h.Dir, "SHIM=" + h.Dir}, h.Env...)
	c.Dir, c.Stdin = h.Dir, cmd.Stdin
	if cmd.Stdin == nil {
		c.Stdin = strings.NewReader("")
	}
	c.WaitDelay = 10 * time.Second
	return c
}
