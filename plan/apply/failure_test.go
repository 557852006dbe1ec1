package apply

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"liftalot/plan/journal"
)

// findingsError is an error that says each of its findings by itself.
type findingsError []string

func (f findingsError) Error() string      { return strings.Join(f, "; ") }
func (f findingsError) Findings() []string { return f }

// failedRun carries the plan out to its failure and reads what the journal kept of it.
func (b *bench) failedRun() (string, *journal.Failure) {
	b.t.Helper()
	res, err := b.run(b.t.Context())
	if err == nil || res.Outcome != journal.RolledBack {
		b.t.Fatalf("%v, %v; want a run that was rolled back", res.Outcome, err)
	}
	step, f := b.state().Failure()
	if f == nil {
		b.t.Fatalf("nothing is kept of why %q failed", step)
	}
	if res.Failure == nil || res.Failure.Reason != f.Reason {
		b.t.Errorf("the result has %+v, the journal %+v", res.Failure, f)
	}
	return step, f
}

// P3: why the new server died is kept: how its container ended, and its last words.
func TestP3WhyASwapFailedIsKept(t *testing.T) {
	b := newBench(t)
	b.host.log = "stage stop\nstage start\nnote the container was restarted 4 times\nstate restarting 101 true 4 /chatalot\n" +
		"log \x1b[31mERROR\x1b[0m cannot connect with canary\nlog thread 'main' panicked\nend back\n"
	b.redact = func(s string) string { return strings.ReplaceAll(s, "canary", "[redacted]") }
	step, f := b.failedRun()
	if step != "swap" || !strings.Contains(f.Reason, "restarted 4 times") || len(f.Containers) != 1 {
		t.Fatalf("%s: %+v", step, f)
	}
	got := fmt.Sprintf("%+v", f.Containers[0])
	want := "{Name:chatalot Status:restarting Exit:101 OOM:true Restarts:4 Log:[ERROR cannot connect with [redacted] thread 'main' panicked]}"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// P3: what a host says is bounded, and no half of a secret stays where a line is cut.
func TestP3LastWordsAreBounded(t *testing.T) {
	b := newBench(t)
	const secret = "canary-canary-canary-canary-canary-canary"
	long := strings.Repeat("x", cutLine-len(secret)/2) + secret[:len(secret)/2] // as cut -c1-700 leaves it
	b.redact = func(s string) string { return strings.ReplaceAll(s, secret, "[redacted]") }
	var log strings.Builder
	log.WriteString("stage stop\n")
	for c := range 4 {
		fmt.Fprintf(&log, "state exited 1 false 0 /c%d\n", c)
		for n := range 100 {
			fmt.Fprintf(&log, "log %d %s\n", n, strings.Repeat("\x01\"<", 300))
		}
		fmt.Fprintf(&log, "log %s\n", long)
	}
	log.WriteString("end back\n")
	b.host.log = log.String()
	_, f := b.failedRun()
	if len(f.Containers) != maxContainers {
		t.Fatalf("%d containers", len(f.Containers))
	}
	for _, c := range f.Containers {
		if len(c.Log) > maxLogLines {
			t.Errorf("%d lines of %s", len(c.Log), c.Name)
		}
		for _, line := range c.Log {
			if len(line) > maxLogLine || strings.Contains(line, "canary") {
				t.Errorf("kept: %q", line)
			}
		}
	}
	for _, r := range b.records() {
		if len(r.Data) > journal.MaxData {
			t.Errorf("a record with %d bytes of data", len(r.Data))
		}
	}
}

// P3: the findings of a verification are kept one by one, and what the containers said.
func TestP3WhatAVerificationFoundIsKept(t *testing.T) {
	b := newBench(t)
	b.verify = findingsError{"health: degraded", "admin panel: 404"}
	b.host.ailing = "state running 0 false 0 /chatalot\nlog listening\n"
	step, f := b.failedRun()
	if step != "verify" || strings.Join(f.Findings, "|") != "health: degraded|admin panel: 404" {
		t.Errorf("%s: %+v", step, f)
	}
	if len(f.Containers) != 1 || f.Containers[0].Name != "chatalot" || f.Containers[0].Log[0] != "listening" {
		t.Errorf("%+v", f.Containers)
	}
}

// P3: what made a revert fail is kept beside what made it necessary.
func TestP3WhyARevertFailedIsKept(t *testing.T) {
	b := newBench(t)
	b.verify = errors.New("it is not well")
	b.host.back = "note cannot find the old one\nstate exited 137 true 0 /chatalot\nlog killed\nend lost\n"
	res, err := b.run(t.Context())
	if res.Outcome != journal.NeedsPerson {
		t.Fatalf("%v, %v", res.Outcome, err)
	}
	swap := b.state().Step("swap")
	if swap.Revert == nil || len(swap.Revert.Containers) != 1 || !swap.Revert.Containers[0].OOM {
		t.Errorf("%+v", swap.Revert)
	}
	if step, f := b.state().Failure(); step != "verify" || f == nil || f.Reason != "it is not well" {
		t.Errorf("%s: %+v", step, f)
	}
}
