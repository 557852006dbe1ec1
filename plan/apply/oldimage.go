package apply

import (
	"context"
	"errors"

	"liftalot/plan"
	"liftalot/remote"
)

const exitGone = 44

// oldImageScript asks for an image. That it is gone is said only by an engine that
// answers.
//
//	$1 image id
const oldImageScript = `docker image inspect "$1" >/dev/null 2>&1 </dev/null && exit 0
docker version --format '{{json .Server}}' >/dev/null 2>&1 </dev/null || exit 1
exit 44`

// OldImage makes sure that the image to which a rollback returns is on the host, or returns a
// [*plan.ImageGoneError]. It changes nothing. An engine that does not answer is no error here:
// the next command meets it.
func OldImage(ctx context.Context, r Runner, back plan.Swap) error {
	_, err := r.Run(ctx, remote.Command{Name: "look for the old image", Root: true, Script: oldImageScript, Args: []string{back.OldImage}})
	var exit *remote.ExitError
	switch {
	case errors.As(err, &exit) && exit.Code == exitGone:
		return &plan.ImageGoneError{Image: back.OldImage, Ref: back.OldRef}
	case errors.As(err, &exit):
		return nil
	}
	return err
}

// oldImage asks for it before the first step of a run is rolled back: without it the
// client's files would name a server that cannot be started.
func (e *Engine) oldImage(ctx context.Context) error {
	for _, s := range e.Plan.Steps {
		back, ok := s.Undo.(plan.Swap)
		if !ok || !e.begun(s.ID) {
			continue
		}
		err := e.retryBreaks(ctx, s.ID, func() error { return OldImage(ctx, e.Watch, back) })
		var gone *plan.ImageGoneError
		if errors.As(err, &gone) {
			gone.Begun = true
		}
		return err
	}
	return nil
}
