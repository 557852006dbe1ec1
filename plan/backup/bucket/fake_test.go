package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A store that lies, in answers one after the other.
type lying struct {
	answers []func(*http.Request) (*http.Response, error)
	asked   []*http.Request
}

func (l *lying) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return nil, err
		}
	}
	l.asked = append(l.asked, req)
	return l.answers[min(len(l.asked), len(l.answers))-1](req)
}

func says(status int, body string, header ...string) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i+1 < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, ContentLength: -1, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
	}
}

// breaks begins an answer and breaks off.
func breaks(status int, body string, header ...string) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		resp, err := says(status, body, header...)(req)
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(body), reader(func([]byte) (int, error) { return 0, errors.New("connection reset") })))
		return resp, err
	}
}

func away(*http.Request) (*http.Response, error) { return nil, errors.New("no route to host") }

func against(l *lying) *Bucket {
	return &Bucket{
		Place:     Place{Endpoint: "https://s3.example", Region: "r", Name: "n"},
		Login:     func(context.Context) (Login, error) { return Login{ID: "AK", Secret: "S"}, nil },
		Transport: l, Pause: time.Nanosecond, Idle: time.Minute,
	}
}

const listed = `<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">%s</ListBucketResult>`

func TestWhatAStoreSaysIsNotBelieved(t *testing.T) {
	list := func(b *Bucket) error {
		return b.List(t.Context(), "acme", func(string, int64, time.Time) error { return nil })
	}
	get := func(b *Bucket) error { return b.Get(t.Context(), "acme/1", 10, io.Discard) }
	put := func(b *Bucket) error {
		return b.Put(t.Context(), "acme/1", bytes.NewReader(make([]byte, partSize+1)), partSize+1, nil)
	}
	type answers = []func(*http.Request) (*http.Response, error)
	for _, tt := range []struct {
		name    string
		do      func(*Bucket) error
		answers answers
		want    string
		asks    int
	}{
		{"a page of something else", list, answers{says(200, "<html>log in</html>")}, "not one of an S3 store", 1},
		{"nothing at all", list, answers{says(200, "")}, "not one of an S3 store", 1},
		{"a redirect", list, answers{says(307, "", "Location", "http://elsewhere.example/")}, "status 307", 1},
		{"an error that is a poem", list, answers{says(403, "<Error><Code>\x1b[31mred roses</Code></Error>")}, "list acme: the store answers with status 403", 1},
		{"an endless error", list, answers{says(400, "<Error><Code>"+strings.Repeat("x", 1<<20))}, "status 400", 1},
		{"an error after a good beginning", put, answers{
			says(200, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"), says(200, "", "ETag", `"e"`), says(200, "", "ETag", `"e"`),
			says(200, "<Error><Code>InvalidPart</Code></Error>"),
		}, "put together acme/1: the store says InvalidPart", -1},
		{"no number for the parts", put, answers{says(200, "<InitiateMultipartUploadResult/>")}, "not one of an S3 store", 1},
		{"a part without a tag", put, answers{says(200, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"), says(200, "")}, "not one of an S3 store", -1},
		{"a name out of the folder", list, answers{says(200, fmt.Sprintf(listed, "<Contents><Key>globex/1</Key></Contents>"))}, "not one of an S3 store", 1},
		{"a name that cannot be decoded", list, answers{says(200, fmt.Sprintf(listed, "<EncodingType>url</EncodingType><Contents><Key>acme/%zz</Key></Contents>"))}, "not one of an S3 store", 1},
		{"a negative size", list, answers{says(200, fmt.Sprintf(listed, "<Contents><Key>acme/1</Key><Size>-1</Size></Contents>"))}, "not one of an S3 store", 1},
		{"a list that goes round", list, answers{says(200, fmt.Sprintf(listed, "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"))}, "not one of an S3 store", 2},
		{"a list that does not go on", list, answers{says(200, fmt.Sprintf(listed, "<IsTruncated>true</IsTruncated>"))}, "not one of an S3 store", 1},
		{"an endless object", get, answers{says(200, strings.Repeat("x", 100), "X", "y")}, "", 1},
		{"the wrong rest", get, answers{breaks(200, "01234"), says(206, "56789", "Content-Range", "bytes 0-4/10")}, "not one of an S3 store", 2},
		{"all of it again", get, answers{breaks(200, "01234"), says(200, "0123456789")}, "not one of an S3 store", 2},
		{"never there", list, answers{away}, "list acme: no route to host", firstTries},
		{"busy for ever", list, answers{says(503, "<Error><Code>SlowDown</Code></Error>")}, "the store says SlowDown (503)", maxTries},
		{"busy for a while", list, answers{away, says(503, ""), says(429, ""), says(200, fmt.Sprintf(listed, ""))}, "", 4},
		{"folders without end", func(b *Bucket) error {
			_, err := b.Folders(t.Context(), "acme")
			return err
		}, answers{says(200, fmt.Sprintf(listed, strings.Repeat("<CommonPrefixes><Prefix>acme/1/</Prefix></CommonPrefixes>", maxFolders+1)))}, "more than can be read", 1},
		{"another clock", list, answers{says(403, "<Error><Code>RequestTimeTooSkewed</Code></Error>")}, "the clocks of this machine and of the store differ too much", 1},
		{"no such operation", list, answers{says(501, "")}, "status 501", 1},
		{"not there", get, answers{says(404, "<Error><Code>NoSuchKey</Code></Error>")}, "get acme/1: it is not there", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := &lying{answers: tt.answers}
			err := tt.do(against(l))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v; want %q", err, tt.want)
			}
			if tt.asks >= 0 && len(l.asked) != tt.asks {
				t.Errorf("asked %d times, want %d", len(l.asked), tt.asks)
			}
		})
	}
}

// A read goes on where it broke, for as long as it comes further.
func TestAReadGoesOnWhereItBroke(t *testing.T) {
	l := &lying{}
	for n := range 2 * maxTries {
		status := 206
		if n == 0 {
			status = 200
		}
		l.answers = append(l.answers, breaks(status, string(rune('a'+n)), "Content-Range", fmt.Sprintf("bytes %d-%d/%d", n, 2*maxTries-1, 2*maxTries)))
	}
	var got strings.Builder
	if err := against(l).Get(t.Context(), "k", 2*maxTries, &got); err != nil || got.String() != "abcdefghijklmnopqr" {
		t.Errorf("%q, %v", got.String(), err)
	}
	full := errors.New("disk full")
	l = &lying{answers: []func(*http.Request) (*http.Response, error){says(200, "0123456789")}}
	if err := against(l).Get(t.Context(), "k", 10, refusing{full}); !errors.Is(err, full) || len(l.asked) != 1 {
		t.Errorf("%v after %d tries", err, len(l.asked))
	}
}

type refusing struct{ error }

func (r refusing) Write([]byte) (int, error) { return 0, r.error }

// A store in which nothing moves is given up, and so is one that nobody waits for
// any more.
func TestNothingWaitsForEver(t *testing.T) {
	silent := func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, context.Cause(req.Context())
	}
	b := against(&lying{answers: []func(*http.Request) (*http.Response, error){silent}})
	b.Idle = time.Millisecond
	if err := b.Remove(t.Context(), "k"); !errors.Is(err, errIdle) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("nobody waits")
	b = against(&lying{answers: []func(*http.Request) (*http.Response, error){func(req *http.Request) (*http.Response, error) {
		cancel(gone)
		return silent(req)
	}}})
	if err := b.Remove(ctx, "k"); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
}

// A store may answer before it has all of a body. What is read of it from then on
// is of a try that has ended, and counts for nothing.
func TestABodyThatIsReadAfterTheAnswer(t *testing.T) {
	const size = 3000
	var told atomic.Int64
	h := &hasty{again: make(chan struct{}), done: make(chan error, 1)}
	b := against(nil)
	b.Transport = h
	if err := b.Put(t.Context(), "k", bytes.NewReader(make([]byte, size)), size, func(n int64) { told.Add(n) }); err != nil || told.Load() != size {
		t.Errorf("told of %d bytes of %d, %v", told.Load(), size, err)
	}
}

// A hasty store is busy once, after a third of a body; the second third is read
// meanwhile, and the last one when it is asked again.
type hasty struct {
	again chan struct{}
	done  chan error
	asked bool
}

func (h *hasty) RoundTrip(req *http.Request) (*http.Response, error) {
	if h.asked {
		close(h.again)
		_, err := io.Copy(io.Discard, req.Body)
		if err := errors.Join(err, <-h.done); err != nil {
			return nil, err
		}
		return says(200, "")(req)
	}
	h.asked = true
	third := func() error {
		_, err := io.CopyN(io.Discard, req.Body, req.ContentLength/3)
		return err
	}
	if err := third(); err != nil {
		return nil, err
	}
	go func() {
		err := third()
		<-h.again
		h.done <- errors.Join(err, third())
	}()
	return says(503, "")(req)
}

func TestAddressesOfABucket(t *testing.T) {
	for _, tt := range []struct {
		place Place
		want  string
	}{
		{Place{Endpoint: "https://s3.eu-central-1.amazonaws.com", Name: "n", Prefix: "p/q"}, "https://n.s3.eu-central-1.amazonaws.com/p/q/acme/1"},
		{Place{Endpoint: "https://s3.example:9000", Name: "n", PathStyle: true}, "https://s3.example:9000/n/acme/1"},
	} {
		l := &lying{answers: []func(*http.Request) (*http.Response, error){says(204, "")}}
		b := against(l)
		b.Place = tt.place
		if err := b.Remove(t.Context(), "acme/1"); err != nil || l.asked[0].URL.String() != tt.want {
			t.Errorf("%v, %v; want %s", l.asked[0].URL, err, tt.want)
		}
		if h := l.asked[0].Header.Get("Authorization"); !strings.Contains(h, "Credential=AK/") || !strings.Contains(h, "x-amz-content-sha256") {
			t.Errorf("%q", h)
		}
	}
}

func TestLogins(t *testing.T) {
	for text, want := range map[string]Login{
		"AK:secret/with:colon+": {ID: "AK", Secret: "secret/with:colon+"}, "AK": {}, ":x": {}, "AK:": {}, "AK: x": {}, "AK:a\nb": {},
	} {
		got, err := ParseLogin([]byte(text))
		if got != want || (err == nil) != (want != Login{}) || err != nil && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	home := t.TempDir()
	file := filepath.Join(home, ".aws", "credentials")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	const text = "# mine\n[default]\naws_access_key_id = AKD\naws_secret_access_key=SD\n; old\n[ work ]\naws_access_key_id=AKW\naws_secret_access_key=S=W\naws_session_token=T\n[half]\naws_access_key_id=AKH\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		env  map[string]string
		home string
		want Login
	}{
		{map[string]string{"AWS_ACCESS_KEY_ID": "AKE", "AWS_SECRET_ACCESS_KEY": "SE"}, home, Login{ID: "AKE", Secret: "SE"}},
		{map[string]string{"AWS_ACCESS_KEY_ID": "AKE"}, home, Login{ID: "AKD", Secret: "SD"}},
		{map[string]string{"AWS_PROFILE": "work"}, home, Login{"AKW", "S=W", "T"}},
		{map[string]string{"AWS_PROFILE": "half"}, home, Login{}},
		{map[string]string{"AWS_SHARED_CREDENTIALS_FILE": file}, "", Login{ID: "AKD", Secret: "SD"}},
		{nil, t.TempDir(), Login{}},
	} {
		got, err := OwnLogin(func(name string) string { return tt.env[name] }, tt.home)
		if got != tt.want || (err == nil) != (tt.want != Login{}) {
			t.Errorf("%v: %v, %v", tt.env, got, err)
		}
	}
}

// Whatever a store answers, what it names is below the folder that was asked for,
// and its words do not reach a message unread.
func FuzzAnswers(f *testing.F) {
	f.Add(200, fmt.Sprintf(listed, "<EncodingType>url</EncodingType><Contents><Key>acme/%2e%2e</Key><Size>1</Size></Contents><CommonPrefixes><Prefix>acme/1/</Prefix></CommonPrefixes>"))
	f.Add(403, "<Error><Code>AccessDenied</Code></Error>")
	f.Add(200, "<Error><Code>InternalError</Code></Error>")
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			return
		}
		b := against(&lying{answers: []func(*http.Request) (*http.Response, error){says(status, body)}})
		err := b.List(t.Context(), "acme", func(_ string, size int64, _ time.Time) error {
			if size < 0 {
				t.Errorf("%q has a size of %d", body, size)
			}
			return nil
		})
		if err != nil && strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q becomes %q", body, err)
		}
	})
}

func FuzzLogins(f *testing.F) {
	f.Add("[default]\naws_access_key_id = AK\naws_secret_access_key=S=\n", "default")
	f.Fuzz(func(t *testing.T, text, name string) {
		for key, value := range section([]byte(text), name) {
			if strings.ContainsAny(key+value, "\n") || strings.Contains(key, "=") {
				t.Errorf("%q: %q is %q", text, key, value)
			}
		}
		if l, err := ParseLogin([]byte(text)); err == nil && l.ID+":"+l.Secret != text {
			t.Errorf("%q is %+v", text, l)
		}
	})
}
