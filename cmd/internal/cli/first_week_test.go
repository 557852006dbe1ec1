package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"liftalot/plan/journal"
	"liftalot/testenv/sim/engine"
)

// A server that was verified since its last run needs no second look.
func TestP7StatusNamesNoCommandThatIsDone(t *testing.T) {
	f := newSimFleet(t, simHost{name: "acme"})
	f.does(exitDone, "plan")
	f.does(exitDone, "apply", "--yes")
	if r := f.does(exitDone, "status"); !matches(`^  next: liftalot verify acme$`, r.out) {
		t.Errorf("after the upgrade: %s", r.out)
	}
	f.does(exitDone, "verify")
	if r := f.does(exitDone, "status"); !matches(`^acme  upgraded at .* UTC, and verified at .* UTC$`, r.out) || strings.Contains(r.out, "next:") {
		t.Errorf("after verify: %s", r.out)
	}
	f.does(exitDone, "rollback", "--yes")
	if r := f.does(exitDone, "status"); !matches(`^acme  rolled back at .* UTC$`, r.out) {
		t.Errorf("after the rollback: %s", r.out)
	}
}

// No screen has a length of time in a library's words, a second form of a time, a step's
// id, or a sentence that sounds like another one.
func TestP10WordsOnEveryScreen(t *testing.T) {
	f := newSimFleet(t, simHost{name: "acme"}, simHost{name: "globex", next: engine.App{Mode: engine.Crash, Migrations: 52}})
	check := f.does(exitDone, "check", "acme").out
	if want := "running 0.23.0\n"; !strings.Contains(check, want) || !strings.Contains(check, "it calls itself 0.17.0, as all public builds up to 0.23.0 do: by its ") {
		t.Errorf("check does not explain the two versions:\n%s", check)
	}
	screens := map[string]string{"check": check}
	for _, line := range []string{
		"plan", "status", "apply --yes", "status", "verify acme", "history", "report", "rollback acme --dry-run",
		"rollback globex --dry-run --with-database", "rollback globex --with-database --yes", "status", "backups",
	} {
		r := f.run(strings.Fields(line)...)
		screens[line] += r.out + r.stderr
	}
	for what, bad := range map[string]*regexp.Regexp{
		"a length of time as Go writes it": regexp.MustCompile(`\d+m\d(\.\d+)?s\b|\d+h\d+m\d+s|\b\d+ ?ms\b|\(0s\)`),
		"another form of a time":           regexp.MustCompile(`\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:|Z)`),
		"a step's id":                      regexp.MustCompile(`step "?(swap|sidecar|gate|backup|edit|verify)\b`),
		"a word that misleads":             regexp.MustCompile(`fixed in the plan|half-done|stopped at`),
	} {
		for line, text := range screens {
			for _, found := range bad.FindAllString(text, -1) {
				t.Errorf("%s shows %s: %q", line, what, found)
			}
		}
	}
	if text := screens["rollback globex --dry-run --with-database"]; !matches(`everything written after .* UTC, in the last [0-9.]+s, is lost`, unwrapped(text)) ||
		len(regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d UTC`).FindAllString(text, -1)) != 1 {
		t.Errorf("the preview of a rollback names its loss with one time:\n%s", text)
	}
}

// Where only the vendor's key is wrong, the look at the host did not fail.
func TestP10ALookIsNotBlamedForTheVendor(t *testing.T) {
	f := newSimFleet(t, simHost{name: "acme"})
	if r := f.runEmpty("check"); !matches(`acme  look at the host …  done`, r.stderr) || r.code == exitDone {
		t.Errorf("status %d:\n%s", r.code, r.stderr)
	}
}

// A run whose work on the host goes on is interrupted here and not stopped there.
func TestP10InterruptedIsNotStopped(t *testing.T) {
	f := newSimFleet(t, simHost{name: "acme"})
	f.does(exitDone, "plan")
	f.does(exitDone, "apply", "--yes")
	file := filepath.Join(f.dir, ".liftalot", "hosts", "acme", journal.FileName)
	kept := lines(t, file)
	begun := slices.IndexFunc(kept, func(line string) bool { return strings.Contains(line, `,"step":"swap",`) })
	must(t, os.WriteFile(file, []byte(strings.Join(kept[:begun+1], "\n")+"\n"), 0o600))
	if r := f.does(exitDone, "status"); !matches(`^acme the upgrade was interrupted at .* UTC, at "replace the server's container", which ends by itself on the host `, unwrapped(r.out)) {
		t.Errorf("status says\n%s", r.out)
	}
}
