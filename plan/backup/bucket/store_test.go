package bucket

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"liftalot/testenv/s3test"
)

// open is a bucket of a real store.
func open(s *s3test.Store) *Bucket {
	return &Bucket{
		Place: Place{Endpoint: s.URL, Region: s3test.Region, Name: "clients", Prefix: "of/liftalot", PathStyle: true},
		Login: func(context.Context) (Login, error) { return Login{ID: s3test.ID, Secret: s3test.Secret}, nil },
		Pause: time.Millisecond,
	}
}

func random(t *testing.T, n int) []byte {
	t.Helper()
	data := make([]byte, n)
	if _, err := rand.Read(data); err != nil {
		t.Fatal(err)
	}
	return data
}

func put(t *testing.T, b *Bucket, key string, data []byte) {
	t.Helper()
	var sent atomic.Int64
	if err := b.Put(t.Context(), key, bytes.NewReader(data), int64(len(data)), func(n int64) { sent.Add(n) }); err != nil {
		t.Fatal(err)
	}
	if sent.Load() != int64(len(data)) {
		t.Errorf("%s: told of %d bytes, there are %d", key, sent.Load(), len(data))
	}
}

func TestObjectsOfARealStore(t *testing.T) {
	s := s3test.Start(t, "clients")
	b := open(s)
	t.Cleanup(b.Close)
	objects := map[string][]byte{
		"acme/1/manifest.json": []byte("{}"), "acme/1/db.dump.age": random(t, 3<<20), "acme/2/db.dump.age": random(t, 2*partSize+12345),
		"acme/files/ab/empty.age": {}, "globex/1/manifest.json": []byte("other"),
	}
	for key, data := range objects {
		put(t, b, key, data)
	}
	for key, data := range objects {
		var got bytes.Buffer
		if err := b.Get(t.Context(), key, int64(len(data)), &got); err != nil || !bytes.Equal(got.Bytes(), data) {
			t.Errorf("%s: %d bytes, %v", key, got.Len(), err)
		}
		for _, wrong := range []int64{int64(len(data)) + 1, int64(len(data)) - 1} {
			if err := b.Get(t.Context(), key, wrong, &got); err == nil || !strings.Contains(err.Error(), "not the") {
				t.Errorf("%s as %d bytes: %v", key, wrong, err)
			}
		}
	}
	folders, err := b.Folders(t.Context(), "acme")
	if fmt.Sprint(folders) != "[1 2 files]" || err != nil {
		t.Errorf("%q, %v", folders, err)
	}
	var names []string
	err = b.List(t.Context(), "acme", func(name string, size int64, changed time.Time) error {
		names = append(names, fmt.Sprint(name, " ", size))
		if time.Since(changed).Abs() > time.Hour {
			t.Errorf("%s: %v", name, changed)
		}
		return nil
	})
	slices.Sort(names)
	if want := fmt.Sprintf("[1/db.dump.age %d 1/manifest.json 2 2/db.dump.age %d files/ab/empty.age 0]", 3<<20, 2*partSize+12345); fmt.Sprint(names) != want || err != nil {
		t.Errorf("%v, %v; want %s", names, err, want)
	}
	for range 2 { // the second time it is not there
		if err := b.Remove(t.Context(), "acme/1/manifest.json"); err != nil {
			t.Error(err)
		}
	}
	if err := b.Get(t.Context(), "acme/1/manifest.json", 2, new(bytes.Buffer)); !errors.Is(err, ErrNone) {
		t.Errorf("%v", err)
	}
	if err := b.List(t.Context(), "nobody", func(string, int64, time.Time) error { return errors.New("something") }); err != nil {
		t.Error(err)
	}
}

