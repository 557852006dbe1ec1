package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/testenv/sim/engine"
)

// What is held back stays left, whatever is done with other hosts in between: the
// operator settles the canary by itself, as the summary says.
func TestWhatIsLeftStaysLeft(t *testing.T) {
	f := newSimFleet(t, simHost{name: "full1", next: engine.App{Mode: engine.Crash}}, simHost{name: "full2"}, simHost{name: "full3"})
	f.does(exitDone, "plan")
	f.does(exitRolledBack, "apply", "--yes")
	if r := f.does(exitDone, "status", "full1"); !strings.Contains(r.out, "was rolled back\n") {
		t.Errorf("before a new plan: %s", r.out)
	}
	f.mend("full1")
	f.does(exitDone, "plan", "full1")
	if r := f.does(exitDone, "status", "full1"); !strings.Contains(r.out, "planned since") || !strings.Contains(r.out, "liftalot apply full1") {
		t.Errorf("after a new plan: %s", r.out)
	}
	f.does(exitDone, "apply", "--yes", "full1")
	f.does(exitDone, "rollback", "--yes", "full1")
	wantResults(t, f.summary(exitDone, "apply", "--pending"), "full2 done(1,0); full3 done(2,0)")
}

// The page of an evening is of all of it, though the last batch was of what the first
// had left, and names what the inventory does not know any more.
func TestAReportIsOfTheWholeEvening(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a1", client: "acme"}, simHost{name: "a2", client: "acme"}, simHost{name: "b"})
	f.does(exitDone, "plan")
	f.stdin = "n\n"
	f.does(exitCancelled, "apply", "--yes", "--wave", "1", "--pause", "ask")
	f.does(exitDone, "apply", "--pending", "--yes")
	r := f.does(exitDone, "report", "last", "--client", "acme")
	for _, host := range []string{"a1", "a2"} {
		if !strings.Contains(r.out, host+"  upgrade ") {
			t.Errorf("the report lacks %s:\n%s", host, r.out)
		}
	}
	f.names = slices.DeleteFunc(f.names, func(name string) bool { return name == "b" })
	f.writeInventory()
	if r := f.does(exitDone, "report", "last"); !strings.Contains(r.stderr, "the inventory has no more: b") {
		t.Errorf("a host that is gone: %s", r.stderr)
	}
}

