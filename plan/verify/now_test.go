package verify

import (
	"slices"
	"strings"
	"testing"
	"time"

	"liftalot/plan"
)

func find(checks []plan.Check, name string, level plan.Level) (plan.Check, bool) {
	i := slices.IndexFunc(checks, func(c plan.Check) bool { return c.Name == name && c.Level == level })
	if i < 0 {
		return plan.Check{}, false
	}
	return checks[i], true
}

const volume = "2a6c1f0e9d8b7a6c5f4e3d2c1b0a99887766554433221100ffeeddccbbaa0099"

// mounting says what the containers of the look mount.
func mounting(f *plan.Facts, service string, mounts ...plan.HostMount) {
	f.Everyone = append(f.Everyone, plan.HostContainer{ID: container(f, service).ID, Mounts: mounts})
}

// Row 34: the client's own "down" and "up" makes other containers. What they are made of
// counts then, and that they run.
func TestOtherContainersOfTheSameMakeAreNoFault(t *testing.T) {
	data := plan.HostMount{Type: "volume", Name: "chatalot_pgdata", Source: "/var/lib/docker/volumes/x/_data", Destination: "/var/lib/postgresql/data"}
	anew := func(f *plan.Facts) { container(f, "postgres").ID = "new" }
	for name, tt := range map[string]struct {
		was    []string
		change func(f *plan.Facts)
		level  plan.Level
		says   string
	}{
		"made anew, mounts not known": {nil, func(f *plan.Facts) { anew(f); mounting(f, "postgres", data) }, plan.Pass, "was made anew since"},
		"made anew with its volume":   {[]string{"volume chatalot_pgdata /var/lib/postgresql/data"}, func(f *plan.Facts) { anew(f); mounting(f, "postgres", data) }, plan.Pass, "with the same volumes"},
		"on another volume": {[]string{"volume old_pgdata /var/lib/postgresql/data"}, func(f *plan.Facts) { anew(f); mounting(f, "postgres", data) }, plan.Stop,
			"does not mount any more: volume old_pgdata /var/lib/postgresql/data"},
		"a database in another nameless volume": {[]string{"volume " + strings.Repeat("ab", 32) + " /var/lib/postgresql/data"}, func(f *plan.Facts) {
			anew(f)
			mounting(f, "postgres", plan.HostMount{Type: "volume", Name: volume, Destination: "/var/lib/postgresql/data"})
		}, plan.Stop, "does not mount any more"},
		"of another image": {nil, func(f *plan.Facts) { anew(f); container(f, "postgres").ImageID = "sha256:other" }, plan.Stop, "runs image other"},
		"stopped":          {nil, func(f *plan.Facts) { anew(f); container(f, "postgres").State = "exited" }, plan.Stop, "exited; it ran before"},
		"the same":         {nil, func(*plan.Facts) {}, plan.Pass, "as it was"},
	} {
		t.Run(name, func(t *testing.T) {
			p, f := upgraded(t)
			for i, c := range p.Baseline.Containers {
				if c.Service == "postgres" {
					p.Baseline.Containers[i].Mounts = tt.was
				}
			}
			tt.change(f)
			checks := Host(t.Context(), &host{}, f, ExpectUpgrade(p))
			if c, ok := find(checks, "untouched", tt.level); !ok || !strings.Contains(c.Detail, tt.says) {
				t.Errorf("%+v", checks)
			}
		})
	}
	v := verifier{f: seen(t, "managed")}
	if got := v.mounts("redis", []string{"volume " + volume + " /data", "bind /srv/a /a"}); got[0] != "volume (nameless) /data" || got[1] != "bind /srv/a /a" {
		t.Errorf("%q", got)
	}
}

