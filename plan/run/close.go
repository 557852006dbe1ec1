package run

import (
	"context"

	"liftalot/plan/apply"
)

// Close ends a run that was interrupted before it changed anything, so that nothing of it
// is left and nothing waits for it any more.
func (h *Host) Close(ctx context.Context, job Job) error {
	j, err := h.State.Open("rollback", h.Clock.Now())
	if err != nil {
		return err
	}
	defer j.Close()
	if err := h.recheckState(job, j.Records()); err != nil {
		return err
	}
	host := h.underLock(j, job.Was, job.Was)
	if _, err := host.Hold(ctx); err != nil {
		return err
	}
	e := &apply.Engine{Host: host, Watch: h.Client, Plan: job.Was, Journal: j, Workstation: apply.Workstation{Now: h.Clock.Now}}
	err = e.Abandon(ctx)
	_ = host.Release(ctx)
	return err
}
