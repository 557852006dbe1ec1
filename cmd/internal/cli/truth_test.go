package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/verify"
)

// Row 28, P2: what is not known is never told as shorter than it was.
func TestDowntimeInWords(t *testing.T) {
	at := time.Date(2026, 11, 23, 21, 4, 5, 0, time.UTC)
	for _, tt := range []struct {
		d    *apply.Downtime
		want string
		says string
	}{
		{nil, "-", "-"},
		{&apply.Downtime{Millis: 2330}, "2.3s", "down for 2.3s"},
		{&apply.Downtime{Millis: 66000, AtLeast: true}, "at least 1m06s", "down for at least 1m06s"},
		{&apply.Downtime{Millis: 5000, AtLeast: true, Since: at, Gaps: []apply.Gap{{From: at}}}, "down since 21:04 UTC (5.0s)", "down since 21:04 UTC (5.0s)"},
		{&apply.Downtime{Millis: 86400000, Since: at, Gaps: []apply.Gap{{From: at}}}, "down since 2026-11-23 21:04 UTC (24h00m)", "down since 2026-11-23 21:04 UTC (24h00m)"},
	} {
		if got, says := downtime(tt.d), downWords(tt.d); got != tt.want || says != tt.says {
			t.Errorf("%q, %q; want %q, %q", got, says, tt.want, tt.says)
		}
	}
}

// Row 12: a table never says "completed" beside an error.
func TestNoErrorBesideCompleted(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"})
	f.does(exitDone, "plan")
	f.cutShort("a", "backup")
	f.run("apply", "--yes", "a")
	f.servers["a"].SetFault(nil)
	r := f.run("rollback", "--yes", "--json", "a")
	var doc struct{ Hosts []hostResult }
	must(t, json.Unmarshal([]byte(r.out), &doc))
	if h := doc.Hosts[0]; (h.Error != "") == (h.Outcome == "completed") {
		t.Errorf("%+v", h)
	}
}

// Row 33: the highest release that a host was seen to run is kept, and only rises by
// looks. A run that changes the server begins it anew, and so does a person's word.
func TestTheHighestReleaseIsRemembered(t *testing.T) {
	d := newDesk(t, "")
	look := func(version string, migration int64) *plan.Facts {
		return &plan.Facts{
			Host: "web1", Project: plan.Project{Service: "chatalot"},
			Health:   plan.Health{Asked: true, Code: 200, Status: "ok", DBHealthy: true, Version: version},
			Database: plan.Database{Migrated: []plan.Migration{{Version: migration, Success: true}}},
			Services: []plan.Container{
				{Service: "chatalot", ID: "s", State: "running"}, {Service: plan.UpdaterService, ID: "u", State: "running"}, {Service: "postgres", ID: "d", ImageID: "i", State: "running"},
			},
		}
	}
	highest := func() string {
		seen, err := d.folder.seenBefore()
		must(t, err)
		if seen.Highest == nil {
			return ""
		}
		return seen.Highest.Version
	}
	for _, tt := range []struct {
		now  func() error
		want string
	}{
		{func() error { return nil }, ""},
		{func() error { return d.folder.addSeen(look("0.24.6", 55)) }, "0.24.6"},
		{func() error { return d.folder.addSeen(look("0.25.1", 57)) }, "0.25.1"},
		{func() error { return d.folder.addSeen(look("0.25.0", 57)) }, "0.25.1"},
		{func() error { return d.folder.accept(look("0.25.0", 57)) }, "0.25.0"},
		{func() error { return d.folder.addSeen(look("0.26.0", 58)) }, "0.26.0"},
		{func() error { return d.folder.beginSeen(look("0.24.6", 55)) }, "0.24.6"},
		{func() error { return d.folder.beginSeen(&plan.Facts{}) }, ""},
	} {
		must(t, tt.now())
		if got := highest(); got != tt.want {
			t.Errorf("highest is %q, want %q", got, tt.want)
		}
	}
	// What was accepted stands in for what the last run left.
	must(t, d.folder.accept(look("0.25.0", 57)))
	must(t, d.folder.addSeen(look("0.25.1", 57)))
	seen, err := d.folder.seenBefore()
	if err != nil || len(seen.Accepted) != 1 || seen.Accepted[0].Service != "postgres" || seen.Highest.Version != "0.25.1" {
		t.Errorf("%+v, %v", seen, err)
	}
	must(t, os.WriteFile(d.folder.seenFile(), []byte("{"), 0o600))
	if code, _ := classify("web1", d.folder.addSeen(look("0.24.6", 55))); code != exitState {
		t.Errorf("a damaged file: status %d", code)
	}
}

// Row 33, to its end: what was seen is what verify holds a host against.
func TestVerifyNoticesALoweredServer(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"})
	f.does(exitDone, "plan")
	f.does(exitDone, "apply", "--yes", "a")
	f.does(exitDone, "verify", "a")
	file := filepath.Join(f.dir, ".liftalot", "hosts", "a", "seen.json")
	var seen hostSeen
	data, err := os.ReadFile(file)
	must(t, err)
	must(t, json.Unmarshal(data, &seen))
	if seen.Highest == nil || seen.Highest.Version != "0.24.6" {
		t.Fatalf("after the upgrade: %s", data)
	}
	seen.Highest = &verify.Highest{Version: "0.25.1", Migration: 57, Image: "registry.example/chatalot@sha256:aa", At: time.Now()}
	data, err = json.Marshal(seen)
	must(t, err)
	must(t, os.WriteFile(file, data, 0o600))
	r := f.does(exitCheck, "verify", "a")
	if !strings.Contains(r.out, "lowered: the server runs 0.24.6, and it ran 0.25.1 at") || !strings.Contains(r.out, "image: registry.example/chatalot@sha256:aa; if it was lowered on purpose: liftalot verify --accept a") {
		t.Errorf("%s", r.out)
	}
	f.does(exitDone, "verify", "--accept", "a")
	f.does(exitDone, "verify", "a")
	f.does(exitDone, "rollback", "--yes", "a")
	f.does(exitDone, "verify", "a")
}
