package remote

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// A TurnedAwayError means that a host has ended the connection before it told its version:
// so sshd does with more than a few logins at a time (MaxStartups) and with an address whose
// logins have failed (PerSourcePenalties), and so do programs before it that ban addresses.
type TurnedAwayError struct {
	Host string // as Config.Name
	Said string // the host's words, if there were any: foreign, bounded
	Err  error
}

func (e *TurnedAwayError) Error() string {
	if e.Said != "" {
		return fmt.Sprintf("%s: turned away before the login: the host says %q", e.Host, e.Said)
	}
	return fmt.Sprintf("%s: turned away before the login: %v", e.Host, e.Err)
}

// Unwrap lets errors.Is find both [ErrNotStarted] and the cause.
func (e *TurnedAwayError) Unwrap() []error { return notStarted(e.Err) }

// Banned reports whether the host keeps this address out because of logins that failed, by
// the words of sshd since OpenSSH 9.9. Each further try may make that longer.
func (e *TurnedAwayError) Banned() bool { return strings.Contains(e.Said, "Not allowed at this time") }

// crowded reports whether there may only be too many others at the moment.
func (e *TurnedAwayError) crowded() bool {
	return e.Said == "" || strings.Contains(e.Said, "MaxStartups")
}

// How often a host is asked that turns us away, and how long after the first time it is
// asked again; then after twice as long.
const (
	doorTries = 5
	doorPause = 300 * time.Millisecond
)

// pauseAtDoor waits before the next try. Those who were turned away together do not come
// back together.
func pauseAtDoor(ctx context.Context, try int) error {
	if try == doorTries-1 {
		return context.DeadlineExceeded
	}
	pause := doorPause << try
	return Sleep(ctx, pause/2+rand.N(pause))
}
