package pilot

import (
	"context"
	"errors"
	"time"

	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/journal"
	"liftalot/remote"
	"liftalot/remote/lock"
)

// abandon closes a run that was interrupted before it changed anything.
func (l *Laptop) abandon(ctx context.Context, p *plan.Plan) error {
	j, closed, err := l.journal("rollback")
	if err != nil {
		return err
	}
	defer closed()
	client := remote.NewClient(l.Config)
	defer client.Close()
	host := &lock.Host{
		Client: client, File: LockFile, Wait: 10 * time.Millisecond,
		Holder: lock.Holder{User: "ann", Machine: l.name(), RunID: lock.ID(p.ID, journal.Epoch(j.Records(), p.ID)), Reason: "test"},
	}
	if _, err := host.Hold(ctx); err != nil {
		return err
	}
	e := &apply.Engine{Host: host, Watch: client, Plan: p, Journal: j, Desk: apply.Desk{Now: l.Now}}
	return errors.Join(e.Abandon(ctx), host.Release(ctx))
}
