package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"liftalot/inventory"
	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/backup"
	"liftalot/plan/backup/bucket"
	"liftalot/plan/compose"
	"liftalot/plan/journal"
	"liftalot/plan/probe"
	"liftalot/plan/release"
	"liftalot/plan/run"
	"liftalot/plan/verify"
	"liftalot/remote"
	"liftalot/remote/lock"
)

// A wrapped error has the status of what it wraps: a step's error says where,
// the one inside says what.
func TestEveryErrorHasItsStatus(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want int
	}{
		{"something nobody foresaw", errors.New("boom"), exitInternal},
		{"wrong use", &usageError{errors.New("x"), "liftalot"}, exitUsage},
		{"wrong inventory", inventory.Errors{{File: "f", Msg: "x"}}, exitUsage},
		{"wrong pattern", &inventory.PatternError{Pattern: "x"}, exitUsage},
		{"nothing to work on", &nothingToDoError{}, exitUsage},
		{"host key", &remote.HostKeyError{Kind: remote.HostKeyUnknown}, exitHostKey},
		{"ssh login", &remote.AuthError{}, exitAuth},
		{"sudo", &remote.SudoError{Kind: remote.SudoWrongPassword}, exitAuth},
		{"secret", &inventory.SecretError{}, exitAuth},
		{"registry, seen from here", &release.AuthError{}, exitAuth},
		{"registry, seen from the host", &apply.RegistryError{Err: errors.New("401")}, exitAuth},
		{"host locked", &lock.HeldError{}, exitLocked},
		{"locked on this machine", &journal.LockedError{}, exitLocked},
		{"unreachable host", &remote.UnreachableError{}, exitUnreachable},
		{"turned away", &remote.TurnedAwayError{}, exitUnreachable},
		{"unreachable vendor", &release.UnreachableError{}, exitUnreachable},
		{"time is over", context.DeadlineExceeded, exitUnreachable},
		{"not started", remote.ErrNotStarted, exitUnreachable},
		{"bad signature", &release.TrustError{}, exitTrust},
		{"older than what was seen", &release.VersionError{}, exitTrust},
		{"no such release", &release.NotFoundError{}, exitCheck},
		{"a check", &plan.RefusedError{Checks: []plan.Check{{Hint: "do this"}}}, exitCheck},
		{"an edit that cannot be made", &compose.RefusalError{}, exitCheck},
		{"compose refuses", &probe.RenderError{}, exitCheck},
		{"model differs", &plan.GuardError{}, exitCheck},
		{"verification", &verify.Error{}, exitCheck},
		{"a host that talks nonsense", &run.LookError{Err: errors.New("x")}, exitCheck},
		{"a host that cannot be looked at", &run.LookError{Err: remote.ErrNotStarted}, exitUnreachable},
		{"stale", &apply.StaleError{}, exitStale},
		{"backup", &backup.UnprovenError{}, exitBackup},
		{"a bucket that refuses", &backup.UnprovenError{Err: &bucket.Error{Status: 403}}, exitAuth},
		{"a bucket that is away", &backup.UnprovenError{Err: &bucket.Error{Err: errors.New("no route")}}, exitUnreachable},
		{"no such bucket", &bucket.Error{Status: 404, Code: "NoSuchBucket"}, exitBackup},
		{"database moved", &plan.DatabaseMovedError{}, exitPerson},
		{"the old image is gone", &plan.ImageGoneError{}, exitCheck},
		{"the old image is gone, and the rollback was begun", &plan.ImageGoneError{Begun: true}, exitPerson},
		{"journal damaged", &journal.DamagedError{}, exitState},
		{"a forged page", &pageError{new(pageEvidence)}, exitState},
		{"journal newer", &journal.NewerError{}, exitState},
		{"plan newer", &plan.NewerError{Format: 9}, exitState},
		{"disk of this machine", &journal.WriteError{Err: errors.New("x")}, exitState},
		{"second interrupt", errInterrupted, exitCancelled},
		{"a no", errCancelled, exitCancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, err := range []error{c.err, fmt.Errorf("wrapped: %w", c.err), errors.Join(c.err, errors.New("and more"))} {
				if got, _ := classify("web1", err); got != c.want {
					t.Errorf("status %d, want %d, for %T %v", got, c.want, err, err)
				}
			}
		})
	}
}

