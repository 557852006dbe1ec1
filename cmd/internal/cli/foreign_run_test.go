package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"liftalot/testenv/sim"
)

// A colleague who meets a host in the middle of somebody's run hears of the run, and not
// how to settle by hand what it has left.
func TestARunOfAnotherMachineIsSeen(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"})
	f.does(exitDone, "plan")
	f.cutShort("a", "edit")
	f.does(exitCancelled, "apply", "--yes")
	f.servers["a"].SetFault(nil)

	other := f.colleague()
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

// colleague is the state folder of another machine that knows the hosts' keys.
func (f *simFleet) colleague() string {
	other := filepath.Join(f.t.TempDir(), "state")
	must(f.t, os.Mkdir(other, 0o700))
	known, err := os.ReadFile(filepath.Join(f.dir, ".liftalot", "known_hosts"))
	must(f.t, err)
	must(f.t, os.WriteFile(filepath.Join(other, "known_hosts"), known, 0o600))
	return other
}

// A rollback begins with the client's files, so that in the middle of it a host looks as
// one that nobody has touched.
func TestARollbackOfAnotherMachineIsSeen(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"})
	f.does(exitDone, "plan")
	f.does(exitDone, "apply", "--yes")
	f.cutShort("a", "undo-edit")
	f.does(exitCancelled, "rollback", "--yes")
	f.servers["a"].SetFault(nil)
	other := f.colleague()
	for _, command := range []string{"check", "plan"} {
		if r := f.does(exitCheck, "--state", other, command); !strings.Contains(r.stderr, "is not finished") || !strings.Contains(r.stderr, "liftalot adopt a") {
			t.Errorf("%s:\n%s%s", command, r.out, r.stderr)
		}
	}
	f.does(exitDone, "rollback", "--yes")
	if r := f.does(exitDone, "--state", other, "plan"); strings.Contains(r.out, "unfinished run") {
		t.Errorf("%s", r.out)
	}
}

// Where everything is done no run is in the way, whatever its copy says: the line broke
// as its end was written there, or the host got another name since. Elsewhere a copy that
// nobody here can read is told of, and stops nothing.
func TestARunThatIsDoneIsInNobodysWay(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"})
	f.does(exitDone, "plan")
	journal := filepath.Join(f.dir, ".liftalot", "hosts", "a", "journal.jsonl")
	cuts := 0
	f.servers["a"].SetFault(func(e sim.Event) sim.Fault {
		if data, err := os.ReadFile(journal); err == nil && strings.Contains(string(data), `"run-ended"`) && strings.Contains(e.Command, "new.$$") {
			cuts++
			return sim.Cut
		}
		return sim.None
	})
	f.run("apply", "--yes")
	f.servers["a"].SetFault(nil)
	if cuts == 0 {
		t.Fatal("the line never broke")
	}
	other := f.colleague()
	nothing := func(state string) {
		t.Helper()
		if r := f.does(exitDone, "--state", state, "check"); strings.Contains(r.out, "unfinished run") {
			t.Errorf("%s", r.out)
		}
		if r := f.does(exitDone, "--state", state, "plan"); !strings.Contains(r.out, "nothing to do") {
			t.Errorf("%s", r.out)
		}
	}
	nothing(other)
	f.labels["b"], f.names = f.labels["a"], []string{"b"}
	f.writeInventory()
	nothing(filepath.Join(f.dir, ".liftalot"))
	nothing(other)

	f.names = []string{"a"}
	f.writeInventory()
	f.does(exitDone, "rollback", "--yes")
	f.names = []string{"b"}
	f.writeInventory()
	for _, command := range []string{"check", "plan"} {
		if r := f.does(exitDone, "--state", other, command); !strings.Contains(r.out, `it is about the host "a", not "b"`) {
			t.Errorf("%s: %s", command, r.out)
		}
	}
}

// Whoever gives a run up on the server it was begun on hears of the command that takes
// back what it left, before what it takes to settle that by hand.
func TestWhatWasGivenUpCanBeRolledBack(t *testing.T) {
	for _, step := range []string{"edit", "sidecar"} {
		f := newSimFleet(t, simHost{name: "a"})
		f.does(exitDone, "plan")
		f.cutShort("a", step)
		f.does(exitCancelled, "apply", "--yes")
		f.servers["a"].SetFault(nil)
		const way = `"liftalot rollback a" undoes what it left`
		for _, command := range [][]string{{"forget", "--yes", "a"}, {"status"}, {"check"}, {"plan"}} {
			r := f.run(command...)
			said := r.out + r.stderr
			at, byHand := strings.Index(said, way), strings.Index(said, "start what it names yourself")
			if at < 0 || byHand >= 0 && byHand < at {
				t.Errorf("%s, %q: %s", step, command, said)
			}
		}
		if r := f.does(exitDone, "rollback", "--dry-run"); !strings.Contains(r.out, "it rolls back was given up at") {
			t.Errorf("%s: %s", step, r.out)
		}
		f.does(exitDone, "rollback", "--yes")
		if r := f.does(exitDone, "check"); strings.Contains(r.out, "given up") {
			t.Errorf("%s: %s", step, r.out)
		}
	}
}
