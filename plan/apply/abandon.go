package apply

import (
	"context"
	"errors"
	"fmt"

	"liftalot/plan"
	"liftalot/remote"
)

// removeBackup removes from the host what a run that changed nothing has backed up there:
// each attempt would leave one more dump, and one more copy of the secrets, on the disk of
// the live database. What is proven of it is on the workstation. The folder's name is made
// anew from the run's id, so that no plan can point elsewhere.
func (e *Engine) removeBackup(ctx context.Context) error {
	dir := plan.BackupDir(e.Plan.ID)
	for _, s := range e.Plan.Steps {
		b, ok := s.Op.(plan.Backup)
		if !ok || b.Dir != dir || !e.everBegun(s.ID) {
			continue
		}
		err := e.retryBreaks(ctx, s.ID, func() error {
			_, err := e.Host.Run(ctx, remote.Command{Name: "remove the backup of the run", Script: `rm -rf -- "$1"`, Args: []string{dir}, Root: true})
			return err
		})
		if ctx.Err() != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		if err != nil {
			e.tell(Event{Step: s.ID, Kind: Output, Text: fmt.Sprintf("the copy of the backup stays on the host in %s: %v", dir, err)})
		}
	}
	return nil
}
