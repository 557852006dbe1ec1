package cli

import (
	"errors"
	"strings"
	"testing"

	"liftalot/plan"
	"liftalot/plan/journal"
)

func complaints(hosts ...*hostError) string {
	var lines []string
	for _, c := range grouped(hosts) {
		lines = append(lines, c.err.Error()+" | "+c.hint)
	}
	return strings.Join(lines, "\n")
}

// P10: the same error and hint is told once, with the hosts it holds for.
func TestP10TheSameErrorIsToldOnce(t *testing.T) {
	e := func(host, text, hint string) *hostError {
		return &hostError{host: host, code: 1, err: errors.New(text), hint: hint}
	}
	for _, c := range []struct {
		name  string
		hosts []*hostError
		want  string
	}{
		{"none", nil, ""},
		{"one is left as it is", []*hostError{e("a", "a: a plan for a", "liftalot plan a")}, "a: a plan for a | liftalot plan a"},
		{
			"several", []*hostError{
				e("acme", "acme: no plan: disk: full", `nothing was changed; then: liftalot plan acme`), e("globex", "globex: no plan: memory: full", "liftalot plan globex"),
				e("initech", "initech: no plan: disk: full", `nothing was changed; then: liftalot plan initech`),
			},
			"acme, initech: no plan: disk: full | nothing was changed; then: liftalot plan acme initech\nglobex: no plan: memory: full | liftalot plan globex",
		},
		{
			"in a sentence", []*hostError{e("acme", "acme: no answer", "is acme up?"), e("globex", "globex: no answer", "is globex up?")},
			"acme, globex: no answer | is acme, globex up?",
		},
		{
			"a name that is a word", []*hostError{e("done", "done: it failed", "once that is done: liftalot plan done"), e("acme", "acme: it failed", "once that is done: liftalot plan acme")},
			"done: it failed | once that is done: liftalot plan done\nacme: it failed | once that is done: liftalot plan acme",
		},
		{"another hint", []*hostError{e("a", "a: x", "one"), e("b", "b: x", "two")}, "a: x | one\nb: x | two"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := complaints(c.hosts...); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	// The last words are one host's.
	words := &journal.Failure{Reason: "x", Containers: []journal.LastContainer{{Name: "c"}}}
	one, two := e("a", "a: x", ""), e("b", "b: x", "")
	one.failure, two.failure = words, words
	if got := grouped([]*hostError{one, two}); len(got) != 2 || got[1].failure != words {
		t.Errorf("%+v", got)
	}
}

func TestReasonsAreCounted(t *testing.T) {
	host := func(name string, checks ...plan.Check) *checked { return &checked{Host: name, Checks: checks} }
	disk := plan.Check{Name: "disk", Level: plan.Stop, Detail: "too small"}
	key := plan.Check{Name: "key", Level: plan.Warn, Detail: "one only"}
	got := reasons([]*checked{
		host("a", key, plan.Check{Name: "well", Level: plan.Pass}), host("b", key, disk),
		host("c", plan.Check{Name: "key", Level: plan.Warn, Detail: "another"}, disk, plan.Check{Name: "server", Level: plan.Stop, Detail: "down"}),
	})
	var lines []string
	for _, r := range got {
		lines = append(lines, string(r.level)+" "+r.name+" "+strings.Join(r.hosts, ",")+" "+r.detail)
	}
	want := []string{"stop disk b,c too small", "stop server c down", "warn key a,b,c "}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", lines, want)
	}
}

// A host that could not be looked at is not passed over where the others are counted.
func TestCheckCountsWhomItDidNotLookAt(t *testing.T) {
	d := newDesk(t, "")
	d.session.term.printReasons(look[checked]{
		found: []*checked{{Host: "acme"}, {Host: "globex", Checks: []plan.Check{{Name: "disk", Level: plan.Stop}}}},
		errs:  []error{nil, &plan.RefusedError{Host: "globex"}, errors.New("no answer")},
	})
	if want := "2 hosts checked, 1 stopped by a check, 1 not looked at\n"; !strings.Contains(d.out.String(), want) {
		t.Errorf("%q lacks %q", d.out.String(), want)
	}
}
