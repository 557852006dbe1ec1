package plan

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// drifted is a recorded server whose files say something else for one variable.
func drifted(t *testing.T, name, value string) BuildInput {
	t.Helper()
	in := inputFor(t, recorded(t, "public"))
	remodel(t, in.Facts, "public", value, "services", "chatalot", "environment", name)
	return in
}

func driftOnly(in BuildInput) []Check {
	return slices.DeleteFunc(Checks(in.Facts, in.Settings, &in.Release), func(c Check) bool { return c.Name != "drift" })
}

// Defect R1: variables that were edited and never applied, or came from a shell.
func TestR1DriftOfTheServerStops(t *testing.T) {
	in := drifted(t, "RUST_LOG", "debug")
	got := driftOnly(in)
	if len(got) != 1 || got[0].Level != Stop || !strings.Contains(got[0].Detail, `environment.RUST_LOG: what runs has "`) ||
		!strings.Contains(got[0].Hint, "docker compose up -d chatalot") || !strings.Contains(got[0].Hint, `allow: ["drift:chatalot.environment.RUST_LOG"]`) {
		t.Errorf("%+v", got)
	}
	if _, _, err := Build(in); err == nil {
		t.Error("there is a plan")
	}
}

func TestDriftIsAcceptedByName(t *testing.T) {
	for allow, good := range map[string]bool{
		"drift:chatalot.environment.RUST_LOG": true, "drift:chatalot.environment": true, "drift:chatalot": true,
		"drift:chatalot.environment.RUST": false, "drift:postgres": false, "drift:chatalot.command": false,
	} {
		in := drifted(t, "RUST_LOG", "debug")
		in.Settings.Allow = []string{allow}
		p, _, err := Build(in)
		if (err == nil) != good {
			t.Errorf("%s: %v", allow, err)
		}
		if good && !slices.ContainsFunc(p.Warnings, func(w string) bool {
			return strings.Contains(w, "the upgrade carries out what has changed in service chatalot: environment.RUST_LOG")
		}) {
			t.Errorf("%s: the plan does not say what it carries out: %q", allow, p.Warnings)
		}
	}
}

// What the upgrade leaves alone does not hold it up.
func TestDriftOfTheDatabaseIsToldOnly(t *testing.T) {
	in := inputFor(t, recorded(t, "public"))
	remodel(t, in.Facts, "public", "new", "services", "postgres", "environment", "POSTGRES_PASSWORD")
	if got := driftOnly(in); len(got) != 1 || got[0].Level != Warn || !strings.Contains(got[0].Hint, "this tool leaves it alone") {
		t.Errorf("%+v", got)
	}
}

// A server that is managed and current is not recreated: its drift is told, and stops as
// soon as there is something to change.
func TestDriftOfACurrentServerStopsOnlyAChange(t *testing.T) {
	in := inputFor(t, recorded(t, "managed"))
	remodel(t, in.Facts, "managed", "debug", "services", "chatalot", "environment", "RUST_LOG")
	if p, _, err := Build(in); err != nil || !p.Empty() || len(p.Warnings) == 0 {
		t.Errorf("%v", err)
	}
	in.Release.Updater.Digest = "sha256:" + strings.Repeat("0", 64) // a newer updater
	if _, _, err := Build(in); err == nil || !strings.Contains(err.Error(), "environment.RUST_LOG") {
		t.Errorf("%v", err)
	}
}

// The variables of the recordings hold canaries. All of them differ here, in both
// directions, and none is in what is said or saved.
func TestDriftShowsNoSecret(t *testing.T) {
	for _, name := range []string{"public", "staged", "traefik", "managed"} {
		in := inputFor(t, recorded(t, name))
		in.Settings.Allow = []string{AllowDrift + "chatalot", AllowDrift + UpdaterService, AllowDrift + ProxyService}
		env := map[string]any{}
		for key := range in.Facts.Model.Service("chatalot").Environment {
			env[key] = "canary-Tr0ub4dor-" + key
		}
		remodel(t, in.Facts, name, env, "services", "chatalot", "environment")
		server, _ := in.Facts.Server()
		if !strings.Contains(string(server.Inspect), "ca4a47") && !strings.Contains(string(server.Inspect), "canary") {
			t.Errorf("%s: no canary in what runs", name)
		}
		checks, err := json.Marshal(Checks(in.Facts, in.Settings, &in.Release))
		if err != nil {
			t.Fatal(err)
		}
		facts, err := json.Marshal(in.Facts)
		if err != nil {
			t.Fatal(err)
		}
		said := string(checks) + string(facts)
		if p, _, err := Build(in); err == nil {
			data, err := p.Encode()
			if err != nil {
				t.Fatal(err)
			}
			said += string(data)
		} else {
			said += err.Error()
		}
		for _, canary := range []string{"ca4a47", "Tr0ub4dor"} {
			if i := strings.Index(said, canary); i >= 0 {
				t.Errorf("%s: …%s…", name, said[max(0, i-120):min(len(said), i+60)])
			}
		}
		if !strings.Contains(string(checks), "environment.TOTP_ENCRYPTION_KEY") && !strings.Contains(string(checks), "environment.DATABASE_URL") {
			t.Errorf("%s: no drift was told", name)
		}
	}
}
