package verify

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"liftalot/plan"
	"liftalot/remote"
)

// seen gives the facts of a server that was looked at for real; see plan/probe.
func seen(t *testing.T, name string) *plan.Facts {
	t.Helper()
	var f plan.Facts
	decode(t, &f, "..", "probe", "testdata", name+".facts.json")
	return &f
}

func decode(t *testing.T, v any, elem ...string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

// upgraded is the plan of the public server, and the same server after it.
func upgraded(t *testing.T) (*plan.Plan, *plan.Facts) {
	t.Helper()
	var p plan.Plan
	decode(t, &p, "..", "testdata", "build", "unmanaged-public.json")
	f := seen(t, "managed")
	// The recording is of a twin: its database's container is another.
	db, _ := f.Container("postgres")
	for i := range p.Baseline.Containers {
		if p.Baseline.Containers[i].Service == "postgres" {
			p.Baseline.Containers[i].ID = db.ID
		}
	}
	return &p, f
}

type host struct {
	err error
	cmd remote.Command
	ran int
}

func (h *host) Run(_ context.Context, cmd remote.Command) (remote.Result, error) {
	h.cmd = cmd
	h.ran++
	return remote.Result{Stderr: []byte("noise\nthe server does not reach the updater\n")}, h.err
}

func container(f *plan.Facts, service string) *plan.Container {
	for i := range f.Services {
		if f.Services[i].Service == service {
			return &f.Services[i]
		}
	}
	return nil
}

func gone(f *plan.Facts, service string) {
	f.Services = slices.DeleteFunc(f.Services, func(c plan.Container) bool { return c.Service == service })
}

func TestUpgraded(t *testing.T) {
	p, f := upgraded(t)
	h := &host{}
	checks := Host(t.Context(), h, f, ExpectUpgrade(p))
	if err := Failed("web1", checks); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range checks {
		names = append(names, c.Name)
	}
	for _, want := range []string{"health", "version", "image", "untouched", plan.UpdaterService, plan.ProxyService, "aim", "admin panel", "connections"} {
		if !slices.Contains(names, want) {
			t.Errorf("%q is not looked at", want)
		}
	}
	if h.ran != 1 || !h.cmd.Root || h.cmd.Args[0] != "chatalot-server" || h.cmd.Args[1] != plan.UpdaterService {
		t.Errorf("%+v", h.cmd)
	}
	for _, c := range ExpectUpgrade(p).Untouched {
		if c.Service == "chatalot" {
			t.Error("the server itself is to be untouched")
		}
	}
}

// What the plan promised and the host does not show fails under a name of its
// own.
func TestEachBrokenPromiseHasItsName(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(p *plan.Plan, f *plan.Facts, h *host)
		check  string
		says   string
	}{
		{"server gone", func(_ *plan.Plan, f *plan.Facts, _ *host) { gone(f, "chatalot") }, "server", "does not run"},
		{"server stopped", func(_ *plan.Plan, f *plan.Facts, _ *host) { container(f, "chatalot").State = "exited" }, "server", "does not run"},
		{"degraded", func(_ *plan.Plan, f *plan.Facts, _ *host) { f.Health.Status = "degraded" }, "health", `status "degraded"`},
		{"another version", func(_ *plan.Plan, f *plan.Facts, _ *host) { f.Health.Version = "0.24.5" }, "version", "says 0.24.5, the plan says 0.24.6"},
		{"another image", func(p *plan.Plan, _ *plan.Facts, _ *host) { p.Release.Server.Digest = "sha256:other" }, "image", "known as"},
		{"database of another image", func(_ *plan.Plan, f *plan.Facts, _ *host) {
			container(f, "postgres").ID, container(f, "postgres").ImageID = "new", "sha256:other"
		}, "untouched", "service postgres: runs image other"},
		{"database stopped", func(_ *plan.Plan, f *plan.Facts, _ *host) { container(f, "postgres").State = "exited" }, "untouched", "service postgres"},
		{"updater gone", func(_ *plan.Plan, f *plan.Facts, _ *host) { gone(f, plan.UpdaterService) }, plan.UpdaterService, "no container"},
		{"updater sick", func(_ *plan.Plan, f *plan.Facts, _ *host) { container(f, plan.UpdaterService).Health = "unhealthy" }, plan.UpdaterService, "unhealthy"},
		{"proxy restarting", func(_ *plan.Plan, f *plan.Facts, _ *host) { container(f, plan.ProxyService).State = "restarting" }, plan.ProxyService, "restarting"},
		{"wrong aim", func(_ *plan.Plan, f *plan.Facts, _ *host) {
			container(f, plan.UpdaterService).Env["CHATALOT_UPDATER_SERVER_CONTAINER"] = "chatalot"
		}, "aim", `after container "chatalot"`},
		{"the old page", func(_ *plan.Plan, f *plan.Facts, _ *host) { f.Health.Updates = "200" }, "admin panel", "200"},
		{"401 of something else", func(_ *plan.Plan, f *plan.Facts, _ *host) { f.Health.Updates = "401" }, "admin panel", "401"},
		{"cut off inside", func(_ *plan.Plan, _ *plan.Facts, h *host) { h.err = &remote.ExitError{Code: 1} }, "connections", "does not reach the updater"},
		{"link lost", func(_ *plan.Plan, _ *plan.Facts, h *host) { h.err = remote.ErrUnknownOutcome }, "connections", "outcome unknown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, f := upgraded(t)
			h := &host{}
			tt.change(p, f, h)
			checks := Host(t.Context(), h, f, ExpectUpgrade(p))
			i := slices.IndexFunc(checks, func(c plan.Check) bool {
				return c.Name == tt.check && c.Level == plan.Stop && strings.Contains(c.Detail, tt.says)
			})
			if i < 0 {
				t.Fatalf("no failed check %q with %q among %+v", tt.check, tt.says, checks)
			}
			if err := Failed("web1", checks); err == nil || !strings.HasPrefix(err.Error(), "web1: verification: ") || !strings.Contains(err.Error(), tt.check+": ") {
				t.Errorf("%v", err)
			}
		})
	}
}

