package cli

import (
	"strings"
	"testing"

	"liftalot/testenv/sim"
)

// A link that leads nowhere costs no night's backup, and the owner is told; an upgrade,
// after which there is no second look, waits until it is mended. The locks of an editor
// are nothing to speak of.
func TestADeadLinkAmongTheSecrets(t *testing.T) {
	f := newSimFleet(t, simHost{name: "acme"})
	if said, status := f.servers["acme"].Shell(`mkdir -p "$1/old" && ln -s ../gone "$1/old/jwt" && ln -s me@here.1:2 "$1/.#token" && ln -s ring "$1/old/ring"`, sim.Dir+"/secrets"); status != 0 {
		t.Fatal(said)
	}
	dead := sim.Dir + "/secrets/old/jwt is a link that leads nowhere"
	r := f.does(exitDone, "backup")
	f.wants(r, "warning: acme: "+dead+": whatever it stood for is not in the backup")
	f.wants(r, sim.Dir+"/secrets/old/ring is a link that leads nowhere")
	if strings.Contains(r.stderr, ".#token") {
		t.Error(r.stderr)
	}
	f.wants(f.does(exitCheck, "check"), dead)
	f.servers["acme"].Shell(`rm "$1/jwt" "$1/ring"`, sim.Dir+"/secrets/old")
	f.does(exitDone, "plan")
	f.does(exitDone, "apply", "--yes")
}
