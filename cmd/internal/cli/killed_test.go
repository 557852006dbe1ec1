package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"liftalot/plan/journal"
)

// killTick is how often the journal is looked at by whoever waits to kill: less
// than any step takes.
const killTick = time.Millisecond

// killAt is: killed HOST STEP COMMAND [ARG...]. It runs a command and kills it
// with SIGKILL as soon as the host's journal says that STEP is begun.
func killAt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: killed HOST STEP COMMAND [ARG...]")
	}
	w := of(ts)
	file := filepath.Join(w.dir, ".liftalot", "hosts", args[0], journal.FileName)
	was, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		ts.Fatalf("%v", err)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(w.tb.Context(), "env", args[2:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = w.dir, w.environ, &said, &said
	ts.Check(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(killTick)
	defer tick.Stop()
	begun := fmt.Appendf(nil, `,"step":%q,`, args[1])
	for {
		select {
		case err := <-ended:
			ts.Fatalf("%v ended (%v) before step %s:\n%s", args[2:], err, args[1], said.String())
		case <-tick.C:
		}
		now, err := os.ReadFile(file)
		if err == nil && len(now) > len(was) && bytes.Contains(now[len(was):], begun) {
			break
		}
	}
	ts.Check(cmd.Process.Kill())
	<-ended
}

// signalBackground is: background SIGNAL, to the one command in the background.
func signalBackground(ts *testscript.TestScript, neg bool, args []string) {
	running := ts.BackgroundCmds()
	if neg || len(args) != 1 || len(running) != 1 {
		ts.Fatalf("usage, with one command in the background: background SIGNAL")
	}
	ts.Check(exec.Command("kill", "-"+args[0], strconv.Itoa(running[0].Process.Pid)).Run())
}
