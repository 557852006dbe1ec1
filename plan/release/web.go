package release

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// A page is an answer with status 200.
type page struct {
	body     []byte
	html     bool
	date     time.Time // the server's clock, zero when it does not say
	modified time.Time
}

// errAbsent is a server's own word that something is not there.
var errAbsent = errors.New("not there")

// get reads one page of at most limit bytes.
func (c *session) get(ctx context.Context, url string, limit int64) (page, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return page{}, fmt.Errorf("ask for %q: not a URL", url)
	}
	host := req.URL.Host
	resp, err := c.http.Do(req)
	if err != nil {
		return page{}, classify(host, err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return page{}, errAbsent
	case http.StatusUnauthorized, http.StatusForbidden:
		return page{}, &AuthError{Host: host, Status: resp.StatusCode, Anonymous: true}
	default:
		return page{}, &UnreachableError{Host: host, Reason: statusReason(resp.StatusCode)}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return page{}, classify(host, err)
	}
	if int64(len(body)) > limit {
		return page{}, &UnreachableError{Host: host, Reason: fmt.Sprintf("its answer is longer than %d bytes", limit)}
	}
	p := page{body: body, html: isHTML(resp.Header, body)}
	p.date, _ = http.ParseTime(resp.Header.Get("Date"))
	p.modified, _ = http.ParseTime(resp.Header.Get("Last-Modified"))
	return p, nil
}

// isHTML tells a page for people, such as a hotel's login page or an
// application's front page, from the file that was asked for.
func isHTML(h http.Header, body []byte) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err == nil && kind == "text/html" {
		return true
	}
	return strings.HasPrefix(http.DetectContentType(body), "text/html")
}

func statusReason(status int) string {
	switch {
	case status == http.StatusTooManyRequests:
		return "it wants fewer requests and did not calm down (status 429): try again later"
	case status >= 500:
		return fmt.Sprintf("it has trouble of its own (status %d): try again later", status)
	}
	return fmt.Sprintf("it gave an answer of no use (status %d)", status)
}

// classify turns what the network said into the errors of this package. The
// texts are ours: an error of a library may carry a server's words.
func classify(host string, err error) error {
	var unreachable *UnreachableError
	if errors.As(err, &unreachable) {
		return unreachable
	}
	reason, cause := networkReason(err, "its answer is not understood")
	return &UnreachableError{Host: host, Reason: reason, Err: cause}
}

// networkReason names the causes that a person can do something about, and
// otherwise says what the caller would. The cause it returns was made on this
// machine and not by a server.
func networkReason(err error, otherwise string) (reason string, cause error) {
	var (
		dns       *net.DNSError
		op        *net.OpError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		timeout   net.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted", context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time", context.DeadlineExceeded
	case errors.As(err, &authority):
		return "its TLS certificate is of an authority that this machine does not know: a proxy in between, or a login page of the network", nil
	case errors.As(err, &hostname):
		return "its TLS certificate is for another name: a proxy in between, or a login page of the network", nil
	case errors.As(err, &invalid):
		return "its TLS certificate is not valid now: look at this machine's clock first", nil
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak TLS there", nil
	case errors.As(err, &dns):
		return "its name is not found", dns
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time", os.ErrDeadlineExceeded
	case errors.As(err, &op):
		return "the connection failed: " + op.Error(), op
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection ended before the answer did", io.ErrUnexpectedEOF
	}
	return otherwise, nil
}
