package probe

import (
	"encoding/json"
	"testing"

	"liftalot/plan"
)

// Whatever a host answers, a look ends, keeps failures short, and what it found
// can be printed and judged.
func FuzzLook(f *testing.F) {
	for _, name := range recorded {
		f.Add(recording(f, name))
	}
	f.Add([]byte(recordedMarker + " begin machine\nuid=0\n" + recordedMarker + " end machine 0 \n"))
	f.Add([]byte(recordedMarker + " begin containers\n[{\"State\":null}]\n" + recordedMarker + " end containers 0 \n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		facts, err := look(t, said)
		if err != nil {
			return
		}
		for _, x := range facts.Failures {
			if len(x.Detail) > 1000 {
				t.Errorf("a failure of %d bytes", len(x.Detail))
			}
		}
		if _, err := json.Marshal(facts); err != nil {
			t.Error(err)
		}
		plan.Checks(facts, plan.Settings{}, nil)
	})
}

// Parts never hold what another part said, however the output is cut.
func FuzzSplit(f *testing.F) {
	f.Add(recordedMarker, recording(f, "chatalot-net"))
	f.Add("@@", []byte("@@ begin a\n\n@@ end a 0 x y\n@@ begin b\nz\n@@ end b 1 "))
	f.Add("@@", []byte("@@ begin a\n\n@@ end b 0 \n"))
	f.Add("@@", []byte("@@ begin a\n\n@@ end a none \n"))
	f.Fuzz(func(t *testing.T, marker string, out []byte) {
		parts, err := split(marker, out)
		if err != nil && parts != nil || err == nil && len(parts) == 0 {
			t.Errorf("%d parts and %v", len(parts), err)
		}
		total := 0
		for _, p := range parts {
			total += len(p.out) + len(p.name) + len(p.stderr)
		}
		if total > len(out) {
			t.Errorf("%d bytes out of %d", total, len(out))
		}
	})
}
