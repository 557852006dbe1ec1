package verify

import (
	"strings"
	"testing"

	"liftalot/plan"
)

// TestWhoIsLeftBehindByAnUpgrade: only what hung on the server speaks against an upgrade.
func TestWhoIsLeftBehindByAnUpgrade(t *testing.T) {
	v := &verifier{
		f: &plan.Facts{Everyone: []plan.HostContainer{
			{Name: "tunnel", State: "running", NetworkMode: "container:" + strings.Repeat("a", 64)},
			{Name: "another", State: "running", NetworkMode: "container:" + strings.Repeat("b", 64)},
		}},
		w: ExpectUpgrade(&plan.Plan{Steps: []plan.Step{{Op: plan.Swap{Dependents: []plan.Dependent{{Name: "tunnel"}}}}}}),
	}
	v.dependents()
	if len(v.out) != 2 || v.out[0].Level != plan.Stop || v.out[1].Level != plan.Warn {
		t.Errorf("got %+v", v.out)
	}
}
