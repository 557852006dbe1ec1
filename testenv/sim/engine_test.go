package sim_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"liftalot/testenv/sim"
	"liftalot/testenv/sim/engine"
	"liftalot/testenv/sim/machine"
	"liftalot/testenv/vps/vpstest"
)

// engineRow runs a row whose script is in /tmp/row.
const engineRow = `sh /tmp/row >/tmp/row.out 2>/tmp/row.err </dev/null
echo "$? $(wc -c </tmp/row.err)"
cat /tmp/row.out
echo .`

// ofHost is what each host has for itself.
var ofHost = regexp.MustCompile(`(sha256:)?[0-9a-f]{64}|\b[0-9a-f]{12}\b|\d{4}-\d\d-\d\dT[0-9:.]+Z|\b\d+\.\d+\.\d+\.\d+\b`)

func engineRows(t *testing.T, f *goldenFile, run func(script string) string) (got []string) {
	t.Helper()
	for _, r := range f.rows {
		first, stdout, _ := strings.Cut(run(r.script), "\n")
		var status, stderr int
		if _, err := fmt.Sscan(first, &status, &stderr); err != nil {
			t.Fatalf("%s: %q: %v", r.script, first, err)
		}
		stdout = strings.TrimSuffix(strings.TrimSpace(stdout), ".")
		got = append(got, ended(ofHost.ReplaceAllString(stdout, "…"), status, stderr > 0))
	}
	return got
}

// TestEngine holds the simulated engine against what a real one said.
func TestEngine(t *testing.T) {
	f := readGolden(t, "engine.golden")
	s, err := sim.NewServer(sim.Options{Machine: machine.Options{Hostname: "web1"}}, engine.App{})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	f.compare(t, "the simulated engine", engineRows(t, f, func(script string) string {
		s.Machine.Do(func() { s.Machine.MustWrite("/tmp/row", script, 0o644, 0, 0) })
		return seen(t, s, engineRow)
	}))
}

// TestRealEngine asks a real engine again what it was recorded to say;
// LIFTALOT_GOLDEN=1 writes it anew.
func TestRealEngine(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT RUN: -short, and it boots a server")
	}
	f := readGolden(t, "engine.golden")
	h := vpstest.Boot(t, "public")
	got := engineRows(t, f, func(script string) string {
		must(t, h.WriteFile(t.Context(), "/tmp/row", []byte(script)))
		said, err := h.Run(t.Context(), engineRow)
		must(t, err)
		return said
	})
	if recording() {
		f.record(t, got)
		return
	}
	f.compare(t, "the real engine", got)
}
