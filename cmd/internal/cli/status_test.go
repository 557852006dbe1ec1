package cli

import (
	"encoding/json"
	"strings"
	"testing"
)

// The fleet as it is known here, and as it is.
func TestStatusAndHistory(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"}, simHost{name: "b"}, simHost{name: "gone"})
	if r := f.does(exitDone, "history"); !strings.Contains(r.out, "nothing was done from this machine yet") {
		t.Errorf("said %q", r.out)
	}
	f.does(exitDone, "plan", "a")
	f.does(exitDone, "apply", "--yes", "a")
	f.does(exitDone, "rollback", "--yes", "a")
	f.does(exitDone, "plan", "a")
	f.does(exitDone, "apply", "--yes", "a")
	f.servers["gone"].Unplug(true)
	r := f.does(exitUnreachable, "status", "--refresh")
	for _, want := range []string{
		`^a +0\.24\.6 +well +running, healthy +20..-..-.. ..:.. UTC +- +upgraded at`,
		`^b +0\.23\.0 +well +none +none here +0\.24\.6 +never touched from here`,
		`^gone +\? +not seen`,
	} {
		if !matches(want, r.out) {
			t.Errorf("the table lacks %q:\n%s", want, r.out)
		}
	}
	r = f.does(exitDone, "status", "a")
	if !matches("^a  upgraded at", r.out) || strings.Contains(r.out, "0.24.6") {
		t.Errorf("without a look: %s", r.out)
	}
	r = f.does(exitDone, "status", "--watch", "--every", "1s", "--timeout", "1500ms", "b")
	if got := strings.Count(r.out, "never touched from here"); got != 2 {
		t.Errorf("it was shown %d times:\n%s", got, r.out)
	}
	f.does(exitUsage, "status", "--watch", "--json")

	r = f.does(exitDone, "history", "--json")
	var doc struct{ Runs []runRow }
	must(t, json.Unmarshal([]byte(r.out), &doc))
	var kinds []string
	for _, p := range doc.Runs {
		kinds = append(kinds, p.Host+" "+p.Kind+" "+p.Outcome)
		if p.By == "" || p.From == "" || p.Away == nil || p.Ended.IsZero() {
			t.Errorf("%+v is not complete", p)
		}
	}
	if got, want := strings.Join(kinds, "; "), "a upgrade completed; a rollback completed; a upgrade completed"; got != want {
		t.Errorf("history %q, want %q", got, want)
	}
	if r := f.does(exitDone, "history"); !matches(`a +20\w+-\w+ +rollback +0\.24\.6 → 0\.23\.0 +completed +[0-9.]+s`, r.out) {
		t.Errorf("history:\n%s", r.out)
	}
}
