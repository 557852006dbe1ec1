package cli

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"liftalot/cmd/internal/ui"
	"liftalot/inventory"
	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/plan/run"
)

// stopped leaves a run behind that was begun and has no end.
func (d *desk) stopped(t *testing.T, action journal.Action, p *plan.Plan) {
	t.Helper()
	data, err := p.Encode()
	must(t, err)
	file := d.folder.history().PlanFile(p.ID)
	must(t, os.MkdirAll(filepath.Dir(file), 0o700))
	must(t, os.WriteFile(file, data, 0o600))
	j, err := journal.Open(d.folder.dir, journal.Options{Host: "web1", Purpose: "test", Now: time.Now()})
	must(t, err)
	must(t, j.Append(journal.Record{Kind: journal.RunBegun, Run: p.ID, Time: time.Now(), Action: action, Plan: plan.Hash(data)}))
	must(t, j.Append(journal.Record{Kind: journal.Intent, Run: p.ID, Step: "send", Time: time.Now()}))
	j.Close()
}

func hintOf(t *testing.T, err error) string {
	t.Helper()
	code, hint := classify("web1", err)
	if code != exitInterrupted {
		t.Fatalf("got %v, want that a run is unfinished", err)
	}
	return hint
}

// What is to be typed next is a command that takes the run, and no other.
func TestTheNextCommandFitsTheRunThatStopped(t *testing.T) {
	for action, want := range map[journal.Action]string{
		journal.Apply:    `"liftalot apply web1" resumes it, "liftalot rollback web1" undoes it`,
		journal.Rollback: `"liftalot rollback web1" resumes it`,
		journal.Restore:  `"liftalot restore web1" resumes it`,
	} {
		d := newDesk(t, "")
		d.stopped(t, action, &plan.Plan{Format: plan.Format, ID: "20261123T210405Z-0a1b2c", Host: "web1", Kind: plan.Upgrade})
		if _, err := d.server(nil).Plan(t.Context()); hintOf(t, err) != want {
			t.Errorf("plan after %s: %v", action, err)
		}
		runs, err := d.folder.history().Runs()
		must(t, err)
		if next := run.Advise("web1", runs[0]).Next(); next != want {
			t.Errorf("status after %s: %s", action, next)
		}
		if _, err := d.server(nil).NextApply(); action != journal.Apply && hintOf(t, err) != want {
			t.Errorf("apply after %s: %v", action, err)
		}
		if _, err := d.server(nil).NextRestore(t.Context(), "b1"); action != journal.Restore && hintOf(t, err) != want {
			t.Errorf("restore after %s: %v", action, err)
		}
	}
}

// A restore that was interrupted is resumed with its own backup, never with one that
// somebody has named since.
func TestARestoreGoesOnOnlyWithItsOwnBackup(t *testing.T) {
	d := newDesk(t, "")
	p := &plan.Plan{Format: plan.Format, ID: "20261123T210405Z-0a1b2c", Host: "web1", Kind: plan.Restoration}
	p.Steps = []plan.Step{{ID: "send", Title: "send the dump", Op: plan.Send{Backup: "b1"}}}
	d.stopped(t, journal.Restore, p)
	for _, id := range []string{"", "b1"} {
		if j, err := d.server(nil).NextRestore(t.Context(), id); err != nil || !j.Resumes {
			t.Errorf("%q: %+v, %v", id, j, err)
		}
	}
	if _, err := d.server(nil).NextRestore(t.Context(), "b2"); hintOf(t, err) == "" || !strings.Contains(err.Error(), "b1 was interrupted") {
		t.Errorf("another backup: %v", err)
	}
	p.Steps[0].Op = plan.Send{Backup: "../../globex/backups/b1"}
	data, err := p.Encode()
	must(t, err)
	if _, err := plan.Decode(data); err == nil {
		t.Error("a plan may name a backup of another host")
	}
}

