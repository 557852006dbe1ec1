package release

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// roundTrip is a transport made of a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func answer(req *http.Request, status int, header http.Header, body io.Reader) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(body), Request: req}
}

func request(t *testing.T, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestOnlyPassingTroubleIsTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		status     int
		retryAfter string
		tries      int
		atLeast    time.Duration
		atMost     time.Duration
	}{
		"fine":              {200, "", 1, 0, 0},
		"not found":         {404, "", 1, 0, 0},
		"not allowed":       {403, "", 1, 0, 0},
		"busy":              {429, "", tries, 3500 * time.Millisecond, 7 * time.Second},
		"in trouble":        {503, "", tries, 3500 * time.Millisecond, 7 * time.Second},
		"not built":         {501, "", 1, 0, 0},
		"busy for a while":  {429, "3", tries, 9 * time.Second, 10 * time.Second},
		"busy for ever":     {429, "86400", tries, 60 * time.Second, 60 * time.Second},
		"busy, by a date":   {429, "Mon, 23 Nov 2026 21:00:00 GMT", tries, 3500 * time.Millisecond, 7 * time.Second},
		"busy for less":     {429, "-5", tries, 3500 * time.Millisecond, 7 * time.Second},
		"busy beyond count": {429, "99999999999999999999", tries, 3500 * time.Millisecond, 7 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				p := retryTransport{pause: time.Second, next: roundTrip(func(req *http.Request) (*http.Response, error) {
					asked++
					return answer(req, c.status, http.Header{"Retry-After": {c.retryAfter}}, strings.NewReader("")), nil
				})}
				start := time.Now()
				resp, err := p.RoundTrip(request(t, "https://registry.example/v2/"))
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				took := time.Since(start)
				if asked != c.tries || took < c.atLeast || took > c.atMost {
					t.Errorf("asked %d times in %v, want %d in %v to %v", asked, took, c.tries, c.atLeast, c.atMost)
				}
			})
		})
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p := retryTransport{pause: time.Hour, next: roundTrip(func(req *http.Request) (*http.Response, error) {
			return answer(req, 503, nil, strings.NewReader("")), nil
		})}
		_, err := p.RoundTrip(request(t, "https://registry.example/").WithContext(ctx))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAnErrorOfTheNetworkIsNotTriedAgain(t *testing.T) {
	asked := 0
	p := retryTransport{pause: time.Nanosecond, next: roundTrip(func(*http.Request) (*http.Response, error) {
		asked++
		return nil, io.EOF
	})}
	if _, err := p.RoundTrip(request(t, "https://registry.example/")); !errors.Is(err, io.EOF) || asked != 1 {
		t.Errorf("asked %d times: %v", asked, err)
	}
}

func TestGuard(t *testing.T) {
	digest := strings.Repeat("a", 64)
	for name, c := range map[string]struct {
		from, to string // a redirect, when from is not empty
		text     string // of the error, if any
	}{
		"TLS":                     {"", "https://registry.example/v2/", ""},
		"no TLS":                  {"", "http://registry.example/v2/", "without TLS"},
		"same host":               {"https://registry.example/a", "https://registry.example/b", ""},
		"another host":            {"https://registry.example/v2/x/manifests/1", "https://cdn.example/1", "another host"},
		"another port":            {"https://registry.example/a", "https://registry.example:8443/a", "another host"},
		"a blob elsewhere":        {"https://registry.example/v2/x/blobs/sha256:" + digest, "https://cdn.example/1", ""},
		"a blob without TLS":      {"https://registry.example/v2/x/blobs/sha256:" + digest, "http://cdn.example/1", "without TLS"},
		"what only looks like it": {"https://registry.example/login?/v2/x/blobs/sha256:" + digest, "https://cdn.example/1", "another host"},
	} {
		t.Run(name, func(t *testing.T) {
			g := guard{next: roundTrip(func(req *http.Request) (*http.Response, error) {
				return answer(req, 200, nil, strings.NewReader("fine")), nil
			})}
			req := request(t, c.to)
			if c.from != "" {
				req.Response = &http.Response{Request: request(t, c.from)}
			}
			resp, err := g.RoundTrip(req)
			if c.text == "" {
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				return
			}
			var unreachable *UnreachableError
			if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want an error that says %q", err, c.text)
			}
		})
	}
}

// endless is a body that does not end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestAnswersAreBounded(t *testing.T) {
	g := guard{next: roundTrip(func(req *http.Request) (*http.Response, error) {
		return answer(req, 200, nil, endless{}), nil
	})}
	resp, err := g.RoundTrip(request(t, "https://registry.example/"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	var unreachable *UnreachableError
	if n != maxAnswer || !errors.As(err, &unreachable) {
		t.Errorf("read %d bytes, %v", n, err)
	}
}

// What a library or a server puts into an error stays out of ours.
func TestForeignWordsStayOut(t *testing.T) {
	const foreign = "\x1b]52;c;cGF5bG9hZA==\x07 token=s3cret"
	for name, transport := range map[string]roundTrip{
		"an error": func(*http.Request) (*http.Response, error) { return nil, errors.New(foreign) },
		"a body": func(req *http.Request) (*http.Response, error) {
			return answer(req, 400, nil, strings.NewReader(foreign)), nil
		},
		"a status line": func(req *http.Request) (*http.Response, error) {
			resp := answer(req, 599, nil, strings.NewReader(foreign))
			resp.Status = foreign
			return resp, nil
		},
		"a challenge": func(req *http.Request) (*http.Response, error) {
			return answer(req, 401, http.Header{"Www-Authenticate": {`Bearer realm="` + foreign + `"`}}, strings.NewReader("")), nil
		},
		"a content type": func(req *http.Request) (*http.Response, error) {
			return answer(req, 200, http.Header{"Content-Type": {foreign}}, strings.NewReader("")), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			src := f.source()
			src.Credentials = func(context.Context) (string, []byte, error) { return "u", []byte("canary-pass"), nil }
			client := Client{Pause: time.Nanosecond, Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
				if req.URL.Host == DefaultRegistry {
					return transport(req)
				}
				return f.RoundTrip(req)
			})}
			_, err := client.Resolve(t.Context(), src)
			if err == nil {
				t.Fatal("no error")
			}
			for _, secret := range []string{"s3cret", "\x1b", "canary-pass"} {
				for e := err; e != nil; e = errors.Unwrap(e) {
					if strings.Contains(e.Error(), secret) {
						t.Errorf("the error %q holds %q", e, secret)
					}
				}
			}
		})
	}
}
