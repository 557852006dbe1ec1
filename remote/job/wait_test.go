package job_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"liftalot/remote"
	"liftalot/remote/job"
)

// A runner answers each look with what it is told.
type runner func(ctx context.Context) (remote.Result, error)

func (r runner) Run(ctx context.Context, _ remote.Command) (remote.Result, error) { return r(ctx) }

// A job goes on when nobody can look at it: whatever became of the look, what
// became of the job is not known.
func TestWaitThatCannotLook(t *testing.T) {
	auth := &remote.AuthError{Host: "web1", User: "root", Err: errors.New("no")}
	key := &remote.HostKeyError{Host: "web1", Kind: remote.HostKeyChanged}
	sudo := &remote.SudoError{Host: "web1", User: "ann", Kind: remote.SudoNotAllowed}
	exit := &remote.ExitError{Name: "look at job", Code: 1}
	for name, want := range map[string]error{
		"the login is refused":     auth,
		"the host key has changed": key,
		"sudo refuses":             sudo,
		"the script fails":         exit,
		"interrupted":              context.Canceled,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			looks := 0
			broken := runner(func(context.Context) (remote.Result, error) {
				if looks++; looks == 1 {
					return remote.Result{Stdout: []byte("running 0 no\n")}, nil
				}
				if want == context.Canceled {
					cancel()
					return remote.Result{}, fmt.Errorf("web1: connect: %w: %w", remote.ErrNotStarted, want)
				}
				return remote.Result{}, want
			})
			_, err := job.Wait(ctx, broken, "/run/x", time.Millisecond, nil)
			if !errors.Is(err, remote.ErrUnknownOutcome) || !errors.Is(err, want) || looks != 2 {
				t.Errorf("after %d looks: %v", looks, err)
			}
		})
	}
	t.Run("interrupted between two looks", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		running := runner(func(context.Context) (remote.Result, error) {
			cancel()
			return remote.Result{Stdout: []byte("running 0 no\n")}, nil
		})
		_, err := job.Wait(ctx, running, "/run/x", time.Minute, nil)
		if !errors.Is(err, remote.ErrUnknownOutcome) || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}
