//go:build linux

// Bench holds liftalot against what a consultant would use instead, on the same
// work: eight facts of every host, from many hosts at once.
//
//	go run ./testenv/bench [-rounds 3] [-hosts 50] [-write docs/performance.md]
//
// The hosts are real OpenSSH servers of this machine, one process per connection, in a
// network namespace whose packets arrive half a round trip late (line.go). The contestants run in turn, another
// one first in each round, each in a process group whose processor time is read
// when the last of it has ended, masters in the background included. A contestant
// that does not bring every fact of every host is an error and no result.
//
// What the tool spends by itself is measured a second time with a thousand
// simulated hosts in another process, all connected at once: processor time per
// handshake and per probe, and memory per host.
//
// It needs root, to make the namespace and an account with a plain shell for the
// length of the run, iproute2 and openssh-server. Ansible takes part where it is installed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"liftalot/testenv/sim/simproc"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is one of the program's parts; all but the first are what the first starts.
func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "client":
			return client(ctx, args[1:])
		case "bare":
			return bare(ctx, args[1:])
		case "measure":
			return measureChild(args[1:])
		case "hosts":
			return simproc.Serve(os.Stdin, os.Stdout)
		}
	}
	return compare(ctx, args)
}
