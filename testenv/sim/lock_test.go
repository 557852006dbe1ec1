package sim_test

import (
	"strings"
	"testing"

	"liftalot/remote"
	"liftalot/remote/lock"
	"liftalot/testenv/sim"
	"liftalot/testenv/sim/machine"
)

// A lock that was lost without our knowledge is taken anew, and the input of the
// command that the fence turned away arrives whole with the next try: nothing of
// it went to the first one.
func TestFencedInputArrivesWhole(t *testing.T) {
	h, err := sim.New(sim.Options{Machine: machine.Options{Hostname: "sim"}})
	must(t, err)
	t.Cleanup(func() { must(t, h.Close()) })
	c := remote.NewClient(lend(t, h, accounts()...).config(h, "root", remote.Sudo{}))
	t.Cleanup(func() { c.Close() })
	const file = "/run/liftalot/lock"
	host := &lock.Host{Client: c, File: file, Holder: lock.Holder{User: "ann", Machine: "laptop", RunID: "run-1", Reason: "test"}}
	input := strings.Repeat("0123456789abcde\n", 40_000)
	for range 20 {
		_, err := host.Hold(t.Context())
		must(t, err)
		h.Machine.Do(func() { // as after a host that was restarted
			n, err := h.Machine.Lookup(file + ".holder")
			must(t, err)
			n.Data = []byte("run-0\n")
		})
		_, err = host.Run(t.Context(), remote.Command{
			Name: "keep", Script: `[ "$(wc -c)" -eq "$1" ]`, Args: []string{"640000"}, Root: true, Stdin: strings.NewReader(input),
		})
		must(t, err)
	}
	must(t, host.Release(t.Context()))
}
