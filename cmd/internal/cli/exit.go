package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"liftalot/cmd/internal/ui"
	"liftalot/inventory"
	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/backup"
	"liftalot/plan/compose"
	"liftalot/plan/journal"
	"liftalot/plan/probe"
	"liftalot/plan/release"
	"liftalot/plan/run"
	"liftalot/plan/verify"
	"liftalot/remote"
	"liftalot/remote/lock"
)

// hostError is an error of one host with what a person needs to know of it.
type hostError struct {
	host string
	code int
	err  error
	hint string
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
		for _, h := range fleet.hosts {
			t.complain(h.err, h.hint)
		}
		return fleet.code()
	}
	var silent *alreadySaid
	if errors.As(err, &silent) {
		return silent.code
	}
	code, hint := classify("", err)
	t.complain(err, hint)
	return code
}

// alreadySaid is an exit status whose reason was printed before.
type alreadySaid struct{ code int }

func (e *alreadySaid) Error() string { return "" }

func (t *terminal) complain(err error, hint string) {
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
	for _, c := range classes {
		if code, hint, ok := c(host, err); ok {
			return code, hint
		}
	}
	return exitInternal, ""
}

// classes are asked in order: who knows most about an error comes first.
var classes = []func(host string, err error) (int, string, bool){
	usageClass, connectionClass, bucketClass, trustClass, stateClass, planClass, cancelClass, lookClass,
}

func usageClass(host string, err error) (int, string, bool) {
	var usage *usageError
	var errs inventory.Errors
	var pattern *inventory.PatternError
	switch {
	case errors.As(err, &usage):
		return exitUsage, fmt.Sprintf("%q shows how it is used", usage.command+" --help"), true
	case errors.As(err, &errs), errors.As(err, &pattern):
		return exitUsage, "", true
	case strings.HasPrefix(err.Error(), "unknown command"):
		// cobra has no type for it
		return exitUsage, `"liftalot --help" lists the commands`, true
	}
	return 0, "", false
}

func connectionClass(host string, err error) (int, string, bool) {
	var key *remote.HostKeyError
	var auth *remote.AuthError
	var sudo *remote.SudoError
	var unreachable *remote.UnreachableError
	var held *lock.HeldError
	var lost *apply.AdoptedError
	var local *journal.LockedError
	var secret *inventory.SecretError
	switch {
	case errors.As(err, &key):
		return exitHostKey, keyHint(host, key), true
	case errors.As(err, &auth):
		return exitAuth, fmt.Sprintf(`check "user:" and "identity:" of %s in the inventory, or load the key into your agent`, host), true
	case errors.As(err, &sudo):
		return exitAuth, sudoHint(host, sudo), true
	case errors.As(err, &secret):
		return exitAuth, "", true
	case errors.As(err, &lost):
		return exitLocked, fmt.Sprintf(`"liftalot adopt %s" takes it over again, if nobody is at work there`, host), true
	case errors.As(err, &held) && held.Orphan:
		return exitLocked, "it ends by itself, or goes back by itself, at its deadline: try again later", true
	case errors.As(err, &held):
		return exitLocked, fmt.Sprintf(`"liftalot unlock %s" frees a lock whose owner is gone`, host), true
	case errors.As(err, &local):
		return exitLocked, "another liftalot on this machine works on that host", true
	case errors.As(err, &unreachable):
		return exitUnreachable, fmt.Sprintf("is it up, and are address and port of %s right?", host), true
	}
	return 0, "", false
}

func keyHint(host string, e *remote.HostKeyError) string {
	onTheWay := e.Host != host // a jump host has a name of its own
	switch {
	case e.Kind == remote.HostKeyUnknown && onTheWay:
		return fmt.Sprintf(`%s is the jump host on the way: "liftalot trust %s" asks about it first, or takes --fingerprint once for each`, e.Host, host)
	case e.Kind == remote.HostKeyUnknown:
		return fmt.Sprintf(`compare the fingerprint with the client's, then: liftalot trust %s --fingerprint %s`, host, e.Got)
	case e.Kind == remote.HostKeyChanged && onTheWay:
		return fmt.Sprintf("%s is the jump host on the way: ask the client whether it was reinstalled; if so, remove the line named above, then: liftalot trust %s", e.Host, host)
	case e.Kind == remote.HostKeyChanged:
		return "ask the client whether the server was reinstalled; if so, remove the line named above and trust the host again"
	case e.Kind == remote.HostKeyRevoked:
		return fmt.Sprintf("whoever has a revoked key can pass for %s: ask the client why it was revoked, and to give the server a new one", e.Host)
	case e.Kind == remote.HostKeyUnchecked:
		return "until that file can be read every key is refused, as ssh does: make it readable, or change RevokedHostKeys in ssh_config"
	}
	return ""
}

