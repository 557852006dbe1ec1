package remote

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrNotStarted reports that nothing happened on the host, and that there is
// evidence for it. Trying again is safe; whether it is of use, the error it
// comes with tells.
var ErrNotStarted = errors.New("not started")

// ErrUnknownOutcome reports that a command started and its fate was not seen.
//
// It deliberately does not wrap [ErrNotStarted]: repeating a step that may have
// run is how a host ends up with two copies of a line.
var ErrUnknownOutcome = errors.New("outcome unknown")

// An ExitError is the answer of a host whose command ended with a status other
// than zero.
type ExitError struct {
	Name string // of the command
	Code int
	// Stderr is what was kept of it: foreign text, to be escaped before it is
	// shown. It is not part of Error, which goes to journals and reports.
	Stderr []byte
}

func (e *ExitError) Error() string {
	return fmt.Sprintf("%s: exit status %d", e.Name, e.Code)
}

// An AuthError means that the host accepted none of our keys.
type AuthError struct {
	Host  string   // as Config.Name
	User  string   // the login that was tried
	Tried []string // where each key came from, with its fingerprint
	Err   error
}

func (e *AuthError) Error() string {
	if len(e.Tried) == 0 {
		return fmt.Sprintf("%s: log in as %s: no usable key: %v", e.Host, e.User, e.Err)
	}
	return fmt.Sprintf("%s: log in as %s: no key was accepted (%d tried)", e.Host, e.User, len(e.Tried))
}

// Unwrap lets errors.Is find both [ErrNotStarted] and the cause.
func (e *AuthError) Unwrap() []error { return notStarted(e.Err) }

// A BlockedError means that the host was not dialled, because it might have been another one,
// or as another user, than ssh would.
type BlockedError struct {
	Host string // as Config.Name
	Why  string
}

func (e *BlockedError) Error() string {
	return fmt.Sprintf("%s: not dialled, because ssh might go elsewhere: %s", e.Host, e.Why)
}

// Unwrap lets errors.Is find [ErrNotStarted].
func (e *BlockedError) Unwrap() error { return ErrNotStarted }

// blocked returns why the way to the host must not be taken.
func (c Config) blocked() error {
	for _, hop := range c.hops() {
		if hop.Blocked != "" {
			return &BlockedError{Host: hop.Name, Why: hop.Blocked}
		}
	}
	return nil
}

// An UnreachableError means that no connection came about in time.
type UnreachableError struct {
	Host    string
	Op      string // "dial", "handshake", "authenticate"
	Timeout time.Duration
	Err     error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("%s: %s: %v", e.Host, e.Op, e.Err)
}

// Unwrap lets errors.Is find both [ErrNotStarted] and the cause.
func (e *UnreachableError) Unwrap() []error { return notStarted(e.Err) }

// SudoProblem says why sudo did not run a command.
type SudoProblem string

// The ways in which sudo says no.
const (
	SudoWrongPassword  SudoProblem = "wrong password"
	SudoNoPasswordSet  SudoProblem = "no password given"
	SudoNotAllowed     SudoProblem = "not allowed"
	SudoNeedsTTY       SudoProblem = "needs a terminal"
	SudoMissing        SudoProblem = "sudo is missing"
	SudoOtherComplaint SudoProblem = "refused"
)

// A SudoError means that the command never ran because sudo refused.
type SudoError struct {
	Host string
	User string
	Kind SudoProblem
	// Said is what sudo printed: foreign text, bounded, not part of Error.
	Said []byte
	Err  error // why a password could not be had, if that was it
}

func (e *SudoError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: sudo as %s: %s: %v", e.Host, e.User, e.Kind, e.Err)
	}
	return fmt.Sprintf("%s: sudo as %s: %s", e.Host, e.User, e.Kind)
}

// Unwrap lets errors.Is find both [ErrNotStarted] and the cause.
func (e *SudoError) Unwrap() []error { return notStarted(e.Err) }

// maxReason bounds what a host's own words may add to an error, whatever the
// libraries beneath let through: they quote it, and do not cut it.
const maxReason = 400

// brief shortens the text of an error and keeps the error.
func brief(err error) error {
	if err == nil || len(err.Error()) <= maxReason {
		return err
	}
	return &briefError{err}
}

type briefError struct{ error }

func (e *briefError) Error() string {
	return strings.ToValidUTF8(e.error.Error()[:maxReason], "") + " …"
}

func (e *briefError) Unwrap() error { return e.error }

func notStarted(cause error) []error {
	if cause == nil {
		return []error{ErrNotStarted}
	}
	return []error{ErrNotStarted, cause}
}
