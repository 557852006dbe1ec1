package remote

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
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

// An AuthError means that the host did not let us in.
type AuthError struct {
	Host  string   // as Config.Name
	User  string   // the login that was tried
	Tried []string // where each key came from, with its fingerprint
	// Untried is how many more keys there were, which were not offered because a host ends
	// the connection after a few.
	Untried int
	// Wants is what the host asked for beside a key, "keyboard-interactive" or "password",
	// and Partial that a key was accepted before.
	Wants   string
	Partial bool
	Err     error
}

func (e *AuthError) Error() string {
	s := fmt.Sprintf("%s: log in as %s: ", e.Host, e.User)
	switch {
	case e.Partial:
		return s + fmt.Sprintf("the key was accepted, and the host also wants %s: %v", e.Wants, e.Err)
	case len(e.Tried) == 0 && e.Wants != "":
		return s + fmt.Sprintf("the host wants %s: %v", e.Wants, e.Err)
	case len(e.Tried) == 0:
		return s + fmt.Sprintf("no usable key: %v", e.Err)
	case e.Untried > 0:
		return s + fmt.Sprintf("no key was accepted (%d tried, %d more were not offered)", len(e.Tried), e.Untried)
	}
	return s + fmt.Sprintf("no key was accepted (%d tried)", len(e.Tried))
}

// Unwrap lets errors.Is find both [ErrNotStarted] and the cause.
func (e *AuthError) Unwrap() []error { return notStarted(e.Err) }

// An AlgorithmError means that the host and we have no algorithm in common for something.
type AlgorithmError struct {
	Host         string
	What         string // "key exchange", "client to server cipher" …
	Ours, Theirs []string
	Err          error
}

func (e *AlgorithmError) Error() string {
	return fmt.Sprintf("%s: no common algorithm for %s: here %s; there %s", e.Host, e.What, strings.Join(e.Ours, ", "), strings.Join(e.Theirs, ", "))
}

// Unwrap lets errors.Is find both [ErrNotStarted] and the cause.
func (e *AlgorithmError) Unwrap() []error { return notStarted(e.Err) }

// Transient is false: a host offers tomorrow what it offers today.
func (e *AlgorithmError) Transient() bool { return false }

// algorithmError makes a failed negotiation one, nil what is none.
func algorithmError(hop Config, err error) error {
	n, ok := errors.AsType[*ssh.AlgorithmNegotiationError](err)
	if !ok {
		return nil
	}
	theirs := slices.Clone(n.RequestedAlgorithms[:min(len(n.RequestedAlgorithms), maxAlgorithms)])
	for i, name := range theirs {
		theirs[i] = name[:min(len(name), maxAlgorithm)]
	}
	return &AlgorithmError{Host: hop.Name, What: n.What, Ours: algorithmsOnly(n.SupportedAlgorithms), Theirs: algorithmsOnly(theirs), Err: err}
}

// algorithmsOnly takes out of a list of key exchanges what stands among them and is none.
func algorithmsOnly(list []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(name string) bool {
		return strings.HasPrefix(name, "ext-info-") || strings.HasPrefix(name, "kex-strict-")
	})
}

// What is shown of a host's algorithms: the list of OpenSSH's own has some thirty, of names
// that are at most half as long.
const (
	maxAlgorithms = 40
	maxAlgorithm  = 64
)

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