// A password that was typed for one registry is not sent to another.
func TestATypedPasswordIsOfOneRegistry(t *testing.T) {
	d := newDesk(t, "    registry: {address: one.example, username: deploy, password: prompt}\n"+
		"  web2:\n    address: 192.0.2.2\n    registry: {address: two.example, username: deploy, password: prompt}\n")
	d.dialog.typed["password of deploy at the registry one.example"] = inventory.NewSecret([]byte("typed for one"))
	_, password, err := d.release.credentials()(t.Context())
	if err != nil || string(password) != "typed for one" {
		t.Fatalf("%q, %v", password, err)
	}
	if _, password, err := d.session.target(d.session.hosts[1]).release.credentials()(t.Context()); err == nil {
		t.Errorf("the other registry gets %q", password)
	}
}

// A text is never mistaken for a document.
func TestATextIsNoDocument(t *testing.T) {
	for _, args := range [][]string{{"check", "--commands", "--json"}, {"key", "--recovery", "--json"}} {
		var out, stderr bytes.Buffer
		code := Main(args, Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &stderr, Now: time.Now, Getenv: func(string) string { return "" }})
		if code != exitUsage || out.Len() > 0 {
			t.Errorf("%q: status %d, said %q", args, code, out.String())
		}
	}
}

// What was decided before somebody else was at work is not done after it.
func TestADecisionIsOfItsMoment(t *testing.T) {
	d := newDesk(t, "")
	p := &plan.Plan{Format: plan.Format, ID: "20261123T210405Z-0a1b2c", Host: "web1", Kind: plan.Upgrade}
	d.stopped(t, journal.Apply, p)
	todo, err := d.server(nil).NextApply()
	must(t, err)
	other := *p
	other.ID = "20261123T220405Z-0a1b2c"
	d.stopped(t, journal.Rollback, &other)
	_, err = d.server(nil).CarryOut(t.Context(), todo)
	for _, err := range []error{err, d.server(nil).Close(t.Context(), todo)} {
		if code, _ := classify("web1", err); code != exitStale || !strings.Contains(err.Error(), "nothing was changed") {
			t.Errorf("got %v", err)
		}
	}
}

// A backup that an interrupted restore is putting back is not thinned out.
func TestPruneKeepsWhatARestoreNeeds(t *testing.T) {
	d := newDesk(t, "")
	p := &plan.Plan{Format: plan.Format, ID: "20261123T210405Z-0a1b2c", Host: "web1", Kind: plan.Restoration}
	p.Steps = []plan.Step{{ID: "send", Op: plan.Send{Backup: "b1"}}}
	d.stopped(t, journal.Restore, p)
	needed, err := run.NeededBackups(d.folder.history())
	must(t, err)
	if needed["b1"] == "" {
		t.Errorf("needed are %v", needed)
	}
}

// The hook's document leaves this machine: what is known to be a secret is taken out.
func TestTheHookHearsNoSecret(t *testing.T) {
	secrets := new(ui.Redactor)
	secrets.Add([]byte(registryPassword))
	heard := filepath.Join(t.TempDir(), "heard")
	h := &hook{argv: []string{"tee", heard}, redact: secrets.String}
	must(t, h.call(hookEvent{Format: 1, Event: "host-ended", Host: &hostResult{Host: "web1", Error: "denied: " + registryPassword}}))
	got, err := os.ReadFile(heard)
	must(t, err)
	if !strings.Contains(string(got), "denied: ") || strings.Contains(string(got), registryPassword) {
		t.Errorf("it heard %s", got)
	}
}

