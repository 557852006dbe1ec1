package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// A hook tells a command of the operator what happened, such as one that posts to
// a chat. The command line is the operator's and is cut at blanks; no shell reads
// it. What hosts said reaches the command only as JSON on its standard input.
type hook struct {
	argv    []string
	fails   func(error)
	redact  func(string) string
	order   chan hookEvent
	running sync.WaitGroup
}

// hookEvent is the document a hook reads.
type hookEvent struct {
	Format int          `json:"format"`
	Event  string       `json:"event"` // host-ended, batch-ended
	Batch  string       `json:"batch"`
	Host   *hostResult  `json:"host,omitempty"`  // of host-ended
	Hosts  []hostResult `json:"hosts,omitempty"` // of batch-ended
	Exit   int          `json:"exit"`            // of batch-ended: the batch's exit status
}

// hookTime bounds one call. One that takes longer was the last: a batch does not
// wait for a chat server.
const hookTime = 30 * time.Second

// newHook returns nil for no command.
func newHook(command string) (*hook, error) {
	argv := strings.Fields(command)
	if len(argv) == 0 {
		return nil, nil
	}
	if _, err := exec.LookPath(argv[0]); err != nil {
		return nil, errors.New(argv[0] + " is not a program that can be run here")
	}
	return &hook{argv: argv}, nil
}

// tell queues an event. Events reach the command one after the other, in the order
// in which things happened.
func (b *batchRun) tell(e hookEvent) {
	h := b.how.hook
	if h == nil {
		return
	}
	e.Format = 1
	b.mu.Lock()
	if h.order == nil {
		h.order = make(chan hookEvent, 2*len(b.session.hosts)+1) // every event has room
		h.redact = b.session.term.secret.String
		h.fails = func(err error) { b.session.term.warnOnce(fmt.Sprintf("--notify: %v", err)) }
		h.running.Go(h.run)
	}
	b.mu.Unlock()
	if e.Host != nil {
		copied := *e.Host
		e.Host = &copied
	}
	h.order <- e
}

func (h *hook) run() {
	hangs := false
	for e := range h.order {
		if hangs {
			continue
		}
		if err := h.call(e); err != nil {
			h.fails(err)
			hangs = errors.Is(err, context.DeadlineExceeded)
		}
	}
}

// call runs the command once. It lives on through an interrupt: that the batch was
// interrupted is worth telling.
func (h *hook) call(e hookEvent) error {
	doc, err := json.Marshal(e)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), hookTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, h.argv[0], h.argv[1:]...)
	cmd.Stdin = strings.NewReader(h.redact(string(doc)) + "\n") // it leaves this machine
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	if ctx.Err() != nil {
		return fmt.Errorf("%s took longer than %s and is not called again: %w", h.argv[0], hookTime, ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", h.argv[0], err)
	}
	return nil
}

// wait ends the hook after all it was told.
func (h *hook) wait() {
	if h == nil || h.order == nil {
		return
	}
	close(h.order)
	h.running.Wait()
}