// The updater is there to install later releases: what it has installed breaks no
// promise of the plan, as long as it is well.
func TestALaterReleaseIsNoFault(t *testing.T) {
	p, f := upgraded(t)
	f.Health.Version, container(f, "chatalot").ImageID = "0.24.10", "sha256:later"
	checks := Host(t.Context(), &host{}, f, ExpectUpgrade(p))
	if err := Failed("web1", checks); err != nil {
		t.Error(err)
	}
	if !slices.ContainsFunc(checks, func(c plan.Check) bool {
		return c.Name == "version" && c.Level == plan.Pass && strings.Contains(c.Detail, "runs 0.24.10: it was updated from 0.24.6 since")
	}) {
		t.Errorf("nothing is said of it: %+v", checks)
	}
	f.Health.DBHealthy, f.Health.Status = false, "degraded"
	if err := Failed("web1", Host(t.Context(), &host{}, f, ExpectUpgrade(p))); err == nil {
		t.Error("a later release that is not well passes")
	}
}

func TestRestartsAreAWarning(t *testing.T) {
	p, f := upgraded(t)
	container(f, "chatalot").Restarts = 2
	checks := Host(t.Context(), &host{}, f, ExpectUpgrade(p))
	if Failed("web1", checks) != nil || !slices.ContainsFunc(checks, func(c plan.Check) bool { return c.Name == "restarts" && c.Level == plan.Warn }) {
		t.Errorf("%+v", checks)
	}
}

func TestRolledBack(t *testing.T) {
	p, _ := upgraded(t)
	before := func() *plan.Facts {
		f := seen(t, "public")
		for i := range p.Baseline.Containers {
			if p.Baseline.Containers[i].Service == "postgres" {
				container(f, "postgres").ID = p.Baseline.Containers[i].ID
			}
		}
		return f
	}
	for _, tt := range []struct {
		name   string
		change func(f *plan.Facts)
		check  string
		level  plan.Level
	}{
		{"as before", func(*plan.Facts) {}, "", plan.Pass},
		{"another container of the same image", func(f *plan.Facts) { container(f, "chatalot").ID = "new" }, "image", plan.Pass},
		{"another image", func(f *plan.Facts) { container(f, "chatalot").ImageID = "sha256:rebuilt" }, "image", plan.Stop},
		{"the sidecar is left", func(f *plan.Facts) {
			f.Services = append(f.Services, plan.Container{Service: plan.UpdaterService, State: "running"})
		}, "sidecar", plan.Stop},
		{"a file is gone", func(f *plan.Facts) { f.Files = f.Files[1:] }, "files", plan.Stop},
		{"a file has another mode", func(f *plan.Facts) { f.Files[0].Mode = 0o600 }, "files", plan.Stop},
		{"a file has another owner", func(f *plan.Facts) { f.Files[1].UID = 1000 }, "files", plan.Stop},
		{"somebody removed a file since", func(f *plan.Facts) { f.Files[0].Missing = true }, "files", plan.Warn},
		{"the client changed a file since", func(f *plan.Facts) { f.Files[0].SHA256 = "theirs" }, "files", plan.Warn},
		{"the database was recreated", func(f *plan.Facts) { container(f, "postgres").ID = "new" }, "untouched", plan.Pass},
		{"the client has upgraded by hand", func(f *plan.Facts) {
			container(f, "chatalot").ImageID, f.Health.Version = "sha256:later", "0.24.1"
		}, "version", plan.Pass},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := before()
			tt.change(f)
			h := &host{}
			checks := Host(t.Context(), h, f, ExpectRollback(p))
			if (Failed("web1", checks) != nil) != (tt.level == plan.Stop) {
				t.Errorf("%+v", checks)
			}
			if tt.check != "" && !slices.ContainsFunc(checks, func(c plan.Check) bool { return c.Name == tt.check && c.Level == tt.level }) {
				t.Errorf("no %q at %q among %+v", tt.check, tt.level, checks)
			}
			if h.ran != 0 {
				t.Error("an updater that must be gone was asked")
			}
		})
	}
}

// A sidecar that was there before the upgrade may be there after its rollback.
func TestRolledBackToAHostWithASidecar(t *testing.T) {
	var p plan.Plan
	decode(t, &p, "..", "testdata", "build", "incomplete.json")
	if w := ExpectRollback(&p); w.NoUpdater || w.Updater {
		t.Errorf("%+v", w)
	}
	if err := Failed("web1", Host(t.Context(), &host{}, seen(t, "incomplete"), ExpectRollback(&p))); err != nil {
		t.Error(err)
	}
}

func TestAnythingAsksForTheUpdaterOnlyWhereThereIsOne(t *testing.T) {
	for name, want := range map[string]bool{"public": false, "managed": true} {
		f := seen(t, name)
		w := ExpectUnknown(f)
		if w.Updater != want || w.NoUpdater || w.Version != "" {
			t.Errorf("%s: %+v", name, w)
		}
		if err := Failed("web1", Host(t.Context(), &host{}, f, w)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLongComplaintsAreCut(t *testing.T) {
	if got := lastLine([]byte("a\n" + strings.Repeat("x", 1000) + "\n")); len(got) != 300 {
		t.Errorf("%d bytes", len(got))
	}
	if lastLine(nil) != "" {
		t.Error("nothing became something")
	}
}