func TestAnEditThatComposeRefusesHasAWayOn(t *testing.T) {
	for _, err := range []error{&probe.RenderError{}, &plan.GuardError{}} {
		if _, hint := classify("web1", err); !strings.Contains(hint, "nothing was changed") || !strings.Contains(hint, "liftalot plan web1") {
			t.Errorf("%T: %q", err, hint)
		}
	}
}

// Once a host was touched, what became of it says more than the error.
func TestTheResultOfARunDecides(t *testing.T) {
	unhealthy := &apply.StepError{Err: &apply.SwapError{Result: "back"}}
	for _, c := range []struct {
		name string
		res  apply.Result
		err  error
		want int
		hint string

		action journal.Action
	}{
		{"stale before the first change", apply.Result{Outcome: journal.Aborted}, &apply.StaleError{}, exitStale, "liftalot plan web1", ""},
		{"no backup", apply.Result{Outcome: journal.Aborted}, &backup.UnprovenError{}, exitBackup, "nothing was changed", ""},
		{"swapped and back", apply.Result{Outcome: journal.RolledBack, Swapped: true}, unhealthy, exitRolledBack, "as it was before", ""},
		{"swap given up, the old server kept", apply.Result{Outcome: journal.RolledBack, Swapped: true}, &apply.StepError{Err: &apply.SwapError{Result: "kept"}}, exitRolledBack, "once that is settled: liftalot plan web1, then: liftalot apply web1", ""},
		{"registry, all undone", apply.Result{Outcome: journal.RolledBack}, &apply.RegistryError{Err: errors.New("401")}, exitAuth, "registry", ""},
		{"failed before the swap", apply.Result{Outcome: journal.RolledBack}, errors.New("gate"), exitRolledBack, "not touched", ""},
		{"first interrupt", apply.Result{Outcome: journal.Interrupted}, apply.ErrStopped, exitCancelled, "resumes it", ""},
		{"line gone", apply.Result{Outcome: journal.Interrupted}, remote.ErrUnknownOutcome, exitInterrupted, "resumes it", ""},
		{"the agent was locked meanwhile", apply.Result{Outcome: journal.Interrupted}, &apply.StepError{Err: &remote.AuthError{}}, exitInterrupted,
			`load the key into your agent; the run waits where it is: once the host lets you in again, "liftalot apply web1" resumes it`, ""},
		{"the password manager was locked meanwhile", apply.Result{Outcome: journal.Interrupted}, &remote.SudoError{Kind: remote.SudoNoPasswordSet, Err: errors.New("locked")}, exitInterrupted,
			`unlock the password manager, if it is one; the run waits`, ""},
		{"sudo refuses, nobody knows why", apply.Result{Outcome: journal.Interrupted}, &remote.SudoError{Kind: remote.SudoOtherComplaint}, exitInterrupted, "the run waits where it is", ""},
		{"rollback: the host key changed meanwhile", apply.Result{Outcome: journal.Interrupted}, &remote.HostKeyError{Kind: remote.HostKeyChanged}, exitInterrupted,
			`once the host lets you in again, "liftalot rollback web1" resumes it`, journal.Rollback},
		{"refused before anything was begun", apply.Result{Outcome: journal.Aborted}, &remote.AuthError{}, exitAuth, "load the key into your agent", ""},
		{"migrated", apply.Result{Outcome: journal.NeedsPerson}, &apply.MigratedError{}, exitPerson, "liftalot rollback web1 --with-database", ""},
		{"nobody knows whether migrated", apply.Result{Outcome: journal.NeedsPerson}, &apply.MigratedError{Unsure: true}, exitPerson, "make the database answer", ""},
		{"client's later edit in the way", apply.Result{Outcome: journal.NeedsPerson}, &apply.StepError{Err: &apply.RefusedByHostError{}}, exitPerson, "settle that on the host first", ""},
		{"the old image is gone", apply.Result{Outcome: journal.NeedsPerson}, &apply.StepError{Err: &plan.ImageGoneError{Begun: true}}, exitPerson, `"docker load" from a backup`, ""},
		{"the old image is gone, and has a digest", apply.Result{Outcome: journal.NeedsPerson}, &plan.ImageGoneError{Begun: true, Ref: "r/x@sha256:1"}, exitPerson, "on the host: docker pull r/x@sha256:1; then: liftalot rollback web1", ""},
		{"the old image is gone, and is here", apply.Result{Outcome: journal.NeedsPerson}, &plan.ImageGoneError{Begun: true, Ref: "r/x@sha256:1", Copy: "b/image.tar.gz.age"}, exitPerson, "b/image.tar.gz.age has it", ""},
		{"not all undone", apply.Result{Outcome: journal.NeedsPerson}, unhealthy, exitPerson, "liftalot rollback web1", ""},
		{"rollback: stale", apply.Result{Outcome: journal.Aborted}, &apply.StaleError{}, exitStale, "look again: liftalot rollback web1", journal.Rollback},
		{"a job of a laptop that is gone", apply.Result{Outcome: journal.Aborted}, &lock.HeldError{Orphan: true}, exitLocked, "ends by itself", ""},
		{"rollback: line gone", apply.Result{Outcome: journal.Interrupted}, remote.ErrUnknownOutcome, exitInterrupted, `"liftalot rollback web1" resumes it`, journal.Rollback},
		{"rollback: not all undone", apply.Result{Outcome: journal.NeedsPerson}, unhealthy, exitPerson, `"liftalot rollback web1" tries`, journal.Rollback},
		{"restore: first interrupt", apply.Result{Outcome: journal.Interrupted}, apply.ErrStopped, exitCancelled, `"liftalot restore web1" resumes it`, journal.Restore},
		{"restore: not to its end", apply.Result{Outcome: journal.NeedsPerson}, unhealthy, exitPerson, `"liftalot restore web1" resumes it`, journal.Restore},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, hint := ofRun("web1", cmp.Or(c.action, journal.Apply), c.res, c.err)
			if got != c.want || !strings.Contains(hint, c.hint) {
				t.Errorf("status %d, hint %q; want %d and %q", got, hint, c.want, c.hint)
			}
		})
	}
}

