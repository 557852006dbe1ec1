package sim_test

import (
	"strings"
	"testing"

	"liftalot/plan"
	"liftalot/plan/probe"
	"liftalot/remote"
	"liftalot/testenv/sim/driver"
	"liftalot/testenv/sim/engine"
)

// A compose plugin that a newer engine refuses reads files as ever and starts nothing: it
// is found before anything is begun (case 19).
func TestAPluginThatTheEngineRefuses(t *testing.T) {
	s, _ := server(t, engine.App{})
	c := remote.NewClient(lend(t, s.Host, accounts()...).config(s.Host, "root", remote.Sudo{}))
	t.Cleanup(func() { c.Close() })
	for _, old := range []bool{false, true} {
		if old {
			s.Machine.Do(func() { s.Engine.OldClient = "1.43" })
		}
		f, err := probe.Gather(t.Context(), c, probe.Options{Host: driver.HostName, DiskPaths: plan.DiskPaths()})
		must(t, err)
		said := ""
		for _, k := range plan.Stopped(plan.Checks(f, plan.Settings{}, nil)) {
			said += k.Detail + "\n"
		}
		if f.Model == nil || len(f.Everyone) == 0 || len(f.Resources.Volumes) == 0 {
			t.Errorf("old %v: model %v, everyone %d, %+v", old, f.Model != nil, len(f.Everyone), f.Resources)
		}
		if strings.Contains(said, "compose 2.26.1-4 cannot speak to engine 26.1.5+dfsg1 (API 1.45): ") != old || strings.Contains(said, "client version 1.43 is too old") != old {
			t.Errorf("old %v: %s, %+v", old, said, f.Failures)
		}
	}
}
