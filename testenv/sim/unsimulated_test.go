package sim_test

import (
	"errors"
	"testing"

	"liftalot/testenv/sim"
	"liftalot/testenv/sim/engine"
	"liftalot/testenv/sim/machine"
)

// A script that throws away what a program says and how it ended must not hide that the
// program does not know what it was asked.
func TestWhatIsNotSimulatedIsNoticed(t *testing.T) {
	for _, script := range []string{
		`x=$(echo a | cut -b 1 2>/dev/null) || :`,
		`echo a | head -n -1 >/dev/null 2>&1 || :`,
		`perl -e 1 2>/dev/null || :`,
		`(set -x) 2>/dev/null || :`,
		`[ a -nt b ] 2>/dev/null || :`,
		`docker events >/dev/null 2>&1 || :`,
		`docker ps --size >/dev/null 2>&1 || :`,
		`docker exec chatalot-db psql -U chatalot -d chatalot -c 'vacuum' >/dev/null 2>&1 || :`,
	} {
		s, err := sim.NewServer(sim.Options{Machine: machine.Options{Hostname: "web1"}}, engine.App{})
		must(t, err)
		seen(t, s, script)
		if _, ok := errors.AsType[*machine.UnsimulatedError](s.Close()); !ok {
			t.Errorf("nobody notices %s", script)
		}
	}
}
