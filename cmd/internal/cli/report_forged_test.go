package cli

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"liftalot/plan/report"
	"liftalot/testenv/sim/engine"
)

var (
	textNode  = regexp.MustCompile(`>[^<>]*[^<>\s][^<>]*<`)
	attribute = regexp.MustCompile(` [a-z0-9-]+="[^"]+"`)
	numeral   = regexp.MustCompile(`[0-9]+`)
)

// forgeries are pages with one number, sentence or attribute changed, the style's aside.
func forgeries(page string) (list []string) {
	from, to := strings.Index(page, "<style>"), strings.Index(page, "</style>")
	each := func(what *regexp.Regexp, change func(was string) string) {
		for _, at := range what.FindAllStringIndex(page, -1) {
			if at[1] <= from || at[0] >= to {
				list = append(list, page[:at[0]]+change(page[at[0]:at[1]])+page[at[1]:])
			}
		}
	}
	each(numeral, func(was string) string { return was[:len(was)-1] + string('0'+(was[len(was)-1]-'0'+1)%10) })
	each(textNode, func(string) string { return ">forged<" })
	each(attribute, func(string) string { return "" })
	return list
}

// D2: a page in which one digit, one sentence or one attribute is another one does not pass,
// be it the technical report or a client's page in any language.
func TestD2AForgedPageFails(t *testing.T) {
	f := newSimFleet(t, simHost{name: "staged", staged: true, client: "acme"}, simHost{name: "full", client: "acme", next: engine.App{Mode: engine.Crash}})
	f.does(exitDone, "plan")
	f.does(exitRolledBack, "apply", "--yes")
	file := filepath.Join(f.dir, "page.html")
	tried := 0
	for _, args := range [][]string{{"full"}, {"--client", "acme", "--for-client"}, {"staged", "--for-client", "--lang", "de"}} {
		f.does(exitDone, append([]string{"report", "last", "--html", file}, args...)...)
		data, err := os.ReadFile(file)
		must(t, err)
		r := f.does(exitDone, "report", "verify", "--page", file)
		if !strings.Contains(r.out, "says what the records say, word by word") {
			t.Errorf("%v: %s", args, r.out)
		}
		a := newApp(Env{Stdout: io.Discard, Stderr: io.Discard, Now: time.Now, Getenv: func(string) string { return "" }})
		a.flags.inventory = f.inventory()
		s, err := a.open(nil)
		must(t, err)
		for _, forged := range forgeries(string(data)) {
			if forged == string(data) {
				t.Fatal("a forgery that is none")
			}
			must(t, os.WriteFile(file, []byte(forged), 0o600))
			if page, _, err := verifyPage(s, file); err == nil && page.Wrong == "" {
				t.Errorf("%v: it passes with: %s", args, report.Difference([]byte(forged), data))
			}
			tried++
		}
	}
	t.Logf("%d forgeries were tried", tried)
	if tried < 1000 {
		t.Errorf("only %d forgeries were tried", tried)
	}
}

// What a person is told of a forged page: the first sentence that is another one, under
// its heading, with both texts; the document has it too.
func TestAForgedPageIsTold(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"})
	f.does(exitDone, "plan")
	f.does(exitDone, "apply", "--yes")
	file := filepath.Join(f.dir, "page.html")
	f.does(exitDone, "report", "--html", file)
	data, err := os.ReadFile(file)
	must(t, err)
	must(t, os.WriteFile(file, []byte(strings.Replace(string(data), "from 0.23.0 to 0.24.6</h2>", "from 0.23.0 to 0.24.7</h2>", 1)), 0o600))
	r := f.does(exitState, "report", "verify", "--page", file)
	if want := `the page says "a: upgrade from 0.23.0 to 0.24.7", and the records say "a: upgrade from 0.23.0 to 0.24.6"`; !strings.Contains(r.out, want) || !strings.Contains(r.stderr, "do not trust the page") {
		t.Errorf("%s%s", r.out, r.stderr)
	}
	if r := f.does(exitState, "report", "verify", "--page", file, "--json"); fits(schema(t, "evidence"), r.out) != nil || !strings.Contains(r.out, "0.24.7") {
		t.Errorf("%v: %s", fits(schema(t, "evidence"), r.out), r.out)
	}
	// One whose title was changed all through says nothing wrong of the run, and is not ours.
	must(t, os.WriteFile(file, []byte(strings.ReplaceAll(string(data), "Managed updates for a", "Managed updates for b")), 0o600))
	if r := f.does(exitState, "report", "verify", "--page", file); !strings.Contains(r.out, "this machine has not written it") {
		t.Errorf("%s", r.out)
	}
}

