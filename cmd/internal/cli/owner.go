package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/backup"
	"liftalot/plan/journal"
	"liftalot/remote/lock"
)

// underLock is a host whose every command runs under the operator's lock, as
// long as the run is in this machine's hands. was is the plan that is taken
// back, or p itself.
func (t *target) underLock(j *journal.Journal, p, was *plan.Plan, tell func(string)) *lock.Host {
	name, machine := whoami()
	return &lock.Host{
		Client: t.client, File: lockFile, Undoes: p.Undoes, Tell: tell,
		Holder: lock.Holder{
			User: name, Machine: machine, RunID: lock.ID(p.ID, journal.Epoch(j.Records(), p.ID)),
			Reason: fmt.Sprintf("%s to %s", p.Kind, p.To),
		},
		Check: func(ctx context.Context, r lock.Runner) error {
			return apply.Owned(ctx, r, p, apply.HandoverFolder(was), j.Records())
		},
	}
}

// original gives a client's file as it was before a run: from the backup on this
// machine, or from its copy on the host when the run was taken over from another
// machine, which has the backup. The engine holds it against the plan.
func (t *target) original(was *plan.Plan) func(ctx context.Context, path string) ([]byte, error) {
	return func(ctx context.Context, path string) ([]byte, error) {
		id, err := t.identity(ctx)
		if err != nil {
			return nil, err
		}
		data, err := backup.Read(t.backupFolder(was.ID), path, id)
		if errors.Is(err, fs.ErrNotExist) {
			return apply.OriginalOnHost(ctx, t.client, was, path)
		}
		return data, err
	}
}

// end closes a run that was interrupted before it changed anything, so that
// nothing of it is left and nothing waits for it any more.
func (t *target) end(ctx context.Context, todo job) error {
	p := todo.was
	j, err := journal.Open(t.folder(), journal.Options{Host: t.host.Name, Purpose: "rollback", Now: t.env.Now()})
	if err != nil {
		return err
	}
	defer j.Close()
	if err := todo.unchanged(t.host.Name, j.Records()); err != nil {
		return err
	}
	host := t.underLock(j, p, p, nil)
	defer func() { _ = host.Release(ctx) }()
	if _, err := host.Hold(ctx); err != nil {
		return err
	}
	e := &apply.Engine{Host: host, Watch: t.client, Plan: p, Journal: j, Desk: apply.Desk{Now: t.env.Now}}
	return e.Abandon(ctx)
}
