//go:build unix

package shimhost

import (
	"context"
	"syscall"
	"time"

	"liftalot/remote"
)

// Terminate runs a command until the file ready is in the host's folder, and
// then ends it and all it started with SIGTERM, as a link that breaks ends what
// ran over it. The command has to notice.
func (h *Host) Terminate(ctx context.Context, cmd remote.Command, ready string) {
	h.tb.Helper()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c := h.command(ctx, cmd)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		h.tb.Fatal(err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !h.Has(ready) && ctx.Err() == nil {
		<-tick.C
	}
	if err := syscall.Kill(-c.Process.Pid, syscall.SIGTERM); err != nil {
		h.tb.Error(err)
	}
	if err := c.Wait(); err == nil || ctx.Err() != nil {
		h.tb.Errorf("%s: it did not end by the signal: %v", cmd.Name, err)
	}
}
