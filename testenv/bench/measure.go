//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// A measure is what one run of a contestant took.
type measure struct {
	Wall, CPU time.Duration
}

// prSetChildSubreaper makes the processes that lose their parent ours (prctl(2)):
// ssh's masters go into the background.
const prSetChildSubreaper = 36

// measureChild runs a command, waits for everything it has left running, and adds
// up the processor time of all. The result goes to the file that is named first.
func measureChild(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: bench measure FILE COMMAND [ARG...]")
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0); errno != 0 {
		return fmt.Errorf("become the parent of orphans: %w", errno)
	}
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", args[1], err)
	}
	m := measure{Wall: time.Since(began)}
	for {
		if _, err := syscall.Wait4(-1, nil, 0, nil); err == syscall.ECHILD {
			break
		} else if err != nil && err != syscall.EINTR {
			return err
		}
	}
	m.CPU = processorTime(syscall.RUSAGE_CHILDREN)
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], data, 0o600)
}

// measured runs a command of a contestant and counts the facts it brings.
func (b *bench) measured(ctx context.Context, facts int, command ...string) (measure, error) {
	var m measure
	result := b.path("measure.json")
	cmd := exec.CommandContext(ctx, b.self, append([]string{"measure", result}, command...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "ANSIBLE_CONFIG="+b.path("ansible.cfg"), "LC_ALL=C.UTF-8")
	if err := cmd.Run(); err != nil {
		return m, fmt.Errorf("%w: %.2000s", err, errs.String())
	}
	if got := countFacts(out.Bytes()); got != facts {
		return m, fmt.Errorf("brought %d facts, want %d: %.500s", got, facts, errs.String())
	}
	data, err := os.ReadFile(result)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(data, &m)
}

// countFacts counts the facts that have a value.
func countFacts(out []byte) (n int) {
	for line := range bytes.Lines(out) {
		if words := bytes.Fields(line); len(words) > 2 && string(words[0]) == "fact" {
			n++
		}
	}
	return n
}
