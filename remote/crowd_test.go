package remote

import (
	"runtime/debug"
	"testing"
)

// Two crowds may overlap, and leave in any order; what was set before comes back with
// the last.
func TestCrowd(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(70)
	defer debug.SetGCPercent(before)
	percent := func() int {
		now := debug.SetGCPercent(100)
		debug.SetGCPercent(now)
		return now
	}
	few := Crowd(crowd - 1)
	if percent() != 70 {
		t.Error("a few hosts change how garbage is collected")
	}
	first, second := Crowd(crowd), Crowd(1000)
	few()
	first()
	first() // once is enough
	if percent() != crowdPercent {
		t.Errorf("%d %% while a crowd is here", percent())
	}
	second()
	if percent() != 70 {
		t.Errorf("%d %% after the last has left", percent())
	}
	t.Setenv("GOGC", "100")
	defer Crowd(1000)()
	if percent() != 70 {
		t.Error("the user's word does not count")
	}
}
