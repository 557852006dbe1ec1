package remote

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A Client acts on one host. It is safe for use by many goroutines, of which
// at most four have a session open at the same time; the others wait.
type Client struct {
	cfg          Config
	startTimeout time.Duration // for a command to come to its opening mark
	authTimeout  time.Duration // for one login
	fileTimeout  time.Duration // for one operation on a file

	slots chan struct{} // held by commands
	files chan struct{} // held by the one file operation at work
	gate  chan struct{} // held while dialling, so that two callers dial once

	// Of the holder of files.
	noSFTP bool         // files travel over scripts
	sftp   *sftpSession // the last one, or nil
	tasks  sync.WaitGroup

	mu     sync.Mutex
	conns  []*conn // more than one where the host gives few sessions on each
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
	conns := c.conns
	c.conns = nil
	c.mu.Unlock()
	for _, conn := range conns {
		conn.close()
	}
	c.drain.Do(func() { // calls end now that the connection has
		c.files <- struct{}{}
		for range cap(c.slots) {
			c.slots <- struct{}{}
		}
		c.tasks.Wait() // they start some of the connections'
		for _, conn := range conns {
			conn.tasks.Wait()
		}
	})
	return nil
}

// connection returns a living connection that has room for a session, or dials
// a new one. Its errors wrap [ErrNotStarted].
func (c *Client) connection(ctx context.Context) (*conn, error) {
	if conn, err := c.current(); conn != nil || err != nil {
		return conn, err
	}
	release, err := occupy(ctx, c.cfg.Name+": connect", c.gate)
	if err != nil {
		return nil, err
	}
	defer release()
	if conn, err := c.current(); conn != nil || err != nil { // somebody else has dialled
		return conn, err
	}
	link, err := dial(ctx, c.cfg, c.authTimeout)
	if err != nil {
		return nil, err
	}
	conn := newConn(link, c.cfg.KeepAlive)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		conn.close()
		return nil, c.errClosed()
	}
	c.conns = append(c.conns, conn)
	return conn, nil
}

// current returns a living connection that has room, or nil.
func (c *Client) current() (*conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, c.errClosed()
	}
	c.conns = slices.DeleteFunc(c.conns, (*conn).isDead)
	for _, conn := range c.conns {
		if conn.hasRoom() {
			return conn, nil
		}
	}
	if len(c.conns) == maxChannels {
		return nil, fmt.Errorf("%s: %w: %w on %d connections", c.cfg.Name, ErrNotStarted, errFull, maxChannels)
	}
	return nil, nil
}

func (c *Client) errClosed() error {
	return fmt.Errorf("%s: %w: the client was closed", c.cfg.Name, ErrNotStarted)
}

// slot waits for one of the few channels.
func (c *Client) slot(ctx context.Context) (release func(), err error) {
	return c.acquire(ctx, c.slots)
}

func (c *Client) acquire(ctx context.Context, places chan struct{}) (release func(), err error) {
	if _, err := c.current(); err != nil { // a closed client has no places left
		return nil, err
	}
	return occupy(ctx, c.cfg.Name, places)
}

// occupy waits for one of some places.
func occupy(ctx context.Context, who string, places chan struct{}) (release func(), err error) {
	if ctx.Err() == nil { // or it would be chance which case is taken
		select {
		case places <- struct{}{}:
			return func() { <-places }, nil
		case <-ctx.Done():
		}
	}
	return nil, fmt.Errorf("%s: %w: %w", who, ErrNotStarted, context.Cause(ctx))
}
