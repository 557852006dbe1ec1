package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"liftalot/testenv/sim"
)

// A colleague who meets a host in the middle of somebody's run hears of the run, and not
// how to settle by hand what it has left.
func TestARunOfAnotherMachineIsSeen(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"})
	f.does(exitDone, "plan")
	journal := filepath.Join(f.dir, ".liftalot", "hosts", "a", "journal.jsonl")
	interrupt := sync.OnceFunc(func() { _ = syscall.Kill(os.Getpid(), syscall.SIGINT) })
	f.servers["a"].SetFault(func(sim.Event) sim.Fault {
		if data, err := os.ReadFile(journal); err == nil && bytes.Contains(data, []byte(`"step":"edit"`)) {
			interrupt()
		}
		return sim.None
	})
	f.does(exitCancelled, "apply", "--yes")
	f.servers["a"].SetFault(nil)

	other := filepath.Join(t.TempDir(), "state")
	must(t, os.Mkdir(other, 0o700))
	known, err := os.ReadFile(filepath.Join(f.dir, ".liftalot", "known_hosts"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(other, "known_hosts"), known, 0o600))
	for _, command := range []string{"check", "plan"} {
		r := f.does(exitCheck, "--state", other, command)
		if said := r.out + r.stderr; !strings.Contains(said, "is not finished") || !strings.Contains(r.stderr, "liftalot adopt a") || strings.Contains(r.stderr, "start what it names yourself") {
			t.Errorf("%s:\n%s", command, said)
		}
	}
	// Here it is this machine's own, and status knows.
	if r := f.run("check"); strings.Contains(r.out+r.stderr, "adopt") {
		t.Errorf("%s%s", r.out, r.stderr)
	}
	f.does(exitDone, "apply", "--yes")
	if r := f.does(exitDone, "--state", other, "check"); strings.Contains(r.out, "unfinished run") {
		t.Errorf("%s", r.out)
	}
}
