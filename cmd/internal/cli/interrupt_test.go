package cli

import (
	"encoding/json"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"liftalot/testenv/sim"
)

// An interrupt ends a look at hosts that do not answer, at once, and accounts for
// every host: those that were seen, and those that were not.
func TestAnInterruptedLookAccountsForEveryHost(t *testing.T) {
	f := newSimFleet(t, simHost{name: "seen"}, simHost{name: "hangs1"}, simHost{name: "hangs2"}, simHost{name: "hangs3"})
	var hanging atomic.Int32
	for _, name := range []string{"hangs1", "hangs2", "hangs3"} {
		f.servers[name].SetFault(func(e sim.Event) sim.Fault {
			if e.Point != sim.Output {
				return sim.None
			}
			if hanging.Add(1) == 3 {
				// By now the fourth may have answered or not.
				_ = syscall.Kill(os.Getpid(), syscall.SIGINT)
			}
			return sim.Silence
		})
	}
	r := f.does(exitCancelled, "check", "--json")
	var doc struct {
		Hosts  []checked
		Errors []hostFailure
	}
	must(t, json.Unmarshal([]byte(r.out), &doc))
	told := map[string]bool{} // one that was seen may have an error too: its release was not found in time
	for _, h := range doc.Hosts {
		told[h.Host] = true
	}
	for _, e := range doc.Errors {
		told[e.Host] = true
	}
	if len(told) != 4 || len(doc.Errors) < 3 || len(doc.Hosts) > 1 || len(doc.Errors) > 4 {
		t.Errorf("%d hosts seen and %d not, of 4:\n%s%s", len(doc.Hosts), len(doc.Errors), r.out, r.stderr)
	}

	hanging.Store(0)
	r = f.does(exitCancelled, "check")
	if !matches(`hosts of 4 not looked at to the end: .*hangs1 hangs2 hangs3`, r.stderr) {
		t.Errorf("said %s", r.stderr)
	}
}

// The second interrupt leaves at once. Hosts that waited for their turn have a
// result too.
func TestASecondInterruptAccountsForEveryHost(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"}, simHost{name: "b"}, simHost{name: "c"})
	f.does(exitDone, "plan")
	var struck atomic.Int32
	for _, s := range f.servers {
		s.SetFault(func(e sim.Event) sim.Fault {
			if e.Point == sim.Output && e.N > 40 && struck.Add(1) < 20 {
				_ = syscall.Kill(os.Getpid(), syscall.SIGINT)
			}
			return sim.None
		})
	}
	r := f.run("apply", "--yes", "--json", "--canary=false", "--parallel", "1")
	var doc summaryDoc
	must(t, json.Unmarshal([]byte(r.out), &doc))
	if r.code != exitCancelled && r.code != exitInterrupted {
		t.Errorf("it ended with %d", r.code)
	}
	for i, name := range []string{"a", "b", "c"} {
		if len(doc.Hosts) != 3 || doc.Hosts[i].Host != name || doc.Hosts[i].Result == "" || doc.Hosts[i].Result == resultDone {
			t.Fatalf("got %s", doc.results())
		}
	}
	for _, s := range f.servers {
		s.SetFault(nil)
	}
	f.does(exitDone, "apply", "--pending", "--yes", "--retry-failed")
}
