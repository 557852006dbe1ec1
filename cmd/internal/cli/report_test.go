package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"liftalot/testenv/sim/engine"
)

// A batch in one page: what was done, what failed and why, what was held back; and
// it fits the journals until somebody touches them.
func TestTheReportTellsABatch(t *testing.T) {
	f := newSimFleet(t,
		simHost{name: "full1", client: "acme", next: engine.App{Mode: engine.Crash}}, simHost{name: "full2", client: "globex"},
		simHost{name: "staged1", staged: true, client: "acme"}, simHost{name: "staged2", staged: true, client: "globex"},
	)
	if r := f.does(exitUsage, "report"); !strings.Contains(r.stderr, "there is no run to tell of") {
		t.Errorf("said %q", r.stderr)
	}
	f.does(exitDone, "plan")
	f.does(exitRolledBack, "apply", "--yes", "--keep-going")
	page := filepath.Join(f.dir, "report.html")
	f.does(exitDone, "report", "last", "--html", page)
	data, err := os.ReadFile(page)
	must(t, err)
	text := string(data)
	for _, want := range []string{
		"full1: upgrade from 0.23.0 to 0.24.6", "failed and rolled back", "the container was restarted 3 times",
		"<strong>full2</strong>: held back: the canary of its variant, full1, failed",
		"staged1: upgrade from 0.24.4 to 0.24.6", "Proven</span> before the first change", "The server was <strong>", "<svg ",
		"Where it differs from the runbook", "What is left to do", "registry.seglamater.app/seglamater/chatalot@sha256:", "verified</td>",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, never := range []string{"<script", "http-equiv=\"refresh", "src=", "@import", "canary0db0password"} {
		if strings.Contains(text, never) {
			t.Errorf("the page holds %q", never)
		}
	}
	if bad := intruder(text); bad != "" {
		t.Errorf("%q is in the page", bad)
	}
	r := f.does(exitDone, "report", "--client", "acme", "staged*")
	if !strings.Contains(r.out, "staged1") || strings.Contains(r.out, "staged2") || strings.Contains(r.out, "full1") {
		t.Errorf("the client's report:\n%s", r.out)
	}

	f.does(exitDone, "report", "verify", "--page", page)
	journal := filepath.Join(f.dir, ".liftalot", "hosts", "staged1", "journal.jsonl")
	was, err := os.ReadFile(journal)
	must(t, err)
	must(t, os.WriteFile(journal, bytes.Replace(was, []byte(`"kind":"done"`), []byte(`"kind":"Done"`), 1), 0o600))
	r = f.does(exitState, "report", "verify")
	if !strings.Contains(r.stderr, "line") || !strings.Contains(r.stderr, "is damaged") {
		t.Errorf("a changed record: %s", r.stderr)
	}
	// A journal that was cut is sound by itself; only the page knows more.
	lines := bytes.SplitAfter(was, []byte("\n"))
	must(t, os.WriteFile(journal, bytes.Join(lines[:5], nil), 0o600))
	r = f.does(exitState, "report", "verify", "--page", page)
	if !strings.Contains(r.stderr, "records are missing") {
		t.Errorf("a journal that was cut: %s", r.stderr)
	}
	must(t, os.WriteFile(journal, was, 0o600))
	plans, err := filepath.Glob(filepath.Join(f.dir, ".liftalot", "hosts", "staged1", "runs", "*", "plan.json"))
	must(t, err)
	must(t, os.WriteFile(plans[0], []byte("{}"), 0o600))
	r = f.does(exitState, "report", "verify", "staged1")
	if !strings.Contains(r.stderr, "its plan is not the one that was carried out") {
		t.Errorf("another plan: %s", r.stderr)
	}
	f.does(exitUsage, "report", "verify", "--page", f.inventory())
}
