package remote

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"
)

// sessionsAtOnce is what an upgrade needs: one holds the lock, one moves files, and one runs
// a command.
const sessionsAtOnce = 3

// CheckSessions reports whether the host gives as many sessions at a time as an upgrade
// needs, on one connection or on further ones. Nothing is run in them.
func (c *Client) CheckSessions(ctx context.Context) error {
	for n := range sessionsAtOnce {
		end, err := c.openAnywhere(ctx)
		if err != nil {
			return fmt.Errorf("%s: the host gives %d sessions at a time, and an upgrade needs %d: %w", c.cfg.Name, n, sessionsAtOnce, err)
		}
		defer end()
	}
	return nil
}

func (c *Client) openAnywhere(ctx context.Context) (end func(), err error) {
	for {
		conn, err := c.connection(ctx)
		if err != nil {
			return nil, err
		}
		channel, requests, err := conn.openSession()
		if err == nil {
			go ssh.DiscardRequests(requests)
			return func() { channel.Close(); conn.sessionEnded() }, nil
		}
		if !errors.Is(err, errFull) {
			return nil, err
		}
	}
}
