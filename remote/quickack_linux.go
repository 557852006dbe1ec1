package remote

import (
	"net"
	"syscall"
)

// An ackingConn acknowledges at once what it has read. sshd leaves Nagle's
// algorithm on until a session runs, so its small handshake packets wait for
// our acknowledgements, which Linux likes to delay by 40 ms. The kernel
// forgets the wish, so it is repeated until the handshake's packets are
// through.
type ackingConn struct {
	*net.TCPConn
	raw  syscall.RawConn
	left int
}

// handshakeReads is how many reads are acknowledged at once: generous for a
// handshake, and nothing that a long transfer would feel.
const handshakeReads = 64

func quickAck(conn net.Conn) net.Conn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return conn
	}
	return &ackingConn{TCPConn: tcp, raw: raw, left: handshakeReads}
}

// Read is called by one goroutine only, the transport's reader.
func (c *ackingConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if c.left > 0 {
		c.left--
		// A kernel that refuses is merely slower.
		_ = c.raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
		})
	}
	return n, err
}