// With several hosts the worst one counts: 22, 23, 20, 21, then the smallest.
func TestTheWorstHostCounts(t *testing.T) {
	for _, c := range []struct {
		codes []int
		want  int
	}{
		{[]int{exitLocked}, exitLocked},
		{[]int{exitUnreachable, exitCheck}, exitCheck},
		{[]int{exitCheck, exitRolledBack}, exitRolledBack},
		{[]int{exitRolledBack, exitInterrupted}, exitInterrupted},
		{[]int{exitInterrupted, exitState}, exitState},
		{[]int{exitState, exitPerson, exitCheck}, exitPerson},
		{[]int{exitCancelled, exitStale}, exitStale},
		{[]int{exitInternal, exitUnreachable}, exitInternal},
	} {
		var e fleetError
		for _, code := range c.codes {
			e.hosts = append(e.hosts, &hostError{code: code})
		}
		if got := e.code(); got != c.want {
			t.Errorf("hosts with %v end with %d, want %d", c.codes, got, c.want)
		}
	}
}

// Case 30: a host without sudo is told what helps; Case 28: words of a sudo that are not known
// are shown.
func TestCase30SudoMissing(t *testing.T) {
	for _, tt := range []struct {
		err  remote.SudoError
		hint string
	}{
		{remote.SudoError{Kind: remote.SudoMissing}, `install sudo on acme (Alpine has doas in its place), or log in as root: "user: root" without "sudo:"`},
		{remote.SudoError{Kind: remote.SudoOtherComplaint, Said: []byte("sudo-rs: \x1b[2JA terminal is required\nmore")}, `sudo on acme says: "sudo-rs: \x1b[2JA terminal is required"`},
		{remote.SudoError{Kind: remote.SudoOtherComplaint}, ""},
	} {
		if hint := sudoHint("acme", &tt.err); hint != tt.hint {
			t.Errorf("%+v: %s", tt.err, hint)
		}
	}
}
