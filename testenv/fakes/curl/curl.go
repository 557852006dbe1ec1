// Package curl is the small part of curl that health checks and runbooks use
// inside the vendor's containers: -f -s -S -o -w -H -m -X -L, --data-binary, --unix-socket
// and URLs.
//
// It exits with curl's own numbers, because callers tell a refused connection
// (7) from an error page (22) by them.
package curl

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Curl's exit statuses.
const (
	exitOK       = 0
	exitProtocol = 1
	exitUsage    = 2
	exitBadURL   = 3
	exitResolve  = 6
	exitConnect  = 7
	exitHTTP     = 22
	exitWrite    = 23
	exitRead     = 26
	exitTimeout  = 28
	exitTLS      = 60
	exitTransfer = 56
)

type options struct {
	fail, silent, showError, follow, include bool

	output, writeOut, method string
	data, socket             string
	headers                  []string
	maxTime                  float64
}

// Run does one curl command and returns its exit status.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	flags := pflag.NewFlagSet("curl", pflag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVarP(&o.fail, "fail", "f", false, "no output and status 22 for an error page")
	flags.BoolVarP(&o.silent, "silent", "s", false, "no messages")
	flags.BoolVarP(&o.showError, "show-error", "S", false, "messages even with -s")
	flags.BoolVarP(&o.follow, "location", "L", false, "follow redirects")
	flags.BoolVarP(&o.include, "include", "i", false, "print the head of the answer too")
	flags.BoolP("http1.0", "0", false, "accepted; a newer version is spoken all the same")
	flags.StringVarP(&o.output, "output", "o", "", "write the body to this file")
	flags.StringVarP(&o.writeOut, "write-out", "w", "", "print this afterwards; knows %{http_code}")
	flags.StringVarP(&o.method, "request", "X", http.MethodGet, "method")
	flags.StringArrayVarP(&o.headers, "header", "H", nil, "add this header")
	flags.Float64VarP(&o.maxTime, "max-time", "m", 0, "seconds until it gives up")
	flags.StringVar(&o.data, "data-binary", "", "send this, or the content of @FILE")
	flags.StringVar(&o.socket, "unix-socket", "", "connect to this instead of the URL's host")
	if err := flags.Parse(args); err != nil || flags.NArg() == 0 {
		return exitUsage
	}
	if o.data != "" && !flags.Changed("request") {
		o.method = http.MethodPost
	}
	status := exitOK
	for _, address := range flags.Args() {
		code, err := o.fetch(ctx, address, stdout)
		if err != nil && (!o.silent || o.showError) {
			fmt.Fprintf(stderr, "curl: (%d) %v\n", code, err)
		}
		status = max(status, code)
	}
	return status
}

// fetch gets one URL and returns curl's exit status for it.
func (o *options) fetch(ctx context.Context, address string, stdout io.Writer) (int, error) {
	if o.maxTime > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(o.maxTime*float64(time.Second)))
		defer cancel()
	}
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	body, err := o.body()
	if err != nil {
		return exitRead, err
	}
	req, err := http.NewRequestWithContext(ctx, o.method, address, body)
	if err != nil || req.URL.Host == "" {
		return exitBadURL, errors.New("URL using bad/illegal format or missing URL")
	}
	if scheme := req.URL.Scheme; scheme != "http" && scheme != "https" {
		return exitProtocol, fmt.Errorf("protocol %q not supported", scheme)
	}
	o.setHeaders(req)
	httpStatus := 0
	defer func() { o.print(stdout, httpStatus) }()
	client := &http.Client{}
	if o.socket != "" {
		client.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", o.socket)
		}}
	}
	if !o.follow {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	res, err := client.Do(req)
	if err != nil {
		return exitStatus(err), errors.Unwrap(err)
	}
	defer res.Body.Close()
	httpStatus = res.StatusCode
	if o.include {
		fmt.Fprintf(stdout, "HTTP/1.0 %s\r\n\r\n", res.Status)
	}
	if o.fail && httpStatus >= http.StatusBadRequest {
		return exitHTTP, fmt.Errorf("the requested URL returned error: %d", httpStatus)
	}
	return o.save(res.Body, stdout)
}

// body is what is sent, nil for nothing.
func (o *options) body() (io.Reader, error) {
	name, isFile := strings.CutPrefix(o.data, "@")
	switch {
	case !isFile:
		return strings.NewReader(o.data), nil
	case name == "-":
		return os.Stdin, nil
	}
	data, err := os.ReadFile(name)
	return bytes.NewReader(data), err
}

func (o *options) setHeaders(req *http.Request) {
	for _, h := range o.headers {
		name, value, _ := strings.Cut(h, ":")
		req.Header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
}

// save writes the body where it is wanted.
func (o *options) save(body io.Reader, stdout io.Writer) (code int, err error) {
	w := stdout
	if o.output != "" {
		f, err := os.OpenFile(o.output, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
		if err != nil {
			return exitWrite, err
		}
		defer func() {
			if closeErr := f.Close(); err == nil && closeErr != nil {
				code, err = exitWrite, closeErr
			}
		}()
		w = f
	}
	if _, err := io.Copy(w, body); err != nil {
		if code := exitStatus(err); code == exitTimeout {
			return code, err
		}
		return exitTransfer, err
	}
	return exitOK, nil
}

// print is -w: the escapes a shell would not make, and the status.
func (o *options) print(stdout io.Writer, httpStatus int) {
	code := fmt.Sprintf("%03d", httpStatus)
	text := strings.NewReplacer(`\n`, "\n", `\t`, "\t", "%{http_code}", code, "%%", "%").Replace(o.writeOut)
	_, _ = io.WriteString(stdout, text) // nobody reads any more: nobody to tell
}

func exitStatus(err error) int {
	var resolve *net.DNSError
	var verify *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return exitTimeout
	case errors.As(err, &resolve):
		return exitResolve
	case errors.As(err, &verify):
		return exitTLS
	}
	return exitConnect
}