// A rollback that ended at a migrated database leaves the way to another one, which does
// not do again what the first had done.
func TestAnotherRollbackTakesWhatTheFirstHasLeft(t *testing.T) {
	first := journal.RunState{Run: "back", Undoes: "up", Action: journal.Rollback, Outcome: journal.NeedsPerson, Steps: []journal.StepState{
		{Step: "undo-edit", Do: journal.Done}, {Step: "undo-swap", Do: journal.Failed},
	}}
	runs := []journal.RunState{{Run: "up", Action: journal.Apply, Outcome: journal.Completed}, first}
	if last, ok := run.LastUpgrade(runs); !ok || last.Run != "up" || run.Undone(runs, "up") {
		t.Errorf("the upgrade cannot be rolled back any more: %+v", last)
	}
	if a := run.Advise("web1", first); !strings.HasPrefix(a.Says, "the rollback failed at ") || !slices.Equal(a.Command, []string{"rollback", "web1", "--with-database"}) {
		t.Errorf("%s; %s", a.Says, a.Next())
	}
}

// A run that nothing can end any more is given up: plans are made again, and what was
// done stays on record.
func TestARunThatIsStuckCanBeGivenUp(t *testing.T) {
	for _, action := range []journal.Action{journal.Apply, journal.Rollback, journal.Restore} {
		d := newDesk(t, "")
		d.term.flags.yes = true
		d.stopped(t, action, &plan.Plan{Format: plan.Format, ID: "20261123T210405Z-0a1b2c", Host: "web1", Kind: plan.Upgrade})
		unfinished := func() bool {
			_, apply := d.server(nil).NextApply()
			_, restore := d.server(nil).NextRestore(t.Context(), "b1")
			return slices.ContainsFunc([]error{apply, restore}, func(err error) bool {
				state, ok := errors.AsType[*run.StateError](err)
				return ok && state.Why == run.Unfinished
			})
		}
		if !unfinished() {
			t.Fatal("the run is not in the way")
		}
		must(t, d.forget(t.Context()))
		if unfinished() {
			t.Errorf("%s: the run is still in the way", action)
		}
		st, err := d.currentStatus()
		back := strings.Contains(st.Next, `if it is still the same server, "liftalot rollback web1"`)
		if err != nil || !strings.Contains(st.Says, run.Kind(action)+" was given up") || !strings.HasPrefix(st.Next, "liftalot check web1") || back != (action == journal.Apply) {
			t.Errorf("%s: %+v, %v", action, st, err)
		}
		if err := d.forget(t.Context()); err == nil || !strings.Contains(err.Error(), "no run of this machine is unfinished") {
			t.Errorf("%s, once more: %v", action, err)
		}
	}
}

// A run that was given up is rolled back as the newest of all, and does not come back when
// a later one was rolled back.
func TestARunThatWasGivenUpDoesNotComeBack(t *testing.T) {
	up := func(run string, o journal.Outcome) journal.RunState {
		return journal.RunState{Run: run, Action: journal.Apply, Outcome: o}
	}
	back := func(run string) journal.RunState {
		return journal.RunState{Run: "back-" + run, Action: journal.Rollback, Undoes: run, Outcome: journal.Completed}
	}
	for _, c := range []struct {
		runs []journal.RunState
		want string
	}{
		{[]journal.RunState{up("1", journal.Completed), up("2", journal.Forgotten)}, "2"},
		{[]journal.RunState{up("1", journal.Forgotten), up("2", journal.Aborted)}, "1"},
		{[]journal.RunState{up("1", journal.Forgotten), up("2", journal.Completed), back("2")}, "2"},
		{[]journal.RunState{up("0", journal.Completed), up("1", journal.Forgotten), up("2", journal.RolledBack)}, "2"},
		{[]journal.RunState{up("0", journal.Completed), up("1", journal.Forgotten), back("1"), up("2", journal.RolledBack)}, "0"},
		{[]journal.RunState{up("1", journal.Completed), up("2", journal.Completed), back("2")}, "1"},
	} {
		if last, ok := run.LastUpgrade(c.runs); !ok || last.Run != c.want {
			t.Errorf("%+v: %s, want %s", c.runs, last.Run, c.want)
		}
	}
}
