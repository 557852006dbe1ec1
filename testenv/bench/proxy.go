//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// A proxy stands in front of a server and is as far away as it is told.
type proxy struct {
	listener net.Listener
	upstream string
	away     func() time.Duration // the round trip of a connection that begins now
	tasks    sync.WaitGroup
}

func newProxy(upstream string, away func() time.Duration) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &proxy{listener: l, upstream: upstream, away: away}, nil
}

func (p *proxy) port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// serve passes connections on until the context ends.
func (p *proxy) serve(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { p.listener.Close() })
	defer stop()
	defer p.tasks.Wait()
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.tasks.Go(func() { p.pass(ctx, c) })
	}
}

// pass joins both ends. The kernel has accepted the client at once, where SYN and
// its answer would have taken a round trip, and the client's ACK half of another:
// so much later the server hears of it.
func (p *proxy) pass(ctx context.Context, near net.Conn) {
	defer near.Close()
	rtt, began := p.away(), time.Now()
	if !until(ctx, began.Add(rtt*3/2)) {
		return
	}
	far, err := new(net.Dialer).DialContext(ctx, "tcp", p.upstream)
	if err != nil {
		return
	}
	defer far.Close()
	stop := context.AfterFunc(ctx, func() { near.Close(); far.Close() })
	defer stop()
	// What the client said meanwhile was sent when it believed to be connected,
	// and has arrived.
	var both sync.WaitGroup
	both.Go(func() { delay(ctx, far, near, rtt/2, began.Add(rtt*3/2)) })
	both.Go(func() { delay(ctx, near, far, rtt/2, time.Time{}) })
	both.Wait()
}

// A piece is data on its way.
type piece struct {
	data []byte
	due  time.Time
}

// delay copies, each piece so much later than it came. What came before the time
// given is due.
func delay(ctx context.Context, to, from net.Conn, by time.Duration, before time.Time) {
	way := make(chan piece, 256)
	var read sync.WaitGroup
	read.Go(func() {
		defer close(way)
		for {
			buf := make([]byte, 32<<10)
			n, err := from.Read(buf)
			if n > 0 {
				due := time.Now().Add(by)
				if due.Add(-by).Before(before.Add(by / 4)) {
					due = time.Now()
				}
				select {
				case way <- piece{buf[:n], due}:
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				return
			}
		}
	})
	for p := range way {
		if by > 0 && !until(ctx, p.due) {
			break
		}
		if _, err := to.Write(p.data); err != nil {
			break
		}
	}
	// The end travels as the data did; what still comes is thrown away.
	_ = to.(*net.TCPConn).CloseWrite()
	for range way {
	}
	read.Wait()
}

// until waits for a time, and reports false where the context ended first.
func until(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// proxies are the hosts: names, each with a port of its own before one server.
func proxies(ctx context.Context, n int, upstream string, away func() time.Duration, tasks *sync.WaitGroup) ([]host, error) {
	var hosts []host
	for i := range n {
		p, err := newProxy(upstream, away)
		if err != nil {
			return nil, err
		}
		tasks.Go(func() { p.serve(ctx) })
		hosts = append(hosts, host{fmt.Sprintf("web%d", i), p.port()})
	}
	return hosts, nil
}

// A host is one of those that are asked, at 127.0.0.1.
type host struct {
	name string
	port int
}
