package fakevendor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// A Client steers a fixture that runs in another process. Its methods are
// those of [Vendor].
type Client struct {
	base string
	http *http.Client
}

// NewClient returns a client of the admin API at a URL such as
// "http://10.0.0.2:8090".
func NewClient(base string) *Client {
	// A release takes longest: its images are built and packed.
	return &Client{base: base, http: &http.Client{Timeout: time.Minute}}
}

// Ready waits until the fixture answers, or the context ends.
func (c *Client) Ready(ctx context.Context) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		_, err := c.Info(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("fixture is not ready: %w", err)
		case <-ticker.C:
		}
	}
}

// Info returns the keys of the fixture's world.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var info Info
	return info, c.do(ctx, http.MethodGet, "/info", nil, &info)
}

// KeyFingerprint is [Vendor.KeyFingerprint].
func (c *Client) KeyFingerprint(ctx context.Context) (string, error) {
	info, err := c.Info(ctx)
	return info.KeyFingerprint, err
}

// SetRelease is [Vendor.SetRelease].
func (c *Client) SetRelease(ctx context.Context, r Release) (Published, error) {
	var p Published
	return p, c.do(ctx, http.MethodPut, "/release", r, &p)
}

// RemoveRelease is [Vendor.RemoveRelease].
func (c *Client) RemoveRelease(ctx context.Context, channel string) error {
	return c.do(ctx, http.MethodDelete, "/release/"+url.PathEscape(channel), nil, nil)
}

// SetAuth is [Vendor.SetAuth].
func (c *Client) SetAuth(ctx context.Context, a Auth) error {
	return c.do(ctx, http.MethodPut, "/auth", a, nil)
}

// SetFault is [Vendor.SetFault].
func (c *Client) SetFault(ctx context.Context, f Fault) error {
	return c.do(ctx, http.MethodPost, "/faults", f, nil)
}

// ClearFaults is [Vendor.ClearFaults].
func (c *Client) ClearFaults(ctx context.Context) error {
	return c.do(ctx, http.MethodDelete, "/faults", nil, nil)
}

// Requests is [Vendor.Requests].
func (c *Client) Requests(ctx context.Context) ([]Request, error) {
	var list []Request
	return list, c.do(ctx, http.MethodGet, "/requests", nil, &list)
}

// Reset is [Vendor.Reset].
func (c *Client) Reset(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/reset", nil, nil)
}

// do sends in, when there is one, and reads the answer into out.
func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	if err := c.exchange(ctx, method, path, in, out); err != nil {
		return fmt.Errorf("fakevendor: %s %s: %w", method, path, err)
	}
	return nil
}

func (c *Client) exchange(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	dec := json.NewDecoder(io.LimitReader(res.Body, 16<<20))
	if res.StatusCode != http.StatusOK {
		var e errorBody
		if err := dec.Decode(&e); err != nil || e.Error == "" {
			return fmt.Errorf("answered %s", res.Status)
		}
		return fmt.Errorf("%s", e.Error)
	}
	if out == nil {
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}
	return dec.Decode(out)
}
