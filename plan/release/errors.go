package release

import "fmt"

// A SourceError says that a [Source] can not be meant. Nobody was asked.
type SourceError struct {
	Reason string
}

func (e *SourceError) Error() string { return "read the release source: " + e.Reason }

// A TrustError says that something is not what the vendor signed, or not what
// was asked for. It must stop the run.
type TrustError struct {
	Subject string
	Reason  string
	Setting string // of the inventory, that asks for it all the same; "" where none does
}

func (e *TrustError) Error() string {
	return fmt.Sprintf("check %s: %s", e.Subject, e.Reason)
}

// A VersionError says that a version can not be a target.
type VersionError struct {
	Version string
	Reason  string
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("check version %q: %s", e.Version, e.Reason)
}

// An AuthError says that a server wants other credentials than it was given.
type AuthError struct {
	Host      string
	Status    int
	Anonymous bool // none were given
}

func (e *AuthError) Error() string {
	switch {
	case e.Anonymous:
		return fmt.Sprintf("ask %s: it wants a login and none is configured (status %d)", e.Host, e.Status)
	case e.Status == 403:
		return fmt.Sprintf("ask %s: the login is known there but may not read this (status 403)", e.Host)
	}
	return fmt.Sprintf("ask %s: it does not accept the configured login (status %d)", e.Host, e.Status)
}

// A NotFoundError says that a server knows nothing of what was asked for.
type NotFoundError struct {
	Host string
	What string
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("ask %s: there is no %s", e.Host, e.What)
}

// An UnreachableError says that a server gave no usable answer.
type UnreachableError struct {
	Host   string
	Reason string
	Err    error // of the network, below; nil when the server did answer
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("ask %s: %s", e.Host, e.Reason)
}

// Unwrap gives the network's error, such as a deadline that passed.
func (e *UnreachableError) Unwrap() error { return e.Err }