// One journal that cannot be read keeps nobody from the page of the others.
func TestAReportNamesHostsThatCannotBeToldOf(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"}, simHost{name: "b"})
	f.does(exitDone, "plan")
	f.does(exitDone, "apply", "--yes")
	must(t, os.Chmod(filepath.Join(f.dir, ".liftalot", "hosts", "b", "journal.jsonl"), 0o664))
	html := filepath.Join(f.dir, "report.html")
	r := f.does(exitState, "report", "last", "--html", html)
	if !strings.Contains(r.stderr, "chmod 600") {
		t.Errorf("no way on: %s", r.stderr)
	}
	page, err := os.ReadFile(html)
	must(t, err)
	for _, want := range []string{"a: upgrade from", "<strong>b</strong>: ", "others may write to it"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// A laptop that lost its power in the middle: the host that was being changed is in the
// report, whether its journal tells of the run or not.
func TestAReportOfABatchThatWasKilled(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"}, simHost{name: "b"})
	f.does(exitDone, "plan")
	f.does(exitDone, "apply", "--yes")
	files, err := filepath.Glob(filepath.Join(f.dir, ".liftalot", "batches", "*.json"))
	must(t, err)
	r, err := readBatch(files[0])
	must(t, err)
	r.file, r.Ended = files[0], time.Time{}
	must(t, r.begun("a", r.find("a").Run, 1)) // its journal has the run
	must(t, r.begun("b", "20261123T210405Z-0a1b2c", 1))
	said := f.does(exitDone, "report", "last").out
	if !strings.Contains(said, "a  upgrade ") || !strings.Contains(said, "b  no run to tell of: running") {
		t.Errorf("%s", said)
	}
}

// Beside a run in another terminal, status says that it goes on, and names no command
// that would refuse.
func TestStatusKnowsARunThatIsUnderWay(t *testing.T) {
	d := newDesk(t, "")
	now := time.Date(2026, 11, 23, 21, 4, 5, 0, time.UTC)
	j, err := journal.Open(d.folder.dir, journal.Options{Host: "web1", Purpose: string(plan.Upgrade), Now: now})
	must(t, err)
	must(t, j.Append(journal.Record{Kind: journal.RunBegun, Run: "r1", Time: now, Action: journal.Apply, Plan: "h"}))
	must(t, j.Append(journal.Record{Kind: journal.Intent, Run: "r1", Step: "swap", Time: now}))
	st, err := d.currentStatus()
	if err != nil || !strings.HasPrefix(st.Says, `the upgrade is under way since 2026-11-23 21:04 UTC (process `) || st.Next != "" {
		t.Errorf("%+v, %v", st, err)
	}
	j.Close()
	if st, err := d.currentStatus(); err != nil || !strings.HasPrefix(st.Says, "the upgrade was interrupted at") || st.Next == "" {
		t.Errorf("afterwards: %+v, %v", st, err)
	}
	// A nightly backup is not the run: that one still waits for somebody.
	lock, err := journal.TakeLock(d.folder.dir, journal.Holder{PID: 4711, Purpose: "backup", Since: now})
	must(t, err)
	defer lock.Release()
	if st, err := d.currentStatus(); err != nil || !strings.HasPrefix(st.Says, "the upgrade was interrupted at") || !strings.HasSuffix(st.Says, "; at work on it now: backup (process 4711)") || st.Next == "" {
		t.Errorf("beside a backup: %+v, %v", st, err)
	}
}

// A clock that goes back makes no older batch the last one.
func TestABatchIsNewerThanTheLast(t *testing.T) {
	s := stateFolder(t.TempDir())
	ahead := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	must(t, os.MkdirAll(s.batchFolder(), 0o700))
	must(t, os.WriteFile(filepath.Join(s.batchFolder(), ahead.Format(batchTime)+".json"), nil, 0o600))
	for now, want := range map[time.Time]string{
		ahead.Add(-time.Hour): "20261124T000000.001Z", ahead: "20261124T000000.001Z", ahead.Add(time.Minute): "20261124T000100.000Z",
	} {
		if got, err := s.newBatchID(now); err != nil || got != want {
			t.Errorf("at %s: %s, %v", now, got, err)
		}
	}
}

// Batches that begin in the same millisecond have a record each.
func TestBatchesThatBeginAtOnce(t *testing.T) {
	d := newDesk(t, "")
	var all sync.WaitGroup
	const batches = 10
	for range batches {
		b := &batchRun{session: &session{app: d.session.app, state: d.session.state}}
		all.Go(func() {
			if _, err := b.beginRecord("rollback", nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if files, err := d.session.state.batchFiles(); err != nil || len(files) != batches {
		t.Errorf("%d records of %d batches: %v", len(files), batches, err)
	}
}

// A plan that was cut off, here or of a run, is damage on this disk, and not a fault of
// the program.
func TestAPlanThatCannotBeReadSaysWhatToDo(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"})
	f.does(exitDone, "plan")
	cut(t, f.dir, ".liftalot/hosts/a/plan.json")
	for _, args := range [][]string{{"apply", "--yes"}, {"status"}} {
		if r := f.does(exitState, args...); !strings.Contains(r.stderr, `"liftalot plan a" makes a new one`) {
			t.Errorf("%q: %s", args, r.stderr)
		}
	}
	f.does(exitDone, "plan")
	f.does(exitDone, "apply", "--yes")
	cut(t, f.dir, ".liftalot/hosts/a/runs/*/plan.json")
	for _, args := range [][]string{{"rollback", "--yes"}, {"report"}} {
		if r := f.does(exitState, args...); !strings.Contains(r.stderr, "put it back from a copy of the state folder") {
			t.Errorf("%q: %s", args, r.stderr)
		}
	}
}

// cut leaves half of the one file that a pattern names.
func cut(t *testing.T, dir, pattern string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
	must(t, err)
	info, err := os.Stat(files[0])
	must(t, err)
	must(t, os.Truncate(files[0], info.Size()/2))
}
