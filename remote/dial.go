package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// A chain is a connection under construction: the hops so far, and the raw
// connection of the next. Cutting it anywhere ends all of it, because a
// channel through a hop cannot be woken in any other way.
type chain struct {
	authTimeout time.Duration // for one login, while no person types

	mu      sync.Mutex
	clients []*ssh.Client
	raw     net.Conn
	agent   io.Closer // of the login that is under way
	cut     bool
}

func newChain(authTimeout time.Duration) *chain { return &chain{authTimeout: authTimeout} }

// dial goes from hop to hop. Every error wraps [ErrNotStarted].
func dial(ctx context.Context, cfg Config, authTimeout time.Duration) (*chain, error) {
	c := newChain(authTimeout)
	stop := context.AfterFunc(ctx, c.close)
	defer stop()
	if err := cfg.blocked(); err != nil {
		return nil, err
	}
	for _, hop := range cfg.hops() {
		if err := c.extend(ctx, hop); err != nil {
			c.close()
			if ctx.Err() != nil {
				return nil, fmt.Errorf("%s: connect: %w: %w", hop.Name, ErrNotStarted, context.Cause(ctx))
			}
			return nil, err
		}
	}
	return c, nil
}

// extend adds one hop.
func (c *chain) extend(ctx context.Context, hop Config) error {
	check, err := newHostKeyCheck(hop)
	if err != nil {
		return err
	}
	offer := ciphers()
	err = c.handshake(ctx, hop, check, offer)
	if errors.Is(err, errNotStrict) {
		offer = ciphersNotStrict()
		err = c.handshake(ctx, hop, check, offer)
	}
	if check.mismatch(err) {
		check.anyType = true
		err = c.handshake(ctx, hop, check, offer)
	}
	return err
}

// reach opens the raw connection, directly or through the last hop.
func (c *chain) reach(ctx context.Context, hop Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, hop.ConnectTimeout)
	defer cancel()
	var conn net.Conn
	var err error
	if last := c.last(); last != nil {
		conn, err = last.DialContext(ctx, "tcp", hop.endpoint())
	} else {
		conn, err = connectTo(ctx, hop)
	}
	if err != nil {
		return nil, &UnreachableError{Host: hop.Name, Op: "dial", Timeout: hop.ConnectTimeout, Err: err}
	}
	conn = quickAck(conn)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw = conn
	if c.cut {
		conn.Close()
	}
	return conn, nil
}

// handshake proves who the host is, and then who we are. x/crypto's own
// timeout covers the TCP connection only, so a watch stands over it.
func (c *chain) handshake(ctx context.Context, hop Config, check *hostKeyCheck, ciphers []string) error {
	conn, err := c.reach(ctx, hop)
	if err != nil {
		return err
	}
	return c.greet(ctx, newKexPeek(conn, ciphers), hop, check)
}

// greet is the handshake on a connection that is open.
func (c *chain) greet(ctx context.Context, conn *kexPeek, hop Config, check *hostKeyCheck) error {
	watch := newWatch(hop.HandshakeTimeout, c.close)
	defer watch.stop()
	auth := &authenticator{ctx: ctx, cfg: hop, chain: c, pause: watch.pause}
	defer c.talkTo(nil)
	config := &ssh.ClientConfig{
		Config:            ssh.Config{Ciphers: conn.ciphers, KeyExchanges: keyExchanges(), MACs: macs()},
		User:              hop.User,
		Auth:              auth.methods(),
		HostKeyAlgorithms: check.algorithms(),
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			err := check.check(key)
			watch.extend(c.authTimeout)
			return err
		},
	}
	sshConn, channels, requests, err := ssh.NewClientConn(conn, hop.endpoint(), config)
	if conn.refused != nil {
		err = conn.refused
	}
	if err != nil {
		return explainHandshake(hop, check, auth, watch, err)
	}
	client := ssh.NewClient(sshConn, channels, requests)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clients = append(c.clients, client)
	c.raw = nil
	if c.cut {
		client.Close()
	}
	return nil
}

// explainHandshake gives a failed handshake its kind. How far it came is told
// by what has been seen, not by the text of the error.
func explainHandshake(hop Config, check *hostKeyCheck, auth *authenticator, watch *watch, err error) error {
	var netErr net.Error
	op := "handshake"
	if check.passed {
		op = "authenticate"
	}
	switch {
	case check.refused != nil:
		return check.refused
	case algorithmError(hop, err) != nil:
		return algorithmError(hop, err)
	case watch.fired.Load(), auth.silent:
		return &UnreachableError{Host: hop.Name, Op: op, Timeout: watch.limit(), Err: auth.late()}
	case auth.err != nil:
		return &AuthError{Host: hop.Name, User: hop.User, Err: auth.err}
	case auth.wants != "":
		return auth.refused(auth.why)
	case check.passed && !errors.As(err, &netErr) && !errors.Is(err, io.EOF):
		return auth.refused(brief(err))
	}
	return &UnreachableError{Host: hop.Name, Op: op, Err: brief(err)}
}

func (c *chain) last() *ssh.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.clients) == 0 {
		return nil
	}
	return c.clients[len(c.clients)-1]
}

// talkTo makes the connection to an agent part of the chain: an agent that does
// not answer is cut off with the rest. The last one is hung up on.
func (c *chain) talkTo(agent io.Closer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.agent != nil {
		c.agent.Close()
	}
	c.agent = agent
	if agent != nil && c.cut {
		agent.Close()
	}
}

func (c *chain) isCut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut
}

// close cuts the chain, the near end first: it is the one that has a socket.
func (c *chain) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
	for _, client := range c.clients {
		client.Close()
	}
	if c.raw != nil {
		c.raw.Close()
	}
	if c.agent != nil {
		c.agent.Close()
	}
}

// A watch is a deadline that can wait while a person types.
type watch struct {
	mu    sync.Mutex
	timer *time.Timer
	span  time.Duration
	fired atomic.Bool
}

func newWatch(d time.Duration, cut func()) *watch {
	w := &watch{span: d}
	w.timer = time.AfterFunc(d, func() {
		w.fired.Store(true)
		cut()
	})
	return w
}

func (w *watch) extend(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer.Stop() {
		w.span = d
		w.timer.Reset(d)
	}
}

func (w *watch) pause() (resume func()) {
	if !w.timer.Stop() {
		return func() {}
	}
	return func() { w.timer.Reset(w.limit()) }
}

func (w *watch) limit() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.span
}

func (w *watch) stop() { w.timer.Stop() }
