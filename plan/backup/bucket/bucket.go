// Package bucket keeps objects in a bucket of an S3-compatible store: [Bucket.Put]
// sends one, [Bucket.Get] reads one, [Bucket.List] and [Bucket.Folders] say what
// there is, [Bucket.Remove] takes one away. It knows nothing of backups.
//
// # What it promises
//
// Every request is signed (AWS Signature Version 4), and the signature covers the
// SHA-256 of what is sent: a store that checks signatures refuses bytes that were
// turned on the way. What is sent is read from the disk twice, first for its hash,
// and never held in memory. Large objects travel in parts.
//
// A request in which nothing moves is ended, and one that broke or met a busy store
// is made again, with growing pauses, for about two minutes; a read goes on where it
// broke. What is refused is not asked for again. All of that ends with the context.
//
// # What it does not believe
//
// Answers are bounded. A redirect is not followed: it would carry a signature
// elsewhere. Of an error only the code is kept, and only if it looks like one. What
// an object holds is for the caller to hash.
package bucket

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// A Place says which bucket, and where in it.
type Place struct {
	Endpoint  string // URL without a path
	Region    string
	Name      string
	Prefix    string // before every key; "" or without slashes at its ends
	PathStyle bool   // the bucket is the first part of the path, not of the host's name
}

// A Bucket keeps objects. Its exported fields are set before the first call.
type Bucket struct {
	Place
	Login     func(context.Context) (Login, error) // asked once
	Transport http.RoundTripper                    // nil: one of its own
	Pause     time.Duration                        // after the first break, doubled each time; 0 means firstPause
	Idle      time.Duration                        // how long nothing may move; 0 means longestIdle

	once   sync.Once
	client *http.Client
	login  Login
	err    error       // of the login
	met    atomic.Bool // the store has answered
}

const (
	firstPause   = time.Second
	longestPause = 30 * time.Second
	maxTries     = 9 // about two minutes of pauses
	firstTries   = 3 // of a store that has never answered: its name may be wrong
	longestIdle  = 90 * time.Second

	idleConnections = 8 // many small objects travel at once
)

// ErrNone reports an object that is not there.
var ErrNone = errors.New("it is not there")

// open gets the login and a client.
func (b *Bucket) open(ctx context.Context) error {
	b.once.Do(func() {
		transport := b.Transport
		if transport == nil {
			own := http.DefaultTransport.(*http.Transport).Clone()
			own.MaxIdleConnsPerHost, own.DisableCompression = idleConnections, true
			transport = own
		}
		b.client = &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		b.login, b.err = b.Login(ctx)
	})
	return b.err
}

// Close lets go of idle connections.
func (b *Bucket) Close() {
	if b.client != nil {
		b.client.CloseIdleConnections()
	}
}

// A call is one request, which can be made again.
type call struct {
	op, method, key string // key "": the bucket itself
	query           url.Values
	from            *int64 // what of an object is here already; nil asks for all of it
	body            io.ReaderAt
	size            int64
	sums            sums                       // of the body
	moved           func(n int64)              // bytes of the body were sent; may be nil
	answer          func(*http.Response) error // reads a 2xx answer; nil ignores it
}

// do makes a call, again after a break.
func (b *Bucket) do(ctx context.Context, c call) error {
	if err := b.open(ctx); err != nil {
		return err
	}
	pause := b.Pause
	if pause == 0 {
		pause = firstPause
	}
	wait := pause
	for try := 1; ; try++ {
		had := c.had()
		err := b.try(ctx, c)
		if c.had() > had {
			try, wait = 1, pause
		}
		var e *Error
		if err == nil || !errors.As(err, &e) || !e.Away() || try >= b.tries() || ctx.Err() != nil {
			return err
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, longestPause)
	}
}

func (b *Bucket) tries() int {
	if b.met.Load() {
		return maxTries
	}
	return firstTries
}

// had is what an answer has brought so far.
func (c call) had() int64 {
	if c.from == nil {
		return 0
	}
	return *c.from
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

var errIdle = errors.New("nothing moved any more")

// try makes a call once.
func (b *Bucket) try(ctx context.Context, c call) (err error) {
	idle := b.Idle
	if idle == 0 {
		idle = longestIdle
	}
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(idle, func() { cancel(errIdle) })
	defer watch.Stop()
	alive := func() { watch.Reset(idle) }

	sent := &sending{moved: c.moved}
	defer func() { sent.end(err != nil) }()
	req, err := b.request(inner, c, func(n int64) {
		if sent.add(n) {
			alive()
		}
	})
	if err != nil {
		return err
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return c.broke(ctx, inner, err)
	}
	b.met.Store(true)
	body := resp.Body
	defer body.Close()
	resp.Body = io.NopCloser(reader(func(p []byte) (int, error) {
		n, err := body.Read(p)
		alive()
		if err != nil && !errors.Is(err, io.EOF) {
			err = c.broke(ctx, inner, err)
		}
		return n, err
	}))
	return c.read(resp)
}

// A sending counts what of a body was sent by one try. net/http may go on reading
// the body when the answer is there, or nobody waits for it any more: that counts
// no longer.
type sending struct {
	moved func(n int64) // nil for silence

	mu    sync.Mutex
	n     int64
	ended bool
}

// add reports whether the try is still under way.
func (s *sending) add(n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	if s.n += n; s.moved != nil {
		s.moved(n)
	}
	return true
}

// end ends the try; what was sent in vain is removed.
func (s *sending) end(inVain bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if inVain && s.moved != nil {
		s.moved(-s.n)
	}
}

// broke says what an error of the line means. What the caller's own context ended
// is not the line's doing.
func (c call) broke(ctx, inner context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if cause := context.Cause(inner); cause != nil {
		err = cause
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the URL, which the message names in our words
	}
	return &Error{Op: c.op, Key: c.key, Err: err}
}

type reader func(p []byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }

// request writes and signs a call.
func (b *Bucket) request(ctx context.Context, c call, moved func(int64)) (*http.Request, error) {
	u, err := url.Parse(b.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("the endpoint of the bucket: %w", err)
	}
	path := "/"
	if b.PathStyle {
		path += b.Name + "/"
	} else {
		u.Host = b.Name + "." + u.Host
	}
	if c.key != "" {
		path += b.full(c.key)
	}
	u.Path, u.RawQuery = path, strings.ReplaceAll(c.query.Encode(), "+", "%20")
	req, err := http.NewRequestWithContext(ctx, c.method, u.String(), nil)
	if err != nil {
		return nil, err
	}
	if c.from != nil && *c.from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", *c.from))
	}
	sum := emptySum
	if c.size > 0 {
		body := io.NewSectionReader(c.body, 0, c.size)
		req.Body = io.NopCloser(reader(func(p []byte) (int, error) {
			n, err := body.Read(p)
			moved(int64(n))
			return n, err
		}))
		req.ContentLength, sum = c.size, hex.EncodeToString(c.sums.sha256[:])
		req.Header.Set("Content-MD5", base64.StdEncoding.EncodeToString(c.sums.md5[:]))
	}
	req.Header.Set("X-Amz-Content-Sha256", sum)
	login := aws.Credentials{AccessKeyID: b.login.ID, SecretAccessKey: b.login.Secret, SessionToken: b.login.Token}
	return req, v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).SignHTTP(ctx, login, req, sum, "s3", b.Region, time.Now())
}

// emptySum is the SHA-256 of nothing.
const emptySum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// full is a key with what stands before it.
func (b *Bucket) full(key string) string {
	if b.Prefix == "" {
		return key
	}
	return b.Prefix + "/" + key
}
