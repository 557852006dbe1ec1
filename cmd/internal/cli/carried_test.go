package cli

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"liftalot/testenv/sim"
	"liftalot/testenv/sim/engine"
)

// What an older rollback left is no business of the next one: the host may be upgraded,
// and well.
func TestARollbackLeavesWhatAnOlderOneLeft(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"}, simHost{name: "b"}, simHost{name: "c"}, simHost{name: "d"})
	f.does(exitDone, "plan")
	f.does(exitDone, "apply", "--yes")
	f.letIn("b", false)
	f.run("rollback", "--yes", "a", "b") // in spring
	f.letIn("b", true)
	f.letIn("d", false)
	f.run("rollback", "--yes", "c", "d") // in summer
	f.letIn("d", true)
	f.does(exitDone, "rollback", "--retry-failed", "--yes")
	for host, want := range map[string]string{"b": "upgraded at", "d": "rolled back at"} {
		if r := f.does(exitDone, "status", host); !strings.Contains(r.out, want) {
			t.Errorf("%s", r.out)
		}
	}
}

// After an upgrade that failed the flags of rollback mean that one, and of it only what
// it has left on hosts: what it did not come to stays as it was.
func TestARollbackGoesOnWithAnUpgrade(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"}, simHost{name: "b"}, simHost{name: "c"})
	if r := f.does(exitUsage, "plan", "--pending"); !strings.Contains(r.stderr, "there was no upgrade yet") {
		t.Errorf("%s", r.stderr)
	}
	f.does(exitDone, "plan")
	f.does(exitDone, "apply", "--yes", "b")
	f.does(exitDone, "rollback", "--yes", "b")
	f.does(exitDone, "plan", "b")
	f.does(exitDone, "apply", "--yes", "a")
	f.letIn("b", false)
	f.cutShort("c", "edit")
	f.run("apply", "--yes", "--canary=false", "--parallel", "1", "b", "c")
	f.letIn("b", true)
	r := f.does(exitDone, "rollback", "--pending", "--retry-failed", "--yes")
	if !strings.Contains(r.stderr, "of the last batch, the upgrade of 20") || !strings.Contains(r.stderr, ": 1 host") {
		t.Errorf("%s", r.stderr)
	}
	for host, want := range map[string]string{"a": "upgraded at", "b": "planned since", "c": "rolled back at"} {
		if r := f.does(exitDone, "status", host); !strings.Contains(r.out, want) {
			t.Errorf("%s", r.out)
		}
	}
	if r := f.does(exitUsage, "rollback", "--pending", "--retry-failed", "--yes"); !strings.Contains(r.stderr, "the rollback of 20") {
		t.Errorf("%s", r.stderr)
	}
}

// cutShort interrupts the next run on a host when it comes to a step.
func (f *simFleet) cutShort(host, step string) {
	journal := filepath.Join(f.dir, ".liftalot", "hosts", host, "journal.jsonl")
	interrupt := sync.OnceFunc(func() { _ = syscall.Kill(os.Getpid(), syscall.SIGINT) })
	f.servers[host].SetFault(func(sim.Event) sim.Fault {
		if data, err := os.ReadFile(journal); err == nil && strings.Contains(string(data), `"step":"`+step+`"`) {
			interrupt()
		}
		return sim.None
	})
}

// A report is of what its batch did, not of what an older one left, and a --pending knows
// what became of hosts that another terminal had not come to yet.
func TestAReportLeavesOutWhatWasTakenOver(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"}, simHost{name: "b"}, simHost{name: "c"}, simHost{name: "d", next: engine.App{Mode: engine.Crash}})
	f.does(exitDone, "plan")
	f.does(exitRolledBack, "apply", "--yes", "d")
	second := sync.OnceFunc(func() { f.does(exitDone, "apply", "--yes", "c") })
	f.servers["a"].SetFault(func(sim.Event) sim.Fault { second(); return sim.None })
	f.does(exitDone, "apply", "--yes", "--parallel", "1", "a", "b")
	r := f.does(exitDone, "report", "last")
	if !strings.Contains(r.out, "c  upgrade") || strings.Contains(r.out, "waiting") || strings.Contains(r.out, "d  upgrade") {
		t.Errorf("%s", r.out)
	}
	f.does(exitUsage, "apply", "--pending", "--yes")
	f.mend("d")
	f.does(exitDone, "plan", "--retry-failed")
	wantResults(t, f.summary(exitDone, "apply", "--retry-failed"), "d done(1,0)")
}
