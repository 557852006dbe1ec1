package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

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

// An exitRule says how an error of one type ends a command: with which status, and what to
// do next. It is not ok for another error.
type exitRule func(host string, err error) (code int, hint string, ok bool)

// ofType is the rule of a type. HOST in its hint is the host's name.
func ofType[E error](code int, hint string) exitRule {
	return ofTypeWhen(func(E) bool { return true }, code, hint)
}

// ofTypeWhen is the rule of those errors of a type of which something is true.
func ofTypeWhen[E error](is func(E) bool, code int, hint string) exitRule {
	return func(host string, err error) (int, string, bool) {
		e, ok := errors.AsType[E](err)
		if !ok || !is(e) {
			return 0, "", false
		}
		return code, atHost(hint, host), true
	}
}

// ofTypeHint is the rule of a type whose hint depends on the error.
func ofTypeHint[E error](code int, hint func(host string, e E) string) exitRule {
	return func(host string, err error) (int, string, bool) {
		e, ok := errors.AsType[E](err)
		if !ok {
			return 0, "", false
		}
		return code, hint(host, e), true
	}
}

// ofValue is the rule of an error that is a value.
func ofValue(value error, code int) exitRule {
	return func(_ string, err error) (int, string, bool) { return code, "", errors.Is(err, value) }
}

func atHost(hint, host string) string { return strings.ReplaceAll(hint, "HOST", host) }

// firstRule gives what the first rule that fits says.
func firstRule(rules []exitRule, host string, err error) (code int, hint string, ok bool) {
	for _, r := range rules {
		if code, hint, ok := r(host, err); ok {
			return code, hint, true
		}
	}
	return 0, "", false
}

// exitRules say how errors end a command: who knows most about one comes first.
var exitRules = []exitRule{
	ofTypeHint(exitUsage, func(_ string, e *usageError) string {
		return fmt.Sprintf("%q shows how it is used", e.command+" --help")
	}),
	ofType[inventory.Errors](exitUsage, ""),
	ofType[*inventory.PatternError](exitUsage, ""),
	unknownCommand,

	ofTypeHint(exitHostKey, keyHint),
	ofType[*remote.BlockedError](exitUsage, `what HOST says itself in the inventory goes before ssh_config; "liftalot hosts HOST" shows what comes of both`),
	ofType[*remote.AlgorithmError](exitAlgorithms, "whoever runs HOST adds one of the first list to its sshd_config, or updates its SSH server"),
	ofTypeWhen(func(e *remote.AuthError) bool { return e.Wants == "keyboard-interactive" }, exitAuth,
		`a password can be named by "password:" in the inventory; a code is asked for at a terminal only, at each login`),
	ofTypeWhen(func(e *remote.AuthError) bool { return e.Wants == "password" }, exitAuth,
		`name it by "password:" of HOST in the inventory, as a secret reference, or have your key added there`),
	ofTypeWhen(func(e *remote.AuthError) bool { return e.Untried > 0 }, exitAuth,
		`name the right key: "identity: ~/.ssh/KEY.pub" of HOST in the inventory`),
	ofType[*remote.AuthError](exitAuth, `check "user:" and "identity:" of HOST in the inventory, or load the key into your agent`),
	ofTypeHint(exitAuth, sudoHint),
	ofType[*inventory.SecretError](exitAuth, ""),
	ofType[*apply.AdoptedError](exitLocked, `"liftalot adopt HOST" takes it over again, if nobody is at work there`),
	ofTypeWhen(func(e *lock.HeldError) bool { return e.Orphan }, exitLocked, "it ends by itself, or rolls back by itself, at its deadline: try again later"),
	ofType[*lock.HeldError](exitLocked, `"liftalot unlock HOST" frees a lock whose owner is gone`),
	ofType[*journal.LockedError](exitLocked, "another liftalot on this machine works on that host"),
	ofTypeWhen((*remote.TurnedAwayError).Banned, exitUnreachable,
		"HOST keeps this address out because logins from here have failed (PerSourcePenalties of its sshd): it ends by itself after some minutes, and sooner without further tries"),
	ofType[*remote.TurnedAwayError](exitUnreachable,
		"too many logins at a time, or this address is banned there because logins have failed (fail2ban, PerSourcePenalties): wait some minutes, or look from another address"),
	ofType[*remote.UnreachableError](exitUnreachable, "is it up, and are address and port of HOST right?"),

	// Before those who would call a store that is away a backup that is damaged.
	ofTypeWhen((*bucket.Error).Refused, exitAuth, `check "bucket_login:" of HOST in the inventory, and what that login may do in the bucket`),
	ofTypeWhen((*bucket.Error).Away, exitUnreachable, `does the endpoint of "bucket:" of HOST answer from here?`),
	ofType[*bucket.Error](exitBackup, `check "bucket:" of HOST in the inventory`),

	ofType[*release.SourceError](exitUsage, ""),
	ofTypeHint(exitTrust, trustHint),
	ofType[*release.VersionError](exitTrust, ""),
	ofTypeWhen(func(e *release.LoginError) bool { return e.Insecure }, exitAuth, "whoever runs the registry sets its ROOT_URL to the https address that it is reached at"),
	ofTypeHint(exitAuth, func(_ string, e *release.LoginError) string {
		return fmt.Sprintf(`nothing was sent there; if that host may have the login: "registry: {token_host: %s}" in the inventory`, e.Place)
	}),
	ofType[*release.AuthError](exitAuth, registryHint),
	ofType[*apply.RegistryError](exitAuth, registryHint),
	ofType[*release.NotFoundError](exitCheck, `check "channel:" or "version:" in the inventory`),
	ofType[*release.UnreachableError](exitUnreachable, ""),

	ofTypeHint(exitState, func(_ string, e *pageError) string { return e.page.hint() }),
	ofType[*journal.DamagedError](exitState, ""),
	ofType[*journal.NewerError](exitState, ""),
	ofType[*plan.NewerError](exitState, ""),
	ofType[*journal.WriteError](exitState, "what is on this machine's disk is in doubt; nothing more was sent to the host"),

	ofTypeHint(exitCheck, func(_ string, e *plan.RefusedError) string { return firstHint(e.Checks) }),
	ofTypeHint(exitCheck, func(_ string, e *compose.RefusalError) string { return e.Hint }),
	ofType[*probe.RenderError](exitCheck, editByHand),
	ofType[*plan.GuardError](exitCheck, editByHand),
	ofType[*apply.StaleError](exitStale, "look again and plan anew: liftalot plan HOST"),
	ofType[*backup.UnprovenError](exitBackup, "nothing was changed: without a proven backup nothing ever is"),
	ofType[*backup.KeyError](exitBackup, "nothing was changed: without its key no backup counts as proven"),
	imageGone,
	ofType[*plan.DatabaseMovedError](exitPerson, "liftalot rollback HOST --with-database"),
	ofTypeWhen(func(e *plan.LaterRunsError) bool { return e.Database }, exitPerson, "nothing was changed; if that is meant: liftalot rollback HOST --from-later --with-database"),
	ofType[*plan.LaterRunsError](exitPerson, "nothing was changed; if that is meant: liftalot rollback HOST --from-later"),
	ofType[*verify.Error](exitCheck, ""),
	ofTypeHint(exitUsage, func(_ string, e *nothingToDoError) string { return e.hint }),

	ofValue(errInterrupted, exitCancelled),
	ofValue(context.Canceled, exitCancelled),
	ofValue(errCancelled, exitCancelled),
	ofValue(context.DeadlineExceeded, exitUnreachable),
	ofValue(remote.ErrNotStarted, exitUnreachable),
	ofValue(remote.ErrUnknownOutcome, exitUnreachable),
	ofType[*run.LookError](exitCheck, "HOST does not answer as a server with a POSIX shell does: is it the one that is meant?"),
}