func sudoHint(host string, e *remote.SudoError) string {
	if e.Err != nil {
		return fmt.Sprintf(`what "sudo:" of %s names gave no password: unlock the password manager, if it is one`, host)
	}
	switch e.Kind {
	case remote.SudoWrongPassword:
		return fmt.Sprintf(`the password that "sudo:" of %s names is not accepted; it is not tried twice, so that the account is not locked`, host)
	case remote.SudoNoPasswordSet:
		return fmt.Sprintf(`sudo asks for a password there: set "sudo: prompt" or another secret reference for %s`, host)
	case remote.SudoNotAllowed:
		return "that user may not use sudo there"
	case remote.SudoNeedsTTY:
		return `sudo wants a terminal there: remove "requiretty" for that user`
	}
	return ""
}

func trustClass(host string, err error) (int, string, bool) {
	var trust *release.TrustError
	var version *release.VersionError
	var auth *release.AuthError
	var missing *release.NotFoundError
	var unreachable *release.UnreachableError
	var registry *apply.RegistryError
	var source *release.SourceError
	var login *release.LoginError
	switch {
	case errors.As(err, &source):
		return exitUsage, "", true
	case errors.As(err, &trust):
		return exitTrust, "nothing is pinned that is not what the vendor signed; ask the vendor", true
	case errors.As(err, &version):
		return exitTrust, "", true
	case errors.As(err, &login) && login.Insecure:
		return exitAuth, "whoever runs the registry sets its ROOT_URL to the https address that it is reached at", true
	case errors.As(err, &login):
		return exitAuth, fmt.Sprintf(`nothing was sent there; if that host may have the login: "registry: {token_host: %s}" in the inventory`, login.Place), true
	case errors.As(err, &auth), errors.As(err, &registry):
		return exitAuth, `check "registry:" (username and password) in the inventory`, true
	case errors.As(err, &missing):
		return exitCheck, `check "channel:" or "version:" in the inventory`, true
	case errors.As(err, &unreachable):
		return exitUnreachable, "", true
	}
	return 0, "", false
}

func stateClass(host string, err error) (int, string, bool) {
	var damaged *journal.DamagedError
	var newer *journal.NewerError
	var planNewer *plan.NewerError
	var write *journal.WriteError
	switch {
	case errors.As(err, &damaged), errors.As(err, &newer), errors.As(err, &planNewer):
		return exitState, "", true
	case errors.As(err, &write):
		return exitState, "what is on this machine's disk is in doubt; nothing more was sent to the host", true
	}
	return 0, "", false
}

func planClass(host string, err error) (int, string, bool) {
	var refused *plan.RefusedError
	var refusal *compose.RefusalError
	var candidate *probe.CandidateError
	var guard *plan.GuardError
	var stale *apply.StaleError
	var unproven *backup.UnprovenError
	var key *backup.KeyError
	var gone *plan.ImageGoneError
	var moved *plan.DatabaseMovedError
	var later *plan.LaterRunsError
	var bad *verify.Error
	var none *nothingToDo
	switch {
	case errors.As(err, &refused):
		return exitCheck, firstHint(refused.Checks), true
	case errors.As(err, &refusal):
		return exitCheck, refusal.Hint, true
	case errors.As(err, &candidate), errors.As(err, &guard):
		return exitCheck, fmt.Sprintf("nothing was changed; edit the file by hand there, as the runbook has it, then: liftalot plan %s", host), true
	case errors.As(err, &stale):
		return exitStale, fmt.Sprintf(`look again and plan anew: liftalot plan %s`, host), true
	case errors.As(err, &unproven):
		return exitBackup, "nothing was changed: without a proven backup nothing ever is", true
	case errors.As(err, &key):
		return exitBackup, "nothing was changed: without its key no backup counts as proven", true
	case errors.As(err, &gone) && !gone.Begun:
		return exitCheck, imageHint(host, gone), true
	case errors.As(err, &gone):
		return exitPerson, imageHint(host, gone), true
	case errors.As(err, &moved):
		return exitPerson, fmt.Sprintf("liftalot rollback %s --with-database", host), true
	case errors.As(err, &later) && later.Database:
		return exitPerson, fmt.Sprintf("nothing was changed; if that is meant: liftalot rollback %s --from-later --with-database", host), true
	case errors.As(err, &later):
		return exitPerson, fmt.Sprintf("nothing was changed; if that is meant: liftalot rollback %s --from-later", host), true
	case errors.As(err, &bad):
		return exitCheck, "", true
	case errors.As(err, &none):
		return exitUsage, none.hint, true
	}
	return 0, "", false
}

