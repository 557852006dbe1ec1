package ui

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// pty returns both ends of a pseudo-terminal: the keyboard and the terminal.
func pty(t *testing.T) (keyboard, terminal *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keyboard.Close() })
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return keyboard, terminal
}

func echoes(t *testing.T, terminal *os.File) bool {
	t.Helper()
	mode, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return mode.Lflag&unix.ECHO != 0
}

func TestPassword(t *testing.T) {
	keyboard, terminal := pty(t)
	var b bytes.Buffer
	a := NewAsker(New(&b, Options{LookupEnv: noEnv}), terminal)
	if _, err := io.WriteString(keyboard, "hunter2\n"); err != nil {
		t.Fatal(err)
	}
	got, err := a.Password(t.Context(), Textf("Password for %s:", "acme"))
	if err != nil || string(got) != "hunter2" {
		t.Errorf("got %q, %v", got, err)
	}
	if b.String() != "Password for acme: \n" {
		t.Errorf("shown: %q", b.String())
	}
	if !echoes(t, terminal) {
		t.Error("the terminal stays without echo")
	}
}

// TestPasswordCalledOff cancels while the terminal shows nothing of what is
// typed, which must not outlast the question.
func TestPasswordCalledOff(t *testing.T) {
	keyboard, terminal := pty(t)
	a := NewAsker(New(io.Discard, Options{LookupEnv: noEnv}), terminal)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := a.Password(ctx, Plain("Password:"))
		done <- err
	}()
	for echoes(t, terminal) {
		runtime.Gosched()
	}
	cancel()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("got %v", err)
	}
	if !echoes(t, terminal) {
		t.Error("the terminal stays without echo")
	}
	_, _ = io.WriteString(keyboard, "\n") // ends the read left behind
}

func TestTerminalIsFound(t *testing.T) {
	_, terminal := pty(t)
	if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 132, Row: 50}); err != nil {
		t.Fatal(err)
	}
	c := New(terminal, Options{LookupEnv: noEnv})
	if !c.IsTerminal() || c.Width() != 132 {
		t.Errorf("terminal %v, %d columns", c.IsTerminal(), c.Width())
	}
}
