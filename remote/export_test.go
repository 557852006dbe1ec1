package remote

import "time"

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