// imageHint says how the image that a rollback needs comes onto the host again.
func imageHint(host string, e *plan.ImageGoneError) string {
	how := `bring it back on the host, with "docker load" from a backup that was taken --with-image before the upgrade, or with "docker pull" by its digest`
	switch {
	case e.Copy != "":
		how = fmt.Sprintf(`%s has it: open that with age, and give it to "docker load" on the host`, e.Copy)
	case strings.Contains(e.Ref, "@sha256:"):
		how = "on the host: docker pull " + e.Ref
	}
	return how + "; then: liftalot rollback " + host
}

func firstHint(checks []plan.Check) string {
	for _, c := range checks {
		if c.Hint != "" {
			return c.Hint
		}
	}
	return ""
}

func cancelClass(host string, err error) (int, string, bool) {
	switch {
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled), errors.Is(err, errCancelled):
		return exitCancelled, "", true
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, remote.ErrNotStarted), errors.Is(err, remote.ErrUnknownOutcome):
		return exitUnreachable, "", true
	}
	return 0, "", false
}

func lookClass(host string, err error) (int, string, bool) {
	if _, ok := errors.AsType[*run.LookError](err); ok {
		return exitCheck, fmt.Sprintf("%s does not answer as a server with a POSIX shell does: is it the one that is meant?", host), true
	}
	return 0, "", false
}

// errCancelled is a no to a question.
var errCancelled = errors.New("cancelled: nothing was changed")

// nothingToDo is a command that has nothing to work on.
type nothingToDo struct{ what, hint string }

func (e *nothingToDo) Error() string { return e.what }

// ofRun gives the status of a run from its result: once a host was touched the
// result says more than the error.
func ofRun(host string, action journal.Action, res apply.Result, err error) (int, string) {
	code, hint := classify(host, err)
	switch res.Outcome {
	case apply.Undone:
		var swap *apply.SwapError
		if errors.As(err, &swap) && swap.Result == "kept" {
			return exitRolledBack, fmt.Sprintf("everything is as it was before; once that is settled: liftalot plan %s, then: liftalot apply %s", host, host)
		}
		if res.Swapped {
			return exitRolledBack, fmt.Sprintf("everything is as it was before; %q has the details", "liftalot status "+host)
		}
		if code >= exitCheck && code <= exitUnreachable {
			return code, hint
		}
		return exitRolledBack, "the server was not touched, and everything is as it was before"
	case apply.Interrupted:
		var lost *apply.AdoptedError
		if errors.As(err, &lost) {
			return exitInterrupted, hint
		}
		if errors.Is(err, apply.ErrStopped) {
			return exitCancelled, run.Resume(host, action)
		}
		if code == exitAuth || code == exitHostKey {
			return exitInterrupted, waits(hint, run.Resume(host, action))
		}
		var stale *apply.StaleError
		if errors.As(err, &stale) {
			return exitInterrupted, stuck(host, fmt.Sprintf(`put back what moved and go on, or "liftalot rollback %s" takes the run back`, host))
		}
		return exitInterrupted, run.Resume(host, action)
	case apply.NeedsPerson:
		var migrated *apply.MigratedError
		if errors.As(err, &migrated) && migrated.Unsure {
			return exitPerson, fmt.Sprintf("make the database answer on the host, then: liftalot rollback %s, which asks it again", host)
		}
		if errors.As(err, &migrated) {
			return exitPerson, fmt.Sprintf("liftalot rollback %s --with-database", host)
		}
		var gone *plan.ImageGoneError
		if errors.As(err, &gone) {
			return exitPerson, imageHint(host, gone)
		}
		var key *backup.KeyError
		if errors.As(err, &key) {
			return exitPerson, fmt.Sprintf("put the key that opens the backup, or a recovery key, into %s, then: liftalot rollback %s", key.File, host)
		}
		var refused *apply.RefusedByHost
		if errors.As(err, &refused) {
			return exitPerson, fmt.Sprintf("settle that on the host first, then: liftalot rollback %s", host)
		}
		if action == journal.Restore {
			return exitPerson, stuck(host, run.Resume(host, action))
		}
		return exitPerson, stuck(host, fmt.Sprintf(`"liftalot rollback %s" tries what is left again`, host))
	}
	if code == exitStale && action != journal.Apply { // nothing was changed, and a fresh look decides anew
		return code, fmt.Sprintf("look again: liftalot %s %s", action, host)
	}
	return code, hint
}

// waits is the hint for a run whose host lets us in no more: how to get access back,
// where that is known, and how the run goes on then.
func waits(access, resume string) string {
	if access != "" {
		access += "; "
	}
	return access + "the run waits where it is: once the host lets you in again, " + resume
}

// named puts the host's name before an error that does not begin with it.
func named(host string, err error) error {
	if strings.HasPrefix(err.Error(), host+":") {
		return err
	}
	return fmt.Errorf("%s: %w", host, err)
}
