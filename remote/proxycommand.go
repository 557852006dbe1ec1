package remote

import (
	"context"
	"errors"
	"io"
	"net"
	"os/exec"
	"sync"
	"time"
)

// errNoDeadline is returned where a deadline is asked of a program's pipes. Handshakes have
// watches of their own, which close.
var errNoDeadline = errors.New("a proxy command has no deadlines")

// startProxy starts a program whose input and output are the connection. It lives until the
// connection is closed.
func startProxy(argv []string) (net.Conn, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.WaitDelay = time.Second // children that keep the pipes open are not waited for
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &proxyConn{Reader: out, in: in}
	p.end = sync.OnceFunc(func() {
		in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return p, nil
}

// A proxyConn is a program in place of a connection.
type proxyConn struct {
	io.Reader
	in  io.WriteCloser
	end func()
}

func (p *proxyConn) Write(b []byte) (int, error)      { return p.in.Write(b) }
func (p *proxyConn) Close() error                     { p.end(); return nil }
func (p *proxyConn) LocalAddr() net.Addr              { return proxyAddr{} }
func (p *proxyConn) RemoteAddr() net.Addr             { return proxyAddr{} }
func (p *proxyConn) SetDeadline(time.Time) error      { return errNoDeadline }
func (p *proxyConn) SetReadDeadline(time.Time) error  { return errNoDeadline }
func (p *proxyConn) SetWriteDeadline(time.Time) error { return errNoDeadline }

// A proxyAddr stands for an address that nobody knows.
type proxyAddr struct{}

func (proxyAddr) Network() string { return "proxy" }
func (proxyAddr) String() string  { return "proxy command" }

// connectTo opens the connection of the first hop.
func connectTo(ctx context.Context, hop Config) (net.Conn, error) {
	if len(hop.ProxyCommand) > 0 {
		return startProxy(hop.ProxyCommand)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", hop.endpoint())
}
