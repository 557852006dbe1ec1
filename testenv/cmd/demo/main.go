// Demo shows liftalot at work, on two throw-away servers that look like real
// ones, and checks from outside that the rollback is complete.
//
//	make demo
//
// It boots a server of each starting point (acme: the public layout, nothing of
// managed updates yet; globex: an unfinished earlier attempt), writes one
// inventory, and runs the real binary on both: trust, check, plan, apply, verify,
// rollback, verify. Before the upgrade and after the rollback it looks into the
// servers itself, not over ssh and not through the tool, and compares what it saw
// line by line. See look.sh for what that is.
//
// Everything runs under an owner of its own and is removed at the end, also after
// a failure and after an interrupt. It needs a Docker engine on Linux and the go
// command, and is run inside the source tree. The first time takes minutes, later
// ones much less.
//
// Where no Docker engine answers, the same story is told on two simulated servers
// (testenv/sim), and its first and last lines say so.
//
// Exit status: 0 everything is as it was; 1 something is not, a command ended
// otherwise than it should, or the demo could not run; 130 interrupted.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Stdout)
	status := explain(os.Stderr, err, ctx.Err() != nil)
	stop()
	os.Exit(status)
}

// explain says how the demo ended and returns the exit status.
func explain(w io.Writer, err error, interrupted bool) int {
	switch {
	case err == nil:
		return 0
	case interrupted:
		fmt.Fprintf(w, "\ndemo: interrupted; the servers are gone\n")
		fmt.Fprintf(w, "demo: %v\n", err)
		return 130
	}
	fmt.Fprintf(w, "\ndemo: FAILED: %v\n", err)
	return 1
}
