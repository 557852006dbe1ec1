package cli

import (
	"errors"
	"fmt"
	"strings"

	"liftalot/cmd/internal/ui"
	"liftalot/inventory"
	"liftalot/plan/apply"
	"liftalot/plan/journal"
	"liftalot/plan/run"
)

// hostError is an error of one host with what a person needs to know of it.
type hostError struct {
	host string
	code int
	err  error
	hint string

	failure *journal.Failure // what was seen of the step that failed
}

func (e *hostError) Error() string { return e.err.Error() }
func (e *hostError) Unwrap() error { return e.err }

// fleetError is the errors of several hosts.
type fleetError struct{ hosts []*hostError }

func (e *fleetError) Error() string {
	return fmt.Sprintf("%d hosts did not come through", len(e.hosts))
}

// code is the worst of the hosts' statuses.
func (e *fleetError) code() int {
	codes := map[int]bool{}
	least := 0
	for _, h := range e.hosts {
		codes[h.code] = true
		if least == 0 || h.code < least {
			least = h.code
		}
	}
	for _, worst := range []int{exitPerson, exitState, exitInterrupted, exitRolledBack} {
		if codes[worst] {
			return worst
		}
	}
	return least
}

// explain turns an error into words, here and nowhere else, and gives the exit
// status.
func (t *terminal) explain(err error) int {
	if err == nil {
		return exitDone
	}
	var fleet *fleetError
	if errors.As(err, &fleet) {
		for _, g := range grouped(fleet.hosts) {
			t.complain(g.err, g.hint, g.failure)
		}
		return fleet.code()
	}
	var silent *reportedError
	if errors.As(err, &silent) {
		return silent.code
	}
	code, hint := classify("", err)
	t.complain(err, hint, nil)
	return code
}

// reportedError is an exit status whose reason was printed before.
type reportedError struct{ code int }

func (e *reportedError) Error() string { return "" }

func (t *terminal) complain(err error, hint string, failure *journal.Failure) {
	t.log(logLine{Event: "error", Text: err.Error()})
	var many inventory.Errors
	if errors.As(err, &many) {
		for _, one := range many {
			t.err.Printf("%s %s\n", ui.Bad("liftalot: error:"), one)
		}
		return
	}
	for i, line := range strings.Split(err.Error(), "\n") {
		if i == 0 {
			t.err.Printf("%s %s\n", ui.Bad("liftalot: error:"), line)
		} else if strings.TrimSpace(line) != "" {
			t.err.Printf("  %s\n", strings.ReplaceAll(line, "\t", "  "))
		}
	}
	printFailure(t.err, failure)
	if hint != "" {
		t.err.Printf("%s %s\n", ui.Note("liftalot: hint:"), hint)
	}
}

// classify finds the exit status of an error and the next thing to type.
func classify(host string, err error) (code int, hint string) {
	if state, ok := errors.AsType[*run.StateError](err); ok {
		code = map[run.Why]int{run.Nothing: exitUsage, run.Stale: exitStale, run.Unfinished: exitInterrupted}[state.Why]
		if state.Why == run.Refused {
			code, _ = classify(host, state.Err)
		}
		return code, state.Hint
	}
	if code, hint, ok := firstRule(exitRules, host, err); ok {
		return code, hint
	}
	return exitInternal, ""
}

// errCancelled is a no to a question.
var errCancelled = errors.New("cancelled: nothing was changed")

// nothingToDoError is a command that has nothing to work on.
type nothingToDoError struct{ what, hint string }

func (e *nothingToDoError) Error() string { return e.what }

// ofRun gives the status of a run from its result: once a host was touched the
// result says more than the error.
func ofRun(host string, action journal.Action, res apply.Result, err error) (int, string) {
	code, hint := classify(host, err)
	switch res.Outcome {
	case journal.RolledBack:
		return ofUndone(host, res, err, code, hint)
	case journal.Interrupted:
		return ofInterrupted(host, action, err, code, hint)
	case journal.NeedsPerson:
		if code, hint, ok := firstRule(personRules, host, err); ok {
			return code, hint
		}
		if action == journal.Restore {
			return exitPerson, lastResort(host, run.Resume(host, action))
		}
		return exitPerson, lastResort(host, fmt.Sprintf(`"liftalot rollback %s" tries what is left again`, host))
	}
	if code == exitStale && action != journal.Apply { // nothing was changed, and a fresh look decides anew
		return code, fmt.Sprintf("look again: liftalot %s %s", action, host)
	}
	return code, hint
}

func ofUndone(host string, res apply.Result, err error, code int, hint string) (int, string) {
	switch swap, ok := errors.AsType[*apply.SwapError](err); {
	case ok && swap.Result == "kept":
		return exitRolledBack, atHost("everything is as it was before; once that is settled: liftalot plan HOST, then: liftalot apply HOST", host)
	case res.Swapped:
		return exitRolledBack, atHost(`everything is as it was before; "liftalot status HOST" has the details`, host)
	case code >= exitCheck && code <= exitAlgorithms:
		return code, hint
	}
	return exitRolledBack, "the server was not touched, and everything is as it was before"
}

func ofInterrupted(host string, action journal.Action, err error, code int, hint string) (int, string) {
	_, lost := errors.AsType[*apply.AdoptedError](err)
	_, stale := errors.AsType[*apply.StaleError](err)
	switch {
	case lost:
		return exitInterrupted, hint
	case errors.Is(err, apply.ErrStopped):
		return exitCancelled, run.Resume(host, action)
	case code == exitAuth, code == exitHostKey:
		return exitInterrupted, accessHint(hint, run.Resume(host, action))
	case stale:
		return exitInterrupted, lastResort(host, fmt.Sprintf(`put back what moved and go on, or "liftalot rollback %s" undoes the run`, host))
	}
	return exitInterrupted, run.Resume(host, action)
}

// accessHint is the hint for a run whose host lets us in no more: how to get access back,
// where that is known, and how the run goes on then.
func accessHint(access, resume string) string {
	if access != "" {
		access += "; "
	}
	return access + "the run waits where it is: once the host lets you in again, " + resume
}

// withHost puts the host's name before an error that does not begin with it.
func withHost(host string, err error) error {
	if strings.HasPrefix(err.Error(), host+":") {
		return err
	}
	return fmt.Errorf("%s: %w", host, err)
}
