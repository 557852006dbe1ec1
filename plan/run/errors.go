package run

import (
	"fmt"

	"liftalot/plan/journal"
)

// Why says in which way a host's state is in the way of a command.
type Why int

// The ways.
const (
	Nothing    Why = iota // there is nothing to work on
	Stale                 // what was decided does not fit any more, and nothing was changed
	Unfinished            // a run was interrupted, and comes first
	Refused               // whatever the error inside says
)

// A StateError is a command that cannot begin as the host's history is.
type StateError struct {
	Why  Why
	Err  error
	Hint string // the next command
}

func (e *StateError) Error() string { return e.Err.Error() }
func (e *StateError) Unwrap() error { return e.Err }

func nothingToDo(host, hint, format string, args ...any) error {
	return &StateError{Nothing, fmt.Errorf(host+": "+format, args...), hint}
}

func stale(host, hint, format string, args ...any) error {
	return &StateError{Stale, fmt.Errorf(host+": "+format, args...), hint}
}

func planAnew(host string) string { return "look again and plan anew: liftalot plan " + host }

// needsPerson refuses what cannot begin where a run has left the host between two releases.
func (h *Host) needsPerson(r journal.RunState) error {
	a := Advise(h.Name, r)
	return &StateError{Unfinished, fmt.Errorf("%s: %s", h.Name, a.Says), a.Next()}
}

// unfinished refuses what cannot begin before a run that stopped has ended.
func unfinished(host string, r journal.RunState) error {
	return &StateError{Unfinished, fmt.Errorf("%s: %s %s was interrupted and is not finished", host, r.Action, r.Run), Resume(host, r.Action)}
}
