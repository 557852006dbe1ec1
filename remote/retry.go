package remote

import (
	"context"
	"errors"
	"time"
)

// Unanswered reports whether a host said nothing of what was asked of it: the request
// never started, or nobody saw how it ended. A refusal to let us in is none of these.
func Unanswered(err error) bool {
	_, large := errors.AsType[*TooLargeError](err)
	return !large && !Denied(err) && (errors.Is(err, ErrUnknownOutcome) || errors.Is(err, ErrNotStarted))
}

// Denied reports whether the host, or sudo on it, lets us in no more: an agent or a
// password manager was locked meanwhile. That says nothing of what was asked, which may
// be taken up again once there is access; asking on would only lock the account too.
func Denied(err error) bool {
	_, auth := errors.AsType[*AuthError](err)
	_, sudo := errors.AsType[*SudoError](err)
	_, key := errors.AsType[*HostKeyError](err)
	_, blocked := errors.AsType[*BlockedError](err)
	return auth || sudo || key || blocked
}

// Transient reports whether asking again may help: nothing was answered, and no error in
// the chain knows better by a method Transient, as that of a lock which somebody else has.
func Transient(err error) bool {
	var known interface{ Transient() bool }
	return Unanswered(err) && (!errors.As(err, &known) || known.Transient())
}

// Retry is how something is tried again over breaks of the line.
type Retry struct {
	Breaks  int             // how many, one after the other, are borne
	Pause   time.Duration   // after the first; twice as long after each further one
	Longest time.Duration   // pause; 0 for any
	Tell    func(err error) // hears of each break that is borne; nil for nobody
}

// Do tries again while the error is [Transient]. What it does reports whether it came
// further than the try before: then breaks are counted anew. The error is the last try's.
func (r Retry) Do(ctx context.Context, do func() (further bool, err error)) error {
	pause := r.Pause
	for broken := 0; ; broken++ {
		further, err := do()
		if further {
			broken, pause = 0, r.Pause
		}
		if !Transient(err) || broken >= r.Breaks || ctx.Err() != nil {
			return err
		}
		if r.Tell != nil {
			r.Tell(err)
		}
		if Sleep(ctx, pause) != nil {
			return err
		}
		if pause *= 2; r.Longest > 0 {
			pause = min(pause, r.Longest)
		}
	}
}