func TestARealStoreRefuses(t *testing.T) {
	s := s3test.Start(t, "clients")
	for _, tt := range []struct {
		name   string
		change func(*Bucket)
		want   string
		login  bool
	}{
		{"a wrong secret", func(b *Bucket) {
			b.Login = func(context.Context) (Login, error) { return Login{ID: s3test.ID, Secret: "wrong"}, nil }
		}, "list acme: the store does not accept the login (SignatureDoesNotMatch)", true},
		{"no such bucket", func(b *Bucket) { b.Name = "nobody" }, "there is no such bucket (NoSuchBucket)", false},
		{"another region", func(b *Bucket) { b.Region = "moon-1" }, "the bucket is in another region", false},
		{"no login", func(b *Bucket) {
			b.Login = func(context.Context) (Login, error) { return Login{}, errors.New("none to be had") }
		}, "none to be had", false},
	} {
		b := open(s)
		tt.change(b)
		err := b.List(t.Context(), "acme", func(string, int64, time.Time) error { return nil })
		var e *Error
		if err == nil || !strings.Contains(err.Error(), tt.want) || errors.As(err, &e) && e.Refused() != tt.login {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), s3test.Secret) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// What is turned on the way is not what was signed.
func TestARealStoreChecksWhatArrives(t *testing.T) {
	s := s3test.Start(t, "clients")
	b := open(s)
	b.Transport = turning{http.DefaultTransport}
	err := b.Put(t.Context(), "acme/1/x", strings.NewReader("what was meant"), 14, nil)
	var e *Error
	if !errors.As(err, &e) || e.Code != "XAmzContentSHA256Mismatch" {
		t.Errorf("%v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Dir, "clients", "of", "liftalot", "acme", "*", "*")); len(left) > 0 {
		t.Errorf("there is %q", left)
	}
}

type turning struct{ http.RoundTripper }

func (u turning) RoundTrip(req *http.Request) (*http.Response, error) {
	data := []byte("what was mEant")
	req.Body = http.NoBody
	if req.Method == http.MethodPut {
		req.Body = readCloser{bytes.NewReader(data)}
	}
	return u.RoundTripper.RoundTrip(req)
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// A line that is cut in the middle of a part costs that part; one that stays cut
// ends the put, and leaves nothing at the store.
func TestALineThatIsCut(t *testing.T) {
	s := s3test.Start(t, "clients")
	b := open(s)
	t.Cleanup(b.Close)
	data := random(t, 3*partSize)
	put(t, b, "acme/0/x", []byte("we have met"))

	s.Cut(partSize + 1<<20)
	mended := &mending{ReaderAt: bytes.NewReader(data), store: s, after: 9 * partSize / 2}
	var sent atomic.Int64
	if err := b.Put(t.Context(), "acme/1/x", mended, int64(len(data)), func(n int64) { sent.Add(n) }); err != nil || sent.Load() != int64(len(data)) {
		t.Fatalf("%v, told of %d bytes", err, sent.Load())
	}
	var got bytes.Buffer
	if err := b.Get(t.Context(), "acme/1/x", int64(len(data)), &got); err != nil || !bytes.Equal(got.Bytes(), data) {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}

	s.Cut(partSize + 1<<20)
	err := b.Put(t.Context(), "acme/2/x", bytes.NewReader(data), int64(len(data)), func(int64) {})
	var e *Error
	if !errors.As(err, &e) || !e.Away() {
		t.Errorf("%v", err)
	}
	s.Mend()
	if _, err := os.Stat(filepath.Join(s.Dir, "clients", "of", "liftalot", "acme", "2", "x")); err == nil {
		t.Error("half of it is there")
	}
}

// mending mends the line once so much was read to be sent.
type mending struct {
	io.ReaderAt
	store *s3test.Store
	after int64
	read  atomic.Int64
}

func (m *mending) ReadAt(p []byte, off int64) (int, error) {
	n, err := m.ReaderAt.ReadAt(p, off)
	if m.read.Add(int64(n)) > m.after {
		m.store.Mend()
	}
	return n, err
}

// A large object is never in memory.
func TestMemoryDoesNotGrowWithTheObject(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT RUN: a quarter of a GiB, because of -short")
	}
	s := s3test.Start(t, "clients")
	b := open(s)
	t.Cleanup(b.Close)
	const size = 256 << 20
	var peak, moved atomic.Int64
	note := func(n int64) {
		if moved.Add(n)&(4<<20-1) >= n {
			return
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		for old := peak.Load(); int64(m.HeapInuse) > old && !peak.CompareAndSwap(old, int64(m.HeapInuse)); old = peak.Load() {
		}
	}
	runtime.GC() // what other tests have left is not meant
	if err := b.Put(t.Context(), "acme/1/large", zeros{}, size, note); err != nil {
		t.Fatal(err)
	}
	if err := b.Get(t.Context(), "acme/1/large", size, nowhere{note}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d MiB sent and read, at most %d KiB in use", size>>20, peak.Load()>>10)
	if peak.Load() == 0 || peak.Load() > 64<<20 {
		t.Errorf("%d bytes were in use", peak.Load())
	}
}

type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

type nowhere struct{ note func(int64) }

func (w nowhere) Write(p []byte) (int, error) {
	w.note(int64(len(p)))
	return len(p), nil
}
