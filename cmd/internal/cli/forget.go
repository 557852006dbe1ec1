package cli

import (
	"context"
	"fmt"

	"liftalot/cmd/internal/ui"
	"liftalot/plan/journal"
	"liftalot/plan/run"
)

// forget gives up an unfinished run of this machine.
func (t *target) forget(ctx context.Context) error {
	name := t.host.Name
	gone, err := t.server(nil).Forget(func(r journal.RunState) error {
		says, _ := run.Describe(name, r)
		t.out.Printf("%s  run %s: %s\n", ui.Bold(name), r.Run, says)
		return t.confirm(ctx, ui.Textf("Give it up as it is? Nothing is done on the host: what the run has changed there stays changed. Its plan and its backup stay here."))
	})
	if err != nil {
		return err
	}
	_, next := run.Describe(name, gone)
	t.out.Printf("%s  run %s is given up\n  %s %s\n", name, gone.Run, ui.Dim("next:"), next)
	return nil
}

// stuck names the way on of last resort.
func stuck(host, resume string) string {
	return fmt.Sprintf(`%s; if it is another server by now: "liftalot unlock %s --forget-run"`, resume, host)
}
