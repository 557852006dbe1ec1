package driver

import (
	"context"
	"fmt"

	"liftalot/plan/run"
)

// Advised types the command that [run.Standing] names, as a person would who knows nothing
// else, and says which it was.
func (l *Laptop) Advised(ctx context.Context) (words []string, err error) {
	a, _, err := run.Standing(HostName, l.state())
	if err != nil || a.Command == nil {
		return nil, err
	}
	_, err = l.on(ctx, func(h *run.Host) (res Result, err error) {
		var job run.Job
		switch a.Command[0] {
		case "apply":
			job, err = h.NextApply()
		case "rollback":
			job, err = h.NextRollback(ctx, run.RollbackDecisions{WithDatabase: len(a.Command) > 2})
		case "plan":
			_, err = h.Plan(ctx)
			return res, err
		case "verify", "check":
			_, err = h.Look(ctx)
			return res, err
		default:
			return res, fmt.Errorf("nobody here knows %q", a.Command)
		}
		return carryOut(ctx, h, job, err)
	})
	return a.Command, err
}