// While the run is under way they must be the very same: it is the run that is verified.
func TestARunHoldsContainersAgainstItsOwnGround(t *testing.T) {
	p, f := upgraded(t)
	container(f, "postgres").ID = "new"
	if err := Failed("web1", Host(t.Context(), &host{}, f, ExpectAfterRun(p, p, false))); err == nil || !strings.Contains(err.Error(), "container new, it was") {
		t.Errorf("%v", err)
	}
	if err := Failed("web1", Host(t.Context(), &host{}, f, ExpectAfterRun(p, p, true))); err != nil {
		t.Errorf("a client's restart before a run was resumed: %v", err)
	}
	// A rollback days later has seen the containers of then.
	back := &plan.Plan{Kind: plan.Rollback, Project: p.Project, Baseline: plan.Baseline{Containers: []plan.ContainerFingerprint{{Service: "postgres", ID: "then", ImageID: "i"}}}}
	w := ExpectAfterRun(back, p, false)
	if len(w.Untouched) != 1 || w.Untouched[0].ID != "then" || !w.Same || w.ImageID == "" || w.Base != "" {
		t.Errorf("%+v", w)
	}
	if w := ExpectAfterRun(p, p, true); w.Base != p.To {
		t.Error("an update from the panel, before a run was resumed, would be undone")
	}
}

// Row 33: a plain "up -d" after an update from the panel puts the former release back.
func TestALoweredServerIsNoticed(t *testing.T) {
	at := time.Date(2026, 11, 23, 21, 4, 5, 0, time.UTC)
	image := func(f *plan.Facts) string {
		i, _ := f.ImageByID(container(f, "chatalot").ImageID)
		return i.Digests[0]
	}
	for name, tt := range map[string]struct {
		highest func(f *plan.Facts) Highest
		change  func(f *plan.Facts)
		says    string // "" passes
	}{
		"nothing higher": {func(f *plan.Facts) Highest { return Highest{"0.24.6", f.Database.Latest(), image(f), at} }, func(*plan.Facts) {}, ""},
		"lowered": {func(*plan.Facts) Highest { return Highest{"0.25.1", 60, "registry.example/chatalot@sha256:aa", at} }, func(*plan.Facts) {},
			"the server runs 0.24.6, and it ran 0.25.1 at 2026-11-23 21:04 UTC"},
		"lowered, and it does not come up": {func(*plan.Facts) Highest { return Highest{"0.25.1", 60, "", at} }, func(f *plan.Facts) {
			container(f, "chatalot").State, f.Health = "restarting", plan.Health{}
		}, "the server runs 0.24.6, and it ran 0.25.1"},
		"a later one that nobody saw": {func(f *plan.Facts) Highest { return Highest{"0.24.6", f.Database.Latest() - 1, image(f), at} }, func(*plan.Facts) {},
			"a later release ran meanwhile"},
		"another image of that version": {func(f *plan.Facts) Highest { return Highest{"0.24.6", f.Database.Latest() - 1, "r/c@sha256:aa", at} }, func(*plan.Facts) {}, ""},
		"not to be compared":            {func(*plan.Facts) Highest { return Highest{"0.25.1", 0, "", at} }, func(f *plan.Facts) { f.Health.Version = "edge"; container(f, "chatalot").ImageID = "own" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, f := upgraded(t)
			w := ExpectUpgrade(p)
			h := tt.highest(f)
			w.Highest = &h
			tt.change(f)
			checks := Host(t.Context(), &host{}, f, w)
			c, ok := find(checks, "lowered", plan.Stop)
			if ok != (tt.says != "") || !strings.Contains(c.Detail, tt.says) || ok && !strings.Contains(c.Hint, "liftalot verify --accept") {
				t.Errorf("%+v", checks)
			}
		})
	}
}

// What a look adds to what is known: of a managed server that is well and says what it is.
func TestHighestIn(t *testing.T) {
	f := seen(t, "managed")
	h, ok := HighestIn(f, time.Now())
	if !ok || h.Version != "0.24.6" || h.Migration != f.Database.Latest() || !strings.Contains(h.Image, "@sha256:") {
		t.Errorf("%+v, %v", h, ok)
	}
	for name, change := range map[string]func(f *plan.Facts){
		"not managed": func(f *plan.Facts) { gone(f, plan.UpdaterService) },
		"not well":    func(f *plan.Facts) { f.Health.DBHealthy = false },
		"no version":  func(f *plan.Facts) { f.Health.Version = "edge" },
		"a guess":     func(f *plan.Facts) { f.Health.Version = "" },
	} {
		f := seen(t, "managed")
		change(f)
		if h, ok := HighestIn(f, time.Now()); ok {
			t.Errorf("%s: %+v", name, h)
		}
	}
}
