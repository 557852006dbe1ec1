package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
