package remote

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// A conn is a living connection and what belongs to it.
type conn struct {
	link *link
	ssh  *ssh.Client
	dead chan struct{}
	shut atomic.Bool // cut by us; dead follows
	// tasks are goroutines that wait for the host and may outlive the call
	// that has started them. Closing the connection ends them all.
	tasks sync.WaitGroup

	used     atomic.Bool  // there was a session
	sessions atomic.Int64 // that are open, or asked for
	most     atomic.Int64 // sessions that the host gives; -1 while that is unknown
}

func newConn(link *link, keepAlive time.Duration) *conn {
	c := &conn{link: link, ssh: link.client, dead: make(chan struct{})}
	c.most.Store(-1)
	c.tasks.Go(func() {
		_ = c.ssh.Wait() // why it ended is of no use to anyone
		link.close()
		close(c.dead)
	})
	c.tasks.Go(func() { c.keepAlive(keepAlive) })
	return c
}

func (c *conn) isDead() bool {
	select {
	case <-c.dead:
		return true
	default:
		return c.shut.Load()
	}
}

func (c *conn) close() {
	c.shut.Store(true)
	c.link.close()
}

func (c *conn) hasRoom() bool {
	most := c.most.Load()
	return most < 0 || c.sessions.Load() < most
}

// errFull means that the host gives no further session on a connection that has had some:
// sshd counts them (MaxSessions, sshd_config(5)). Nothing was asked of it yet.
var errFull = errors.New("the host gives no further session")

// sshd may take a moment to see that a session has ended whose end it has told.
const (
	lateEndTries = 20
	lateEndPause = 50 * time.Millisecond
)

// openSession asks for a session, which [conn.sessionEnded] gives back.
func (c *conn) openSession() (ssh.Channel, <-chan *ssh.Request, error) {
	c.sessions.Add(1)
	for try := 0; ; try++ {
		channel, requests, err := c.ask()
		if err == nil {
			c.used.Store(true)
		}
		if _, refused := errors.AsType[*ssh.OpenChannelError](err); !refused {
			return channel, requests, err
		}
		others := c.sessions.Load() - 1
		if others == 0 && c.used.Load() && try < lateEndTries {
			select {
			case <-time.After(lateEndPause):
				continue
			case <-c.dead:
			}
		}
		c.sessionEnded()
		if others == 0 && !c.used.Load() {
			return nil, nil, err
		}
		c.most.Store(others)
		if others == 0 { // what we have given up still runs in its place
			c.close()
		}
		return nil, nil, fmt.Errorf("%w: %w", errFull, err)
	}
}

// ask asks for a channel. A connection that dies just before x/crypto has
// listed the channel leaves its OpenChannel waiting for ever, so the waiting is
// done here.
func (c *conn) ask() (ssh.Channel, <-chan *ssh.Request, error) {
	type session struct {
		ch       ssh.Channel
		requests <-chan *ssh.Request
		err      error
	}
	opened := make(chan session, 1)
	go func() {
		ch, requests, err := c.ssh.OpenChannel("session", nil)
		opened <- session{ch, requests, err}
	}()
	var s session
	select {
	case s = <-opened:
	case <-c.dead:
		return nil, nil, errStale
	}
	if _, refused := errors.AsType[*ssh.OpenChannelError](s.err); s.err != nil && !refused {
		c.close() // so that the next call dials
		return nil, nil, fmt.Errorf("%w: %w", errStale, s.err)
	}
	return s.ch, s.requests, s.err
}

func (c *conn) sessionEnded() { c.sessions.Add(-1) }

// keepAlive probes the host. Two more intervals without an answer to a probe
// end the connection, so a half-open link is found within three.
func (c *conn) keepAlive(interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-c.dead:
			return
		case <-tick.C:
		}
		// The request blocks until the answer is here or the link is cut, and
		// its own timer cuts the link.
		limit := time.AfterFunc(2*interval, c.close)
		_, _, err := c.ssh.SendRequest("keepalive@openssh.com", true, nil)
		limit.Stop()
		if err != nil {
			c.close()
			return
		}
	}
}
