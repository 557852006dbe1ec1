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
// machine, or from its copy on the host where there is none here, as after the run was
// taken over from another machine, or none that this machine's key opens. The engine
// holds it against the plan.
func (t *target) original(was *plan.Plan) func(ctx context.Context, path string) ([]byte, error) {
	return func(ctx context.Context, path string) ([]byte, error) {
		data, err := t.originalHere(ctx, was, path)
		if err == nil {
			return data, nil
		}
		data, gone := apply.OriginalOnHost(ctx, t.client, was, path)
		if gone != nil {
			return nil, fmt.Errorf("%w; and from the host: %w", err, gone)
		}
		return data, nil
	}
}

func (t *target) originalHere(ctx context.Context, was *plan.Plan, path string) ([]byte, error) {
	id, err := t.opening(ctx)
	if err != nil {
		return nil, err
	}
	folder := t.backupFolder(was.ID)
	data, err := backup.Read(folder, path, id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the backup %s is not there, or not whole", folder)
	}
	return data, err
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
