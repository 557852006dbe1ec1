package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"liftalot/plan"
	"liftalot/testenv/sim"
	"liftalot/testenv/sim/engine"
)

// summaryDoc is what apply and rollback print with --json.
type summaryDoc struct {
	Format int
	Batch  string
	Hosts  []struct {
		Host, Error, Next string
		Result            result
		Held              string `json:"held_back"`
		Wave, Exit        int
	}
}

// summary runs a command that changes hosts and reads its document.
func (f *simFleet) summary(code int, args ...string) summaryDoc {
	f.t.Helper()
	r := f.does(code, append(args, "--yes", "--json")...)
	var doc summaryDoc
	if err := json.Unmarshal([]byte(r.out), &doc); err != nil {
		f.t.Fatalf("%v in\n%s", err, r.out)
	}
	return doc
}

// results writes a summary on a line.
func (d summaryDoc) results() string {
	var words []string
	for _, h := range d.Hosts {
		words = append(words, fmt.Sprintf("%s %s(%d,%d)", h.Host, h.Result, h.Wave, h.Exit))
	}
	return strings.Join(words, "; ")
}

func wantResults(t *testing.T, d summaryDoc, want string) {
	t.Helper()
	if got := d.results(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Six servers in an evening: the canary of one kind fails and is rolled back, its
// kind is held back, the other kind goes through, and one has nothing to do. When
// the vendor has mended the release the rest follows, and only the rest.
func TestABatchStopsSpreadingAFailure(t *testing.T) {
	bad := engine.App{Mode: engine.Crash}
	f := newSimFleet(t,
		simHost{name: "full1", next: bad}, simHost{name: "full2"}, simHost{name: "full3"},
		simHost{name: "staged1", staged: true}, simHost{name: "staged2", staged: true}, simHost{name: "done"},
	)
	f.does(exitDone, "plan", "done")
	f.does(exitDone, "apply", "--yes", "done")
	f.does(exitDone, "plan")
	got := f.summary(exitRolledBack, "apply", "--keep-going")
	wantResults(t, got, "full1 failed(1,21); full2 held back(0,0); full3 held back(0,0); staged1 done(2,0); staged2 done(3,0); done nothing to do(0,0)")
	if why := got.Hosts[1].Held; why != "the canary of its variant, full1, failed" {
		t.Errorf("full2 is held back because of %q", why)
	}

	// What is left is what was not begun; what failed wants another plan.
	wantResults(t, f.summary(exitDone, "apply", "--pending", "full2"), "full2 done(1,0)")
	wantResults(t, f.summary(exitDone, "apply", "--pending"), "full3 done(1,0)")
	f.does(exitUsage, "apply", "--pending", "--yes")
	f.does(exitStale, "apply", "--retry-failed", "--yes")
	f.mend("full1")
	f.does(exitDone, "plan", "--retry-failed")
	wantResults(t, f.summary(exitDone, "apply", "--retry-failed"), "full1 done(1,0)")
	if r := f.does(exitUsage, "apply", "--retry-failed", "--yes"); !strings.Contains(r.stderr, "left no such host") {
		t.Errorf("said %q", r.stderr)
	}
}

// P4: three hosts, each its own variant to the tool: the release that takes the first one
// down is begun on no other without a word, whatever --wave says.
func TestP4OneHostGoesFirstAndAFailureAsks(t *testing.T) {
	boot := func() *simFleet {
		f := newSimFleet(t, simHost{name: "a", next: engine.App{Mode: engine.Crash}}, simHost{name: "b", staged: true}, simHost{name: "c", staged: true})
		f.does(exitDone, "plan")
		return f
	}
	f := boot()
	got := f.summary(exitRolledBack, "apply", "--wave", "1")
	wantResults(t, got, "a failed(1,21); b held back(0,0); c held back(0,0)")
	if why := got.Hosts[1].Held; why != "0.24.6 failed on a" {
		t.Errorf("b is held back because of %q", why)
	}
	if r := f.does(exitDone, "apply", "--pending", "--yes"); !strings.Contains(r.stderr, "0.24.6 failed on a in the batch that this one resumes") {
		t.Errorf("said %q", r.stderr)
	}

	f = boot()
	f.stdin = "y\nn\n"
	r := f.does(exitRolledBack, "apply")
	for _, want := range []string{
		"a goes first, alone; then b, one of each variant, one after the other; then c. If one fails, nothing more is begun with its release until you say so.",
		"0.24.6 failed on a: ", "restarted 3 times", "Begin it on 2 hosts of other variants all the same (b, c)?",
	} {
		if !strings.Contains(unwrapped(r.stderr), want) {
			t.Errorf("it does not say %q:\n%s", want, r.stderr)
		}
	}
	if !matches("b +held back: 0.24.6 failed on a", r.out) {
		t.Errorf("the summary says\n%s", r.out)
	}
	f.stdin = "y\n"
	f.does(exitDone, "apply", "--pending")

	f = boot()
	f.stdin = "y\ny\n"
	if r := f.does(exitRolledBack, "apply"); !matches("b +upgraded", r.out) || !matches("c +upgraded", r.out) {
		t.Errorf("it was accepted, and the summary says\n%s", r.out)
	}
}

// unwrapped is a text as it was before it was wrapped.
func unwrapped(text string) string { return strings.Join(strings.Fields(text), " ") }

// mend makes the release behave on a server.
func (f *simFleet) mend(name string) {
	s := f.servers[name]
	s.Machine.Do(func() {
		for _, image := range slices.Concat(s.Engine.Images, slices.Collect(values(s.Engine.Registry))) {
			image.App.Mode = engine.Healthy
		}
	})
}

func values(m map[string]*engine.Image) func(func(*engine.Image) bool) {
	return func(yield func(*engine.Image) bool) {
		for _, v := range m {
			if !yield(v) {
				return
			}
		}
	}
}

// A host that cannot be reached is reported, and ruins nothing: another one of its
// kind is the canary.
func TestADeadHostIsSkipped(t *testing.T) {
	f := newSimFleet(t, simHost{name: "dead"}, simHost{name: "a"}, simHost{name: "b"})
	f.does(exitDone, "plan")
	f.servers["dead"].Unplug(true)
	wantResults(t, f.summary(exitUnreachable, "apply"), "dead skipped(1,17); a done(2,0); b done(3,0)")
	f.servers["dead"].Unplug(false)
	wantResults(t, f.summary(exitDone, "apply", "--retry-failed"), "dead done(1,0)")
}

func TestAClientsHostsAreNeverChangedAtOnce(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a1", client: "acme"}, simHost{name: "a2", client: "acme"}, simHost{name: "b1"}, simHost{name: "b2"})
	f.does(exitDone, "plan")
	wantResults(t, f.summary(exitDone, "apply", "--wave", "50%"), "a1 done(1,0); a2 done(2,0); b1 done(2,0); b2 done(3,0)")
	wantResults(t, f.summary(exitDone, "rollback"), "a1 done(1,0); a2 done(2,0); b1 done(1,0); b2 done(1,0)")
}

func TestANoBetweenWavesHoldsTheRestBack(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"}, simHost{name: "b"}, simHost{name: "c"})
	f.does(exitDone, "plan")
	f.stdin = "n\n"
	r := f.does(exitCancelled, "apply", "--yes", "--wave", "1", "--pause", "ask")
	for _, want := range []string{"a +upgraded", "b +held back: you said no to wave 2", "c +held back"} {
		if !matches(want, r.out) {
			t.Errorf("the summary lacks %q:\n%s", want, r.out)
		}
	}
	if !strings.Contains(r.stderr, "2 hosts were not begun: you said no to wave 2") || !strings.Contains(r.stderr, "liftalot apply --pending") {
		t.Errorf("said %q", r.stderr)
	}
	f.stdin = "y\n"
	f.does(exitDone, "apply", "--pending", "--yes", "--wave", "1", "--pause", "ask")
}

// An interrupt lets the step under way end, begins nothing more, and tells of every
// host. What it left goes on from where it was.
func TestAnInterruptLeavesTheRest(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"}, simHost{name: "b"}, simHost{name: "c"})
	f.does(exitDone, "plan")
	var once sync.Once
	f.servers["a"].SetFault(func(e sim.Event) sim.Fault {
		if strings.Contains(e.Command, "docker") && e.N > 40 {
			once.Do(func() { _ = syscall.Kill(os.Getpid(), syscall.SIGINT) })
		}
		return sim.None
	})
	wantResults(t, f.summary(exitCancelled, "apply"), "a interrupted(1,130); b held back(0,0); c held back(0,0)")
	f.servers["a"].SetFault(nil)
	wantResults(t, f.summary(exitDone, "apply", "--pending"), "a done(1,0); b done(2,0); c done(2,0)")
}

// The hook reads documents on its input, in order; nothing of them is in its
// arguments. The log tells the same in lines.
func TestTheHookAndTheLog(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a", next: engine.App{Mode: engine.Crash}}, simHost{name: "b"})
	f.does(exitDone, "plan")
	heard, log := filepath.Join(f.dir, "heard"), filepath.Join(f.dir, "log")
	f.does(exitRolledBack, "apply", "--yes", "--notify", "tee -a "+heard, "--log-file", log, "--quiet")
	var events []string
	for _, line := range lines(t, heard) {
		var e hookEvent
		must(t, json.Unmarshal([]byte(line), &e))
		words := e.Event
		if e.Host != nil {
			words += fmt.Sprintf(" %s %s", e.Host.Host, e.Host.Result)
		}
		events = append(events, fmt.Sprintf("%s, %d hosts, exit %d", words, len(e.Hosts), e.Exit))
	}
	want := []string{"host-ended a failed, 0 hosts, exit 0", "batch-ended, 2 hosts, exit 21"}
	if !slices.Equal(events, want) {
		t.Errorf("heard %q, want %q", events, want)
	}
	seen := map[string]bool{}
	for _, line := range lines(t, log) {
		var l logLine
		must(t, json.Unmarshal([]byte(line), &l))
		if l.Time.IsZero() || l.Event == "" {
			t.Errorf("a line without a time or an event: %s", line)
		}
		seen[l.Event] = true
	}
	for _, event := range []string{"step-begun", "step-done", "step-failed", "undo-begun", "undo-done", "output", "host-ended", "error"} {
		if !seen[event] {
			t.Errorf("the log has no %s", event)
		}
	}
	if r := f.does(exitUsage, "apply", "--notify", "no-such-program-here"); !strings.Contains(r.stderr, "is not a program") {
		t.Errorf("said %q", r.stderr)
	}
	if r := f.run("plan", "--log-file", filepath.Join(f.dir, "no", "folder")); r.code != exitUsage {
		t.Errorf("a log that cannot be opened: %d", r.code)
	}
}

func lines(t *testing.T, file string) []string {
	t.Helper()
	data, err := os.ReadFile(file)
	must(t, err)
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

func TestWrongRollouts(t *testing.T) {
	f := newSimFleet(t)
	for _, args := range [][]string{
		{"--wave", "0"}, {"--wave", "0%"}, {"--wave", "x"}, {"--max-failures", "-1"}, {"--max-failures", "200%"}, {"--pause", "soon"}, {"--pause", "-3s"},
	} {
		var out, stderr bytes.Buffer
		code := Main(append([]string{"-i", f.inventory(), "apply"}, args...), Env{Stdout: &out, Stderr: &stderr, Getenv: os.Getenv})
		if code != exitUsage || !strings.Contains(stderr.String(), args[0]+": ") {
			t.Errorf("%q: status %d, %s", args, code, &stderr)
		}
	}
}

// A thousand hosts of one channel ask the vendor once.
func TestTheVendorIsAskedOncePerBatch(t *testing.T) {
	d := newDesk(t, "")
	var failed atomic.Int32
	var wait sync.WaitGroup
	facts := &plan.Facts{}
	facts.Docker.Arch = "amd64"
	for range 20 {
		wait.Go(func() {
			if _, err := d.release.Resolve(t.Context(), facts); err != nil {
				failed.Add(1)
			}
		})
	}
	wait.Wait()
	asked, err := d.vendor.Requests(t.Context())
	must(t, err)
	manifests := 0
	for _, r := range asked {
		if strings.HasSuffix(r.Path, "/latest.json") {
			manifests++
		}
	}
	if failed.Load() > 0 || manifests != 1 {
		t.Errorf("%d of 20 failed, the manifest was read %d times", failed.Load(), manifests)
	}
	facts.Docker.Arch = "arm64"
	if _, err = d.release.Resolve(t.Context(), facts); err == nil || !strings.Contains(err.Error(), "linux/arm64") {
		t.Errorf("another architecture has the answer of the first: %v", err)
	}
}
