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

// A link is a connection to one host while it is made and later. Cutting it ends all that
// waits for the host.
type link struct {
	authTimeout time.Duration // for one login, while no person types

	mu     sync.Mutex
	jump   *jumpHost // that it goes through, or nil
	via    *conn     // to the jump host
	leave  func()    // the jump host
	client *ssh.Client
	raw    net.Conn
	agent  io.Closer // of the login that is under way
	cut    bool
}

// dial goes from hop to hop. Every error wraps [ErrNotStarted].
func dial(ctx context.Context, cfg Config, authTimeout time.Duration) (*link, error) {
	if err := cfg.blocked(); err != nil {
		return nil, err
	}
	return dialHops(ctx, cfg.hops(), cfg.JumpHosts, authTimeout)
}

func dialHops(ctx context.Context, hops []Config, shared *JumpHosts, authTimeout time.Duration) (*link, error) {
	hop := hops[len(hops)-1]
	l, err := approach(ctx, hops, shared, authTimeout)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, l.close)
	defer stop()
	if err := l.logIn(ctx, hop); err != nil {
		l.close()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s: connect: %w: %w", hop.Name, ErrNotStarted, context.Cause(ctx))
		}
		return nil, err
	}
	return l, nil
}

// approach goes as far as the last jump host, if there is any.
func approach(ctx context.Context, hops []Config, shared *JumpHosts, authTimeout time.Duration) (*link, error) {
	l := &link{authTimeout: authTimeout, leave: func() {}}
	jumps := hops[:len(hops)-1]
	if len(jumps) == 0 {
		return l, nil
	}
	l.jump = shared.find(jumps)
	var err error
	l.via, l.leave, err = l.jump.enter(ctx, shared, jumps, authTimeout)
	return l, err
}

// logIn makes the connection. A host that turns us away before anything was said may have
// too many others at the door, and is asked again.
func (l *link) logIn(ctx context.Context, hop Config) error {
	check, err := newHostKeyCheck(hop)
	if err != nil {
		return err
	}
	if l.jump != nil {
		release, err := occupy(ctx, hop.Name, l.jump.logins)
		if err != nil {
			return err
		}
		defer release()
	}
	offer := ciphers()
	for try := range doorTries {
		err = l.handshake(ctx, hop, check, offer)
		if turned, ok := errors.AsType[*TurnedAwayError](err); !ok || !turned.crowded() || pauseAtDoor(ctx, try) != nil {
			break
		}
	}
	if errors.Is(err, errNotStrict) {
		offer = ciphersNotStrict()
		err = l.handshake(ctx, hop, check, offer)
	}
	if check.mismatch(err) {
		check.anyType = true
		err = l.handshake(ctx, hop, check, offer)
	}
	return err
}

// reach opens the raw connection, directly or through the jump host.
func (l *link) reach(ctx context.Context, hop Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, hop.ConnectTimeout)
	defer cancel()
	var conn net.Conn
	var err error
	if l.via != nil {
		conn, err = l.via.dial(ctx, hop.endpoint())
	} else {
		conn, err = connectTo(ctx, hop)
	}
	if err != nil {
		return nil, &UnreachableError{Host: hop.Name, Op: "dial", Timeout: hop.ConnectTimeout, Err: err}
	}
	conn = quickAck(conn)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.raw = conn
	if l.cut {
		conn.Close()
	}
	return conn, nil
}

// handshake proves who the host is, and then who we are. x/crypto's own
// timeout covers the TCP connection only, so a watch stands over it.
func (l *link) handshake(ctx context.Context, hop Config, check *hostKeyCheck, ciphers []string) error {
	conn, err := l.reach(ctx, hop)
	if err != nil {
		return err
	}
	return l.greet(ctx, newKexPeek(conn, ciphers), hop, check)
}

// greet is the handshake on a connection that is open.
func (l *link) greet(ctx context.Context, conn *kexPeek, hop Config, check *hostKeyCheck) error {
	watch := newWatch(hop.HandshakeTimeout, l.close)
	defer watch.stop()
	auth := &authenticator{ctx: ctx, cfg: hop, link: l, pause: watch.pause}
	defer l.talkTo(nil)
	config := &ssh.ClientConfig{
		Config:            ssh.Config{Ciphers: conn.ciphers, KeyExchanges: keyExchanges(), MACs: macs()},
		User:              hop.User,
		Auth:              auth.methods(),
		HostKeyAlgorithms: check.algorithms(),
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			err := check.check(key)
			watch.extend(l.authTimeout)
			return err
		},
	}
	sshConn, channels, requests, err := ssh.NewClientConn(conn, hop.endpoint(), config)
	if conn.refused != nil {
		err = conn.refused
	}
	if err != nil && conn.turnedAway && !l.isCut() {
		return &TurnedAwayError{Host: hop.Name, Said: conn.said(), Err: brief(err)}
	}
	if err != nil {
		return explainHandshake(hop, check, auth, watch, err)
	}
	client := ssh.NewClient(sshConn, channels, requests)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.client, l.raw = client, nil
	if l.cut {
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
		return &UnreachableError{Host: hop.Name, Op: op, Timeout: watch.limit(), Err: auth.timeoutError()}
	case auth.err != nil:
		return &AuthError{Host: hop.Name, User: hop.User, Err: auth.err}
	case auth.wants != "":
		return auth.refused(auth.why)
	case check.passed && !errors.As(err, &netErr) && !errors.Is(err, io.EOF):
		return auth.refused(brief(err))
	}
	return &UnreachableError{Host: hop.Name, Op: op, Err: brief(err)}
}

// talkTo makes the connection to an agent part of the link: an agent that does
// not answer is cut off with the rest. The last one is hung up on.
func (l *link) talkTo(agent io.Closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.agent != nil {
		l.agent.Close()
	}
	l.agent = agent
	if agent != nil && l.cut {
		agent.Close()
	}
}

func (l *link) isCut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cut
}

// close cuts the link and leaves the jump host.
func (l *link) close() {
	l.mu.Lock()
	l.cut = true
	if l.client != nil {
		l.client.Close()
	}
	if l.raw != nil {
		l.raw.Close()
	}
	if l.agent != nil {
		l.agent.Close()
	}
	l.mu.Unlock()
	l.leave()
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
