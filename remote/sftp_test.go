package remote_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"liftalot/remote"
)

// An sftp-server that starts and then says nothing ends with the operation that
// has started it, and the next one is served.
func TestSilentStartOfSFTP(t *testing.T) {
	for name, do := range map[string]func(context.Context, *remote.Client) error{"read": readIt, "write": writeIt} {
		t.Run(name, func(t *testing.T) {
			f := newFaulty(t)
			var silenced atomic.Bool
			f.onExec = func(s served) {
				if strings.Contains(s.exec, "sftp-server") && silenced.CompareAndSwap(false, true) {
					s.begin()
					_, _ = io.Copy(io.Discard, s)
					return
				}
				p := &peer{content: []byte("welcome")}
				p.command(s)
			}
			c := f.client(nil)
			c.SetFileTimeout(4 * short)
			ctx, cancel := context.WithTimeout(t.Context(), hostileTime)
			defer cancel()
			began := time.Now()
			err := do(ctx, c)
			if took := time.Since(began); ctx.Err() != nil || took < 4*short {
				t.Errorf("it took %s", took)
			}
			if !errors.Is(err, remote.ErrNotStarted) || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, remote.ErrUnknownOutcome) {
				t.Errorf("got %v", err)
			}
			c.SetFileTimeout(hostileTime)
			must(t, do(ctx, c))
		})
	}
}
