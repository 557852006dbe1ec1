package sim_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"liftalot/plan"
	"liftalot/plan/probe"
	"liftalot/remote"
	"liftalot/testenv/scenarios"
	"liftalot/testenv/sim"
	"liftalot/testenv/sim/driver"
	"liftalot/testenv/sim/engine"
	"liftalot/testenv/sim/machine"
	"liftalot/testenv/vps"
	"liftalot/testenv/vps/vpstest"
)

// recording is what a real compose says of one state of a layout. With
// LIFTALOT_GOLDEN=1 what it says now is written in place of what it said; a new
// layout wants two runs, one for each state.
func recording() bool { return os.Getenv("LIFTALOT_GOLDEN") != "" }

// composeSays asks the compose of a real server about a compose file and .env
// in the folder that every recording is about.
func composeSays(t *testing.T, h *vps.Host, file, env []byte) (model, hashes string) {
	t.Helper()
	must(t, h.WriteFile(t.Context(), sim.Dir+"/docker-compose.yml", file))
	must(t, h.WriteFile(t.Context(), sim.Dir+"/.env", env))
	const compose = "docker compose -p chatalot --project-directory " + sim.Dir + " -f " + sim.Dir + "/docker-compose.yml --profile '*' config "
	model, err := h.Run(t.Context(), compose+"--format json 2>/dev/null")
	must(t, err)
	hashes, err = h.Run(t.Context(), compose+"--hash '*' 2>/dev/null | sort")
	must(t, err)
	return model, hashes
}

// TestRecordings asks a real compose again what it was recorded to say.
func TestRecordings(t *testing.T) {
	h := vpstest.Boot(t, "public")
	version, err := h.Run(t.Context(), "docker compose version --short")
	must(t, err)
	if got := strings.TrimSpace(version); got != engine.ComposeVersion {
		t.Fatalf("the server has compose %s, the recordings are of %s", got, engine.ComposeVersion)
	}
	states, err := engine.States()
	must(t, err)
	for _, state := range states {
		file, err := engine.Recorded(state, "docker-compose.yml")
		must(t, err)
		env, err := engine.Recorded(state, "env")
		must(t, err)
		model, hashes := composeSays(t, h, file, env)
		for name, said := range map[string]string{"model.json": model, "hashes": hashes} {
			if recording() {
				record(t, state, name, []byte(said))
				continue
			}
			want, err := engine.Recorded(state, name)
			must(t, err)
			if strings.TrimSpace(said) != strings.TrimSpace(string(want)) {
				t.Errorf("%s: %s: compose says\n%s", state, name, said)
			}
		}
	}
}

func record(t *testing.T, state, name string, data []byte) {
	t.Helper()
	dir := filepath.Join("engine", "testdata", "compose-"+engine.ComposeVersion, state)
	must(t, os.MkdirAll(dir, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
}

// TestLayouts holds the recorded states against what they were made of: the
// public files, and the edit that the planner makes of them today.
func TestLayouts(t *testing.T) {
	for _, l := range []sim.Layout{sim.Public, sim.Staged} {
		t.Run(l.Before, func(t *testing.T) {
			scenario, err := scenarios.Find(l.Before)
			must(t, err)
			same(t, l.Before, "docker-compose.yml", scenario.Layout.Compose)
			s, err := sim.NewServerOf(l, sim.Options{Machine: machine.Options{Hostname: "web1"}}, engine.App{})
			must(t, err)
			t.Cleanup(func() { must(t, s.Close()) })
			same(t, l.After, "docker-compose.yml", edited(t, s))
			env, err := engine.Recorded(l.Before, "env")
			must(t, err)
			same(t, l.After, "env", env)
		})
	}
}

func same(t *testing.T, state, name string, now []byte) {
	t.Helper()
	if recording() {
		record(t, state, name, now)
		return
	}
	want, err := engine.Recorded(state, name)
	must(t, err)
	if string(now) != string(want) {
		t.Errorf("%s/%s is not what it was made of; LIFTALOT_GOLDEN=1 makes it anew", state, name)
	}
}

// edited is the compose file as the planner would have it.
func edited(t *testing.T, s *sim.Server) []byte {
	t.Helper()
	c := remote.NewClient(lend(t, s.Host, accounts()...).config(s.Host, "root", remote.Sudo{}))
	defer c.Close()
	f, err := probe.Gather(t.Context(), c, probe.Options{Host: driver.HostName, DiskPaths: plan.DiskPaths()})
	must(t, err)
	release, err := driver.Release()
	must(t, err)
	_, edited, err := plan.Build(plan.BuildInput{Facts: f, Settings: driver.Settings(), Release: release, ID: "run", Now: time.Now()})
	must(t, err)
	if len(edited) != 1 {
		t.Fatalf("%d files are edited", len(edited))
	}
	return edited[0].Result.After
}
