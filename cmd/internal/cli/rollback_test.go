package cli

import (
	"strings"
	"testing"
	"time"

	"liftalot/inventory"
	"liftalot/plan/run"
)

func TestD3ADryRunNamesWhereNothingIsToBeRolledBack(t *testing.T) {
	var out, said strings.Builder
	a := newApp(Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &said, Getenv: func(string) string { return "" }, Now: time.Now})
	s := newSession(a, stateFolder(t.TempDir()))
	s.hosts = []inventory.Host{{Name: "acme"}}
	err := showRollbacks(s, []run.Job{{Nothing: "the upgrade of 2026-11-30 was rolled back already"}}, make([]error, 1))
	if code := a.term.close(a.term.explain(err)); code != exitDone {
		t.Errorf("exit %d", code)
	}
	if got := out.String(); got != "acme  nothing to do: the upgrade of 2026-11-30 was rolled back already\n" || said.String() != "" {
		t.Errorf("%q, %q", got, said.String())
	}
}
