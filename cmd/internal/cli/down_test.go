package cli

import (
	"encoding/json"
	"testing"
	"time"

	"liftalot/testenv/sim/engine"
)

// P2, D1: a server that a run has left down is the first thing that status says, with since
// when and how long; the rollback that brings it back tells the whole gap, once.
func TestP2D1DownIsToldUntilItIsBroughtBack(t *testing.T) {
	f := newSimFleet(t, simHost{name: "well"}, simHost{name: "down", next: engine.App{Mode: engine.Crash, Migrations: 52}})
	f.does(exitDone, "plan")
	if r := f.does(exitPerson, "apply", "--yes", "down"); !matches(`down .*down since .*\([0-9.]+s\)`, r.out) {
		t.Errorf("apply says\n%s", r.out)
	}
	const since = `down since ..:.. UTC \([0-9.]+s\)`
	if r := f.does(exitDone, "status"); !matches(`\Adown  the server is `+since+", as far as this machine knows", r.out) {
		t.Errorf("status says\n%s", r.out)
	}
	if r := f.does(exitDone, "history"); !matches("down .*"+since, r.out) {
		t.Errorf("history says\n%s", r.out)
	}
	var before struct {
		Hosts []struct {
			Host string
			Down time.Time `json:"down_since"`
		}
	}
	must(t, json.Unmarshal([]byte(f.does(exitDone, "status", "--json").out), &before))
	from := before.Hosts[1].Down
	if from.IsZero() || before.Hosts[1].Host != "down" {
		t.Fatalf("%+v", before)
	}

	var back struct{ Hosts []hostResult }
	must(t, json.Unmarshal([]byte(f.does(exitDone, "rollback", "down", "--with-database", "--yes", "--json").out), &back))
	d := back.Hosts[0].Downtime
	if d == nil || len(d.Gaps) != 1 || !d.Gaps[0].From.Equal(from) || !d.Since.IsZero() || d.Millis != d.Gaps[0].Until.Sub(from).Milliseconds() {
		t.Errorf("the rollback tells %+v, and the server was down from %v", d, from)
	}
	if r := f.does(exitDone, "status", "down"); matches("down since", r.out) {
		t.Errorf("status says\n%s", r.out)
	}

	// P9: what it has left is named.
	r := f.run("verify", "down")
	for _, want := range []string{`databases left: kept by rollbacks and restores: chatalot_before_rollback_\w+ \(`, `folders left: backups of runs: /var/backups/chatalot-pre-managed-update-`} {
		if !matches(want, unwrapped(r.out)) {
			t.Errorf("verify does not say %q:\n%s%s", want, r.out, r.stderr)
		}
	}
}