// A page stays good while the records grow: a rollback later, a backup that was pruned. A
// record that was changed does not pass.
func TestAPageStaysGood(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"})
	f.does(exitDone, "plan")
	f.does(exitDone, "apply", "--yes")
	file := filepath.Join(f.dir, "page.html")
	f.does(exitDone, "report", "--html", file)
	f.does(exitDone, "rollback", "--yes")
	f.does(exitDone, "report", "verify", "--page", file)
	data, err := os.ReadFile(file)
	must(t, err)
	recipe, err := report.ReadRecipe(data)
	must(t, err)
	result := filepath.Join(f.dir, ".liftalot", "hosts", "a", "runs", recipe.Of("a")[0], "result.json")
	was, err := os.ReadFile(result)
	must(t, err)
	must(t, os.WriteFile(result, regexp.MustCompile(`"millis": [0-9]+`).ReplaceAll(was, []byte(`"millis": 1`)), 0o600))
	r := f.does(exitState, "report", "verify", "--page", file)
	if !strings.Contains(r.stderr, "the records were changed since") {
		t.Errorf("%s%s", r.out, r.stderr)
	}
	must(t, os.WriteFile(result, was, 0o600))
	backups, err := filepath.Glob(filepath.Join(f.dir, ".liftalot", "hosts", "a", "backups", "*"))
	must(t, err)
	must(t, os.RemoveAll(backups[0]))
	if r := f.does(exitDone, "report", "verify", "--page", file); !strings.Contains(r.out, "was removed") {
		t.Errorf("%s", r.out)
	}
}

// What came next is told with the run that failed, and a rollback is no green "completed".
func TestAReportTellsWhatCameNext(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"})
	f.does(exitDone, "plan")
	f.does(exitDone, "apply", "--yes")
	f.does(exitDone, "rollback", "--yes")
	r := f.does(exitDone, "report", "--all")
	for _, want := range []string{"0.23.0 → 0.24.6: upgraded", "then: rollback 20", "0.24.6 → 0.23.0: rolled back"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("the report lacks %q:\n%s", want, r.out)
		}
	}
}

// D4: a batch that changed nothing is not the last one.
func TestD4ABatchThatChangedNothingIsNotTheLast(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a", client: "acme"}, simHost{name: "b"})
	f.does(exitDone, "plan")
	f.does(exitDone, "apply", "--yes", "a")
	f.letIn("b", false)
	f.run("apply", "--yes", "b")
	f.letIn("b", true)
	r := f.does(exitDone, "report", "last", "--client", "acme")
	if !strings.Contains(r.out, "a  upgrade ") || !strings.Contains(r.stderr, "changed nothing; this tells of the upgrade of") {
		t.Errorf("after one that reached nobody: %s%s", r.out, r.stderr)
	}
	f.does(exitDone, "apply", "--retry-failed", "--yes")
	batches := func() int {
		files, err := filepath.Glob(filepath.Join(f.dir, ".liftalot", "batches", "*.json"))
		must(t, err)
		return len(files)
	}
	before := batches()
	f.does(exitDone, "plan")
	if r := f.does(exitDone, "apply", "--yes"); !strings.Contains(r.out, "nothing to do") || batches() != before {
		t.Errorf("%d batches, were %d: %s", batches(), before, r.out)
	}
	if r := f.does(exitDone, "report", "last"); !strings.Contains(r.out, "b  upgrade ") {
		t.Errorf("%s", r.out)
	}
}

// D7: "--html -" is standard output, and such a page is known as well.
func TestD7APageOnStandardOutput(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"})
	f.does(exitDone, "plan")
	f.does(exitDone, "apply", "--yes")
	r := f.does(exitDone, "report", "--html", "-")
	if !strings.HasPrefix(r.out, "<!DOCTYPE html>") || !strings.HasSuffix(r.out, "</html>\n") {
		t.Errorf("%s", r.out)
	}
	if _, err := os.Stat("-"); err == nil {
		t.Error(`there is a file named "-"`)
	}
	file := filepath.Join(f.dir, "page.html")
	must(t, os.WriteFile(file, []byte(r.out), 0o600))
	f.does(exitDone, "report", "verify", "--page", file)
	for _, args := range [][]string{{"--html", "-", "--json"}, {"--for-client"}, {"--lang", "de", "--html", file}, {"--for-client", "--html", file, "--lang", "fr"}} {
		f.does(exitUsage, append([]string{"report"}, args...)...)
	}
}
