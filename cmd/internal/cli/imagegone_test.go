package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"liftalot/plan/backup"
	"liftalot/testenv/sim"
	"liftalot/testenv/sim/engine"
)

// prune does on a server what "docker system prune -a" does, and returns how what it took
// comes back.
func (f *simFleet) prune(name string) (back func()) {
	s := f.servers[name]
	var taken []*engine.Image
	s.Machine.Do(func() {
		s.Engine.Images = slices.DeleteFunc(s.Engine.Images, func(i *engine.Image) bool {
			used := slices.ContainsFunc(s.Engine.Containers, func(c *engine.Container) bool { return c.ImageID == i.ID })
			if !used {
				taken = append(taken, i)
			}
			return !used
		})
	})
	if len(taken) == 0 {
		f.t.Fatal("no image was without a container")
	}
	return func() { s.Machine.Do(func() { s.Engine.Images = append(s.Engine.Images, taken...) }) }
}

// A rollback without the image it returns to is refused before anything is rolled back, and
// nothing else is kept up by that.
func TestARollbackWithoutTheOldImageBeginsNothing(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"})
	f.does(exitDone, "plan")
	f.does(exitDone, "apply", "--yes")
	back := f.prune("a")
	for _, args := range [][]string{{"rollback", "--dry-run"}, {"rollback", "--yes"}} {
		r := f.does(exitCheck, args...)
		for _, want := range []string{`error: a: the image that ran before the upgrade is not on the host any more, .*sha256:\w+; nothing was changed`, `hint: bring it back .*; then: liftalot rollback a`} {
			if !matches(want, r.stderr) {
				t.Errorf("%q is not said:\n%s", want, r.stderr)
			}
		}
	}
	f.does(exitDone, "verify")
	f.does(exitDone, "plan")
	back()
	f.does(exitDone, "rollback", "--yes")
}

// One that was begun says what is missing, and goes on once that is there.
func TestARollbackThatWasBegunWaitsForTheOldImage(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"})
	f.does(exitDone, "plan")
	f.does(exitDone, "apply", "--yes")
	shut := false
	f.servers["a"].SetFault(func(e sim.Event) sim.Fault {
		if shut || e.Point != sim.Request || !strings.Contains(e.Command, "/undo-swap") {
			return sim.None
		}
		shut = true
		f.letIn("a", false)
		return sim.Cut
	})
	f.does(exitInterrupted, "rollback", "--yes")
	f.servers["a"].SetFault(nil)
	f.letIn("a", true)
	back := f.prune("a")
	for range 2 {
		r := f.does(exitPerson, "rollback", "--yes")
		if !matches(`error: a: the image that ran before .*; nothing more is reverted until it is there again`, r.stderr) || !matches(`hint: .*docker load.*; then: liftalot rollback a`, r.stderr) {
			t.Errorf("said %s", r.stderr)
		}
	}
	back()
	f.does(exitDone, "rollback", "--yes")
}

// A backup of this machine that has the image is named.
func TestTheCopyOfAnImageIsNamed(t *testing.T) {
	d := newDesk(t, "")
	for id, m := range map[string]backup.Manifest{
		"20261123T210405Z-0a1b2c": {ImageID: "sha256:old", Files: []backup.File{{Name: backup.Image, Sealed: 3}}},
		"20261124T210405Z-0a1b2c": {ImageID: "sha256:new", Files: []backup.File{{Name: backup.Image, Sealed: 3}}},
		"20261125T210405Z-0a1b2c": {ImageID: "sha256:old"},
	} {
		keepBackup(t, d.backups, id, m)
		must(t, os.WriteFile(filepath.Join(d.backups.folder(id), backup.Image+".age"), []byte("age"), 0o600))
	}
	here := d.backups.forRun(nil)
	if got, want := here.ImageFile("sha256:old"), filepath.Join(d.backups.folder("20261123T210405Z-0a1b2c"), backup.Image+".age"); got != want {
		t.Errorf("found %q, want %q", got, want)
	}
	if got := here.ImageFile("sha256:other"); got != "" {
		t.Errorf("found %q", got)
	}
}
