package cli

import (
	"strings"
	"testing"

	"liftalot/testenv/sim"
	"liftalot/testenv/sim/machine"
)

// letIn says whether the host still takes the operator's key.
func (f *simFleet) letIn(name string, yes bool) {
	u := machine.User{Name: "root", Home: "/root"}
	if yes {
		u.Keys = [][]byte{f.key}
	}
	f.servers[name].Machine.AddUser(u)
}

// The line breaks after the swap and the agent is locked by then: a good upgrade is
// not rolled back for that. The run waits, says so, and goes on.
func TestARunWaitsForAccess(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"})
	f.does(exitDone, "plan")
	swapping, shut := false, false
	f.servers["a"].SetFault(func(e sim.Event) sim.Fault {
		if e.Point != sim.Request || shut {
			return sim.None
		}
		ofSwap := strings.Contains(e.Command, "/swap")
		shut, swapping = swapping && !ofSwap, swapping || ofSwap
		if !shut {
			return sim.None
		}
		f.letIn("a", false)
		return sim.Cut
	})
	r := f.does(exitInterrupted, "apply", "--yes")
	for _, want := range []string{
		`error: a: step "verify the upgraded server": .*no key was accepted`,
		`hint: .*load the key into your agent; the run waits where it is: once the host lets you in again, "liftalot apply a" resumes it`,
	} {
		if !matches(want, r.stderr) {
			t.Errorf("%q is not said:\n%s", want, r.stderr)
		}
	}
	if strings.Contains(r.stderr, "revert: ") {
		t.Errorf("something was reverted:\n%s", r.stderr)
	}
	f.servers["a"].SetFault(nil)
	f.letIn("a", true)
	if r := f.does(exitDone, "apply", "--yes"); !matches(`a +upgraded`, r.out) {
		t.Errorf("said %s", r.out)
	}
	f.does(exitDone, "verify")
}
