package sim_test

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"liftalot/plan"
	"liftalot/plan/probe"
	"liftalot/remote"
	"liftalot/testenv/sim"
	"liftalot/testenv/sim/driver"
	"liftalot/testenv/sim/engine"
)

// TestContract puts the tool's look, which asks docker and compose about forty
// things, to a simulated server, and holds what it understands against what it
// understood of a real one of the same layout: plan/probe keeps that as it was
// recorded. Only what a host has for itself may differ.
func TestContract(t *testing.T) {
	for _, layout := range []sim.Layout{sim.Public, sim.Staged} {
		t.Run(layout.Before, func(t *testing.T) {
			s, _ := serverOf(t, layout, engine.App{})
			c := remote.NewClient(lend(t, s.Host, accounts()...).config(s.Host, "root", remote.Sudo{}))
			t.Cleanup(func() { c.Close() })
			f, err := probe.Gather(t.Context(), c, probe.Options{Host: driver.HostName, DiskPaths: plan.DiskPaths()})
			must(t, err)
			here, err := json.Marshal(f)
			must(t, err)
			real, err := os.ReadFile(filepath.Join("..", "..", "plan", "probe", "testdata", layout.Before+".facts.json"))
			must(t, err)
			if diff := gocmp.Diff(understood(t, real), understood(t, here)); diff != "" {
				t.Errorf("a real host (-) and the simulated one (+) differ:\n%s", diff)
			}
		})
	}
}

// understood are facts without what each host has for itself.
func understood(t *testing.T, facts []byte) any {
	t.Helper()
	var v any
	must(t, json.Unmarshal(facts, &v))
	return withoutOwn("", v)
}

// own are keys whose values differ between any two hosts.
// The recordings are older than the look at what is beside the project.
var own = []string{"boot_id", "hostname", "free", "inodes", "mount", "bytes", "tables", "size", "everyone", "places"}

// ownText are ids, digests, times and addresses.
var ownText = regexp.MustCompile(`[0-9a-f]{64}|\b[0-9a-f]{12}\b|\d{4}-\d\d-\d\dT[0-9:.]+Z|\b\d+\.\d+\.\d+\.\d+\b`)

func withoutOwn(key string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if slices.Contains(own, k) {
				delete(v, k)
				continue
			}
			v[k] = withoutOwn(k, x)
		}
	case []any:
		for i, x := range v {
			v[i] = withoutOwn(key, x)
		}
		if key == "images" { // in the order of their ids
			slices.SortFunc(v, func(a, b any) int { return cmp.Compare(text(a), text(b)) })
		}
	case string:
		if key != "ports" {
			return ownText.ReplaceAllString(v, "…")
		}
	}
	return v
}

func text(v any) string {
	data, _ := json.Marshal(v) // it came out of JSON
	return string(data)
}
