package remote_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"liftalot/remote"
	"liftalot/remote/lock"
)

// What becomes of an error is decided here and nowhere else.
func TestWhatAnErrorMeans(t *testing.T) {
	refused := &remote.UnreachableError{Op: "dial", Err: syscall.ECONNREFUSED}
	auth := &remote.AuthError{Err: errors.New("no")}
	for name, tt := range map[string]struct {
		err                           error
		unanswered, denied, transient bool
	}{
		"nothing":                           {},
		"a bare errno":                      {err: syscall.ECONNRESET},
		"a bare timeout":                    {err: os.ErrDeadlineExceeded},
		"a bare end":                        {err: io.EOF},
		"an end by the caller":              {err: context.Canceled},
		"an answer":                         {err: &remote.ExitError{Code: 1}},
		"a file too large":                  {err: &remote.TooLargeError{}},
		"a refused connection":              {err: refused, unanswered: true, transient: true},
		"a silent host":                     {err: &remote.UnreachableError{Op: "handshake", Err: os.ErrDeadlineExceeded}, unanswered: true, transient: true},
		"a break before the start":          {err: fmt.Errorf("x: %w: %w", remote.ErrNotStarted, io.EOF), unanswered: true, transient: true},
		"a break after it":                  {err: fmt.Errorf("x: %w: %w", remote.ErrUnknownOutcome, io.EOF), unanswered: true, transient: true},
		"a deadline after it":               {err: fmt.Errorf("x: %w: %w", remote.ErrUnknownOutcome, os.ErrDeadlineExceeded), unanswered: true, transient: true},
		"a file that changed":               {err: &remote.ChangedError{}, unanswered: true, transient: true},
		"another's lock":                    {err: &lock.HeldError{}, unanswered: true},
		"another's lock, after a break":     {err: fmt.Errorf("%w: %w", remote.ErrUnknownOutcome, &lock.HeldError{}), unanswered: true},
		"a denied login":                    {err: auth, denied: true},
		"a denied login, after a break":     {err: fmt.Errorf("%w: %w", remote.ErrUnknownOutcome, auth), denied: true},
		"sudo":                              {err: &remote.SudoError{Kind: remote.SudoWrongPassword}, denied: true},
		"another host key":                  {err: &remote.HostKeyError{}, denied: true},
		"a denied login at one of two goes": {err: errors.Join(refused, auth), denied: true},
	} {
		if u, d, again := remote.Unanswered(tt.err), remote.Denied(tt.err), remote.Transient(tt.err); u != tt.unanswered || d != tt.denied || again != tt.transient {
			t.Errorf("%s: unanswered %v, denied %v, transient %v", name, u, d, again)
		}
	}
}

func TestRetryIsBounded(t *testing.T) {
	broken, final := fmt.Errorf("x: %w", remote.ErrUnknownOutcome), errors.New("final")
	for name, tt := range map[string]struct {
		retry   remote.Retry
		tries   []error // the last one again and again
		further int     // the try that comes further
		pauses  []time.Duration
		want    error
	}{
		"done at once":     {tries: []error{nil}},
		"not worth it":     {retry: remote.Retry{Breaks: 3, Pause: 1}, tries: []error{final}, want: final},
		"done at the end":  {retry: remote.Retry{Breaks: 2, Pause: 1}, tries: []error{broken, broken, nil}, pauses: []time.Duration{1, 2}},
		"stays broken":     {retry: remote.Retry{Breaks: 4, Pause: 1, Longest: 3}, tries: []error{broken}, pauses: []time.Duration{1, 2, 3, 3}, want: broken},
		"without a bound":  {retry: remote.Retry{Breaks: 4, Pause: 1}, tries: []error{broken}, pauses: []time.Duration{1, 2, 4, 8}, want: broken},
		"comes further":    {retry: remote.Retry{Breaks: 2, Pause: 1}, tries: []error{broken}, further: 3, pauses: []time.Duration{1, 2, 1, 2}, want: broken},
		"no second chance": {retry: remote.Retry{Pause: 1}, tries: []error{broken}, want: broken},
	} {
		synctest.Test(t, func(t *testing.T) {
			var pauses []time.Duration
			try, last, told := 0, time.Now(), 0
			tt.retry.Tell = func(error) { told++ }
			err := tt.retry.Do(t.Context(), func() (bool, error) {
				if try++; try > 1 {
					pauses = append(pauses, time.Since(last))
				}
				last = time.Now()
				return try == tt.further, tt.tries[min(try, len(tt.tries))-1]
			})
			if err != tt.want || !slices.Equal(pauses, tt.pauses) || told != len(pauses) {
				t.Errorf("%s: %v after pauses %v, told %d times", name, err, pauses, told)
			}
		})
	}
}

func TestRetryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		tries := 0
		err := remote.Retry{Breaks: 9, Pause: time.Minute}.Do(ctx, func() (bool, error) { tries++; return false, remote.ErrNotStarted })
		if tries != 1 || err != remote.ErrNotStarted || ctx.Err() == nil {
			t.Errorf("%v after %d tries", err, tries)
		}
	})
}
