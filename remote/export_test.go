package remote

import (
	"io"
	"net"
	"time"
)

// WithoutSFTP is NewClient for a host that has no sftp-server.
func WithoutSFTP(cfg Config) *Client {
	c := NewClient(cfg)
	c.noSFTP = true
	return c
}

// SetStartTimeout shortens the wait for a command to begin.
func (c *Client) SetStartTimeout(d time.Duration) { c.startTimeout = d }

// SetAuthTimeout shortens the wait for a login.
func (c *Client) SetAuthTimeout(d time.Duration) { c.authTimeout = d }

// SetFileTimeout shortens the wait for an operation on a file.
func (c *Client) SetFileTimeout(d time.Duration) { c.fileTimeout = d }

// PeekRefuses reads what a host says first as a handshake does, and reports whether it was
// refused for want of strict key exchange.
func PeekRefuses(said io.Reader) bool {
	peek := newKexPeek(readConn{r: said}, ciphers())
	_, err := io.Copy(io.Discard, peek)
	return err == errNotStrict
}

type readConn struct {
	net.Conn
	r io.Reader
}

func (c readConn) Read(p []byte) (int, error) { return c.r.Read(p) }
