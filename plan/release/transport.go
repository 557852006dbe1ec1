package release

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxAnswer bounds every answer, of whatever kind: four times what the
// distribution specification asks registries to take as a manifest.
const maxAnswer = 16 << 20

// newTransport speaks to the net as the environment's proxy settings say.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 20 * time.Second,
		IdleConnTimeout:       30 * time.Second,
		ForceAttemptHTTP2:     true,
	}
}

// A guard lets nothing through but what this package wants to say and hear:
// TLS, bounded answers, no way to another host.
type guard struct {
	next http.RoundTripper
}

func (g guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" {
		return nil, &UnreachableError{Host: req.URL.Host, Reason: "it was to be asked without TLS, which is never done"}
	}
	if first := origin(req); first.URL.Host != req.URL.Host && !isBlob(first) {
		return nil, &UnreachableError{Host: first.URL.Host, Reason: fmt.Sprintf(
			"it sends us on to another host, %q: a login page of the network, or not the host that was meant", req.URL.Host)}
	}
	resp, err := g.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, host: req.URL.Host, left: maxAnswer}
	return resp, nil
}

// origin is the request that a chain of redirects began with.
func origin(req *http.Request) *http.Request {
	for req.Response != nil && req.Response.Request != nil {
		req = req.Response.Request
	}
	return req
}

// isBlob reports whether a request is for content that is named by its hash.
// Registries keep that elsewhere and send their clients there.
func isBlob(req *http.Request) bool {
	return strings.HasPrefix(req.URL.Path, "/v2/") && strings.Contains(req.URL.Path, "/blobs/sha256:")
}

// A boundedBody ends with an error when it is longer than it may be, and with
// one in our words when the connection does.
type boundedBody struct {
	io.ReadCloser
	host string
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, &UnreachableError{Host: b.host, Reason: fmt.Sprintf("its answer is longer than %d bytes", maxAnswer)}
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err != nil && err != io.EOF {
		reason, cause := networkReason(err, "the connection broke in the middle of the answer")
		err = &UnreachableError{Host: b.host, Reason: reason, Err: cause}
	}
	return n, err
}

// A retryTransport transport asks again when a server says that it is busy or that
// it has trouble, and not for any other reason.
type retryTransport struct {
	next  http.RoundTripper
	pause time.Duration // before the second try; each later one takes twice as long
}

const (
	tries        = 4
	longestPause = 20 * time.Second
)

func (p retryTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	for try := 1; ; try++ {
		resp, err := p.next.RoundTrip(req)
		if err != nil || try == tries || req.Body != nil || !isTemporary(resp.StatusCode) {
			return resp, err
		}
		resp.Body.Close()
		wait := time.NewTimer(p.wait(try, resp.Header.Get("Retry-After")))
		select {
		case <-req.Context().Done():
			wait.Stop()
			return nil, req.Context().Err()
		case <-wait.C:
		}
	}
}

func isTemporary(status int) bool {
	return status == http.StatusTooManyRequests || status >= 500 && status != http.StatusNotImplemented
}

// wait is half the pause for certain and half by chance, so that many clients
// do not come back together. A server may ask for more, within reason.
func (p retryTransport) wait(try int, retryAfter string) time.Duration {
	pause := p.pause << (try - 1)
	pause = pause/2 + rand.N(pause/2+1)
	if seconds, err := strconv.Atoi(retryAfter); err == nil && seconds > 0 {
		pause = max(pause, time.Duration(min(seconds, int(longestPause/time.Second)))*time.Second)
	}
	return min(pause, longestPause)
}
