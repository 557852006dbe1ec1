package sim_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"liftalot/plan"
	"liftalot/testenv/sim/engine"
)

// The simulated engine makes of a recorded model what a real one does: nothing of it is
// drift, neither before an upgrade nor after it.
func TestNothingDriftsByItself(t *testing.T) {
	_, l := server(t, engine.App{Boot: 2 * time.Second})
	p, err := l.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(p.Warnings, func(w string) bool { return strings.HasPrefix(w, "drift:") }); i >= 0 {
		t.Error(p.Warnings[i])
	}
	if _, err := l.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, err = l.Plan(t.Context())
	if err != nil || p.Variant != plan.Managed {
		t.Fatalf("%v: %v", p, err)
	}
	if i := slices.IndexFunc(p.Warnings, func(w string) bool { return strings.HasPrefix(w, "drift:") }); i >= 0 {
		t.Error(p.Warnings[i])
	}
}
