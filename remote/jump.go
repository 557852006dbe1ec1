package remote

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// JumpHosts are the connections to jump hosts that the clients of many hosts share: one
// to each jump host, from its first user to its last. The zero value is ready for use.
type JumpHosts struct {
	mu    sync.Mutex
	hosts map[string]*jumpHost
}

// loginsAtOnce is how many hosts behind one jump host are logged in to at the same time.
// From ten on sshd turns logins away, and what is behind a jump host is often one machine
// (MaxStartups, sshd_config(5)).
const loginsAtOnce = 6

// A jumpHost is the connection to one, with what it takes to get there.
type jumpHost struct {
	gate   chan struct{} // held while dialling
	logins chan struct{} // held by those who log in behind it

	mu    sync.Mutex
	users int
	conn  *conn
	dials int   // that came to an end of their own
	err   error // of the last of them
}

// find returns the last of some jump hosts.
func (s *JumpHosts) find(jumps []Config) *jumpHost {
	s.mu.Lock()
	defer s.mu.Unlock()
	way := wayThrough(jumps)
	j := s.hosts[way]
	if j == nil {
		if s.hosts == nil {
			s.hosts = map[string]*jumpHost{}
		}
		j = &jumpHost{gate: make(chan struct{}, 1), logins: make(chan struct{}, loginsAtOnce)}
		s.hosts[way] = j
	}
	return j
}

// wayThrough tells jump hosts apart by all that decides where the connection ends, as whom,
// and what the host there is held against.
func wayThrough(jumps []Config) string {
	var way strings.Builder
	for _, j := range jumps {
		fmt.Fprintf(&way, "%q %d %q %q %q %q %t %q %q %q %q %q %q\n", j.Address, j.Port, j.User, j.ProxyCommand, j.Identities, j.Certificates,
			j.IdentitiesOnly, j.AgentSocket, j.HostKeyAlias, j.KnownHosts, j.UserKnownHosts, j.GlobalKnownHosts, j.RevokedHostKeys)
	}
	return way.String()
}

// enter returns the connection, dialling it if there is none that lives. It stays until
// everybody who has entered has left.
func (j *jumpHost) enter(ctx context.Context, shared *JumpHosts, jumps []Config, authTimeout time.Duration) (conn *conn, leave func(), err error) {
	j.use(1)
	leave = sync.OnceFunc(func() { j.use(-1) })
	if conn, err = j.connection(ctx, shared, jumps, authTimeout); err != nil {
		leave()
		return nil, nil, err
	}
	return conn, leave, nil
}

// use counts users. The last to leave ends the connection.
func (j *jumpHost) use(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.users += n
	if j.users == 0 && j.conn != nil {
		j.conn.close()
		j.conn = nil
	}
}

// state returns the living connection, if there is one, and how the last dial ended. Who
// was not let in is not tried again: after some more the jump host would ban this address.
func (j *jumpHost) state() (conn *conn, dials int, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.conn != nil && j.conn.isDead() {
		j.conn = nil
	}
	return j.conn, j.dials, j.err
}

func (j *jumpHost) connection(ctx context.Context, shared *JumpHosts, jumps []Config, authTimeout time.Duration) (*conn, error) {
	name := jumps[len(jumps)-1].Name
	conn, before, err := j.state()
	if conn != nil || Denied(err) {
		return conn, err
	}
	release, err := occupy(ctx, name, j.gate)
	if err != nil {
		return nil, err
	}
	defer release()
	conn, dials, err := j.state()
	if conn != nil || dials > before { // somebody has dialled while we waited
		return conn, err
	}
	link, err := dialHops(ctx, jumps, shared, authTimeout)
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil {
			j.dials, j.err = j.dials+1, err
		}
		return nil, err
	}
	j.conn, j.err = newConn(link, jumps[len(jumps)-1].KeepAlive), nil
	return j.conn, nil
}

// dial opens a connection from this host on.
func (c *conn) dial(ctx context.Context, endpoint string) (net.Conn, error) {
	channel, err := c.ssh.DialContext(ctx, "tcp", endpoint)
	if err != nil {
		return nil, err
	}
	return apart(channel), nil
}

// apart lets a connection through a jump host be closed at once. Closing a channel only asks
// the jump host to, and who reads or writes waits until it has answered.
func apart(channel net.Conn) net.Conn {
	near, far := net.Pipe()
	go func() {
		_, _ = io.Copy(channel, far) // how it ended is seen at the near end
		channel.Close()
	}()
	go func() {
		_, _ = io.Copy(far, channel)
		far.Close()
	}()
	return near
}
