package inventory

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// execTime is how long a command of Match exec may take before nobody can tell.
const execTime = 20 * time.Second

// run asks the command of Match exec, in the shell that ssh would take.
func (c criterion) run(q *query) (verdict, string) {
	if !q.commands {
		return maybe, "Match exec runs a program, which the inventory does not allow (ssh_commands: true)"
	}
	host := Host{Name: q.name, Address: q.host(), User: q.login(), HostKeyAlias: q.alias}
	command, err := tokensOf(&host, q.port, q.env).expand(c.arg)
	if err != nil {
		return maybe, "Match exec: " + err.Error()
	}
	ctx, cancel := context.WithTimeout(context.Background(), execTime)
	defer cancel()
	argv := shellCommand(command)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	if _, ran := err.(*exec.ExitError); ctx.Err() != nil || err != nil && !ran {
		return maybe, fmt.Sprintf("Match exec: the command gave no answer within %s: %v", execTime, err)
	}
	return toVerdict((err == nil) != c.not), ""
}

// shellCommand is a line of ssh_config for the shell in which ssh runs it.
func shellCommand(line string) []string {
	if runtime.GOOS == "windows" {
		return []string{"cmd.exe", "/C", line}
	}
	if shell := os.Getenv("SHELL"); shell != "" {
		return []string{shell, "-c", line}
	}
	return []string{"/bin/sh", "-c", line}
}