const (
	registryHint = `check "registry:" (username and password) in the inventory`
	editByHand   = "nothing was changed; edit the file by hand there, as the runbook has it, then: liftalot plan HOST"
)

// personRules say what a run that needs a person needs.
var personRules = []exitRule{
	ofTypeWhen(func(e *apply.MigratedError) bool { return e.Unsure }, exitPerson, "make the database answer on the host, then: liftalot rollback HOST, which asks it again"),
	ofType[*apply.MigratedError](exitPerson, "liftalot rollback HOST --with-database"),
	ofTypeHint(exitPerson, imageHint),
	ofTypeHint(exitPerson, func(host string, e *backup.KeyError) string {
		return fmt.Sprintf("put the key that opens the backup, or a recovery key, into %s, then: liftalot rollback %s", e.File, host)
	}),
	ofType[*apply.RefusedByHostError](exitPerson, "settle that on the host first, then: liftalot rollback HOST"),
}

// unknownCommand is cobra's word for it: there is no type.
func unknownCommand(_ string, err error) (int, string, bool) {
	return exitUsage, `"liftalot --help" lists the commands`, strings.HasPrefix(err.Error(), "unknown command")
}

// imageGone needs a person only where a rollback has begun.
func imageGone(host string, err error) (int, string, bool) {
	gone, ok := errors.AsType[*plan.ImageGoneError](err)
	switch {
	case !ok:
		return 0, "", false
	case gone.Begun:
		return exitPerson, imageHint(host, gone), true
	}
	return exitCheck, imageHint(host, gone), true
}

func trustHint(host string, e *release.TrustError) string {
	const ask = "nothing is pinned that is not what the vendor signed; ask the vendor"
	if e.Setting == "" {
		return ask
	}
	return fmt.Sprintf("%s, and where that is meant say %q of %s in the inventory", ask, e.Setting, cmp.Or(host, "the host"))
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
	case remote.SudoMissing:
		return fmt.Sprintf(`install sudo on %s (Alpine has doas in its place), or log in as root: "user: root" without "sudo:"`, host)
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(e.Said)), "\n")
	if line == "" {
		return ""
	}
	return fmt.Sprintf("sudo on %s says: %.200q", host, line)
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
