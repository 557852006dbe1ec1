package pilot

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"liftalot/plan/apply"
	"liftalot/plan/journal"
	"liftalot/remote"
	"liftalot/remote/lock"
)

// ErrNoCopy means that the server keeps nothing to take over.
var ErrNoCopy = errors.New("there is no run to take over")

// Adopt takes over what another laptop has begun on the server.
func (l *Laptop) Adopt(ctx context.Context) error {
	client := remote.NewClient(l.Config)
	defer client.Close()
	c, err := apply.FindCopy(ctx, client, HostName)
	if err != nil {
		return err
	}
	if c == nil {
		return ErrNoCopy
	}
	j, err := journal.Open(l.Dir, journal.Options{Host: HostName, Purpose: "adopt", Now: l.Now()})
	if err != nil {
		return err
	}
	defer j.Close()
	run := c.State()
	host := &lock.Host{
		Client: client, File: LockFile, Undoes: run.Undoes, Wait: 10 * time.Millisecond,
		Holder: lock.Holder{User: "ann", Machine: l.name(), RunID: lock.ID(run.Run, run.Epoch+1), Reason: "adopt"},
	}
	if _, err := host.Hold(ctx); err != nil {
		return err
	}
	err = c.Adopt(ctx, host, j, apply.Operator{User: "ann", Machine: l.name()}, l.Now(), func(run string, data []byte) error {
		if err := os.MkdirAll(filepath.Dir(l.runPlan(run)), 0o700); err != nil {
			return err
		}
		return journal.WriteFile(l.runPlan(run), data, 0o600)
	})
	return errors.Join(err, host.Release(ctx))
}
