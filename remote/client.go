package remote

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// A Client acts on one host. It is safe for use by many goroutines, of which
// at most four have a channel open at the same time; the others wait.
type Client struct {
	cfg          Config
	startTimeout time.Duration // for a command to come to its opening mark
	authTimeout  time.Duration // for one login
	fileTimeout  time.Duration // for one operation on a file
	noSFTP       bool          // files travel over scripts

	slots chan struct{} // held by commands
	files chan struct{} // held by the one file operation at work
	gate  chan struct{} // held while dialling, so that two callers dial once

	mu     sync.Mutex
	conn   *conn
	closed bool
	drain  sync.Once
}

// NewClient returns a client that has not dialled yet.
func NewClient(cfg Config) *Client {
	return &Client{
		cfg:          cfg.withDefaults(),
		startTimeout: startTimeout,
		authTimeout:  authTimeout,
		fileTimeout:  fileTimeout,
		slots:        make(chan struct{}, maxChannels-1), // the last one is for SFTP
		files:        make(chan struct{}, 1),
		gate:         make(chan struct{}, 1),
	}
}

// Connect dials if there is no living connection. Calling it is optional.
func (c *Client) Connect(ctx context.Context) error {
	_, err := c.connection(ctx)
	return err
}

// Close ends the connection and waits until nothing of it is left. Commands
// that still run on it have an unknown outcome. It must not be called from
// within a command's callback.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	conn := c.conn
	c.conn = nil
	c.mu.Unlock()
	if conn != nil {
		conn.close()
	}
	c.drain.Do(func() { // calls end now that the connection has
		c.files <- struct{}{}
		for range cap(c.slots) {
			c.slots <- struct{}{}
		}
		if conn != nil {
			conn.tasks.Wait()
		}
	})
	return nil
}

// connection returns the living connection, or dials a new one. Its errors
// wrap [ErrNotStarted].
func (c *Client) connection(ctx context.Context) (*conn, error) {
	if conn, err := c.current(); conn != nil || err != nil {
		return conn, err
	}
	select {
	case c.gate <- struct{}{}:
		defer func() { <-c.gate }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: connect: %w: %w", c.cfg.Name, ErrNotStarted, context.Cause(ctx))
	}
	if conn, err := c.current(); conn != nil || err != nil { // somebody else has dialled
		return conn, err
	}
	chain, err := dial(ctx, c.cfg, c.authTimeout)
	if err != nil {
		return nil, err
	}
	conn := newConn(chain, c.cfg.KeepAlive)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		conn.close()
		return nil, c.errClosed()
	}
	c.conn = conn
	return conn, nil
}

func (c *Client) current() (*conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return nil, c.errClosed()
	case c.conn == nil || c.conn.isDead():
		return nil, nil
	}
	return c.conn, nil
}

func (c *Client) errClosed() error {
	return fmt.Errorf("%s: %w: the client was closed", c.cfg.Name, ErrNotStarted)
}

// slot waits for one of the few channels.
func (c *Client) slot(ctx context.Context) (release func(), err error) {
	return c.hold(ctx, c.slots)
}

func (c *Client) hold(ctx context.Context, places chan struct{}) (release func(), err error) {
	if _, err := c.current(); err != nil { // a closed client has no places left
		return nil, err
	}
	if ctx.Err() == nil { // or it would be chance which case is taken
		select {
		case places <- struct{}{}:
			return func() { <-places }, nil
		case <-ctx.Done():
		}
	}
	return nil, fmt.Errorf("%s: %w: %w", c.cfg.Name, ErrNotStarted, context.Cause(ctx))
}

// A conn is a living connection and what belongs to it.
type conn struct {
	chain *chain
	ssh   *ssh.Client
	dead  chan struct{}
	shut  atomic.Bool // cut by us; dead follows
	// tasks are goroutines that wait for the host and may outlive the call
	// that has started them. Closing the connection ends them all.
	tasks sync.WaitGroup

	sftp *sftpSession // of the holder of Client.files
}

func newConn(chain *chain, keepAlive time.Duration) *conn {
	c := &conn{chain: chain, ssh: chain.last(), dead: make(chan struct{})}
	c.tasks.Go(func() {
		_ = c.ssh.Wait() // why it ended is of no use to anyone
		chain.close()
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
	c.chain.close()
}

// openSession asks for a channel. A connection that dies just before x/crypto
// has listed the channel leaves its OpenChannel waiting for ever, so the
// waiting is done here.
func (c *conn) openSession() (ssh.Channel, <-chan *ssh.Request, error) {
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
	var refused *ssh.OpenChannelError
	if s.err != nil && !errors.As(s.err, &refused) {
		c.close() // so that the next call dials
		return nil, nil, fmt.Errorf("%w: %w", errStale, s.err)
	}
	return s.ch, s.requests, s.err
}

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
