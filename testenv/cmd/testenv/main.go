// Testenv lends throw-away chatalot servers to try liftalot on.
//
//	go run ./testenv/cmd/testenv up --scenario public --inventory try/inventory.yml
//	eval "$(go run ./testenv/cmd/testenv env)"
//	liftalot -i try/inventory.yml check
//	go run ./testenv/cmd/testenv down --all
//
// It needs a Docker engine on Linux and the go command, and is run inside the
// source tree. The first time takes minutes, later ones seconds. What is up
// stays up until it is taken down. Exit status: 0 done, 1 an error, and for
// exec that of the command.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:])
	stop()
	os.Exit(status)
}

func run(ctx context.Context, args []string) int {
	root := newRootCommand(os.Stdin, os.Stdout, os.Stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var exit exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.code
	}
	fmt.Fprintf(os.Stderr, "testenv: error: %v\n", err)
	return 1
}

// An exitError is the status of a command that ran on a server.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", e.code) }
