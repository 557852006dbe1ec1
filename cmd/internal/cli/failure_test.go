package cli

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"liftalot/plan/journal"
	"liftalot/testenv/sim/engine"
)

// P3, P7: apply, status, plan, report and the documents say why an upgrade failed, in the
// words of the server that died, and that the release is one that has failed here.
func TestP3P7WhyItFailedIsTold(t *testing.T) {
	f := newSimFleet(t, simHost{name: "acme", next: engine.App{Mode: engine.Crash}})
	const last = "Error: the simulated server crashes"
	f.does(exitDone, "plan")
	r := f.does(exitRolledBack, "apply", "--yes")
	page := filepath.Join(f.dir, "report.html")
	f.does(exitDone, "report", "--html", page)
	const stands = "Container chatalot-server is restarting, exit code 1, restarted 3 times."
	for where, text := range map[string]string{
		"apply": r.stderr, "status": f.does(exitDone, "status").out, "report": f.does(exitDone, "report").out, "page": strings.Join(lines(t, page), " "),
	} {
		for _, want := range []string{stands, last, "restarted 3 times"} {
			if !strings.Contains(unwrapped(text), want) {
				t.Errorf("%s does not say %q:\n%s", where, want, text)
			}
		}
	}
	var doc struct {
		Hosts []struct {
			Failed  string
			Failure *journal.Failure
		}
	}
	must(t, json.Unmarshal([]byte(f.does(exitDone, "status", "--json").out), &doc))
	if h := doc.Hosts[0]; h.Failure == nil || len(h.Failure.Containers) != 1 || h.Failure.Containers[0].Log[0] != last || !strings.HasPrefix(h.Failed, "0.24.6 failed here at ") {
		t.Errorf("status --json: %+v", h)
	}
	again := unwrapped(f.does(exitDone, "plan").out)
	for _, want := range []string{"warning: 0.24.6 failed here at ", `, at "replace the server's container": the container was restarted 3 times`, "this is the same release"} {
		if !strings.Contains(again, want) {
			t.Errorf("plan does not say %q:\n%s", want, again)
		}
	}

	// Once it went well nobody speaks of it.
	f.mend("acme")
	f.does(exitDone, "apply", "--yes")
	if r := f.does(exitDone, "status"); strings.Contains(r.out, "failed") {
		t.Errorf("status says\n%s", r.out)
	}
}
