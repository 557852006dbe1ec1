// Package s3test lends a real S3-compatible store to a test, on loopback, in a
// folder that goes away with the test. It is versitygw: signatures are checked,
// objects are files below [Store.Dir] that a test can spoil, and the line to it can
// be cut.
//
// The program is built from its module when it is first needed, which takes two
// minutes, and kept in the user's cache. Where it cannot be had, for want of a
// network or because of -short, the test says loudly that it did not run; a machine
// where it must run sets [RequireEnv], and the test fails instead.
package s3test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// RequireEnv, when it is set, makes an absent store a failure.
const RequireEnv = "LIFTALOT_REQUIRE_S3"

// program is the module that is built, at the version the tests were written with.
const program, version = "github.com/versity/versitygw/cmd/versitygw", "v1.8.0"

// The login of every store, and its region.
const (
	ID     = "AKLIFTALOTTEST"
	Secret = "s3test-secret-key"
	Region = "eu-test-1"
)

// A Store is a running one.
type Store struct {
	URL string
	Dir string // buckets are its folders, objects files in them

	socket string
	left   atomic.Int64 // bytes that still pass on their way to the store; negative: no bound
	open   sync.WaitGroup
}

// Start starts a store with a bucket; it ends with the test.
func Start(tb testing.TB, bucket string) *Store {
	tb.Helper()
	path := build(tb)
	// Not tb.TempDir: the name of a socket may have about a hundred bytes.
	dir, err := os.MkdirTemp("", "s3-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	s := &Store{Dir: filepath.Join(dir, "objects"), socket: filepath.Join(dir, "socket")}
	s.left.Store(-1)
	for _, d := range []string{filepath.Join(s.Dir, bucket), filepath.Join(dir, "about")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			tb.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "--port", s.socket, "--region", Region, "--quiet", "--keep-alive", "posix", "--sidecar", filepath.Join(dir, "about"), s.Dir)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+ID, "ROOT_SECRET_KEY="+Secret)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	s.answers(tb)
	s.listen(tb)
	return s
}

// answers waits until the store does.
func (s *Store) answers(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.Dial("unix", s.socket)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-ctx.Done():
			tb.Fatalf("the store does not answer: %v", err)
		case <-tick.C:
		}
	}
}

// listen passes connections on from a port of the kernel's choosing: the store
// itself cannot say which one it got.
func (s *Store) listen(tb testing.TB) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s.URL = "http://" + l.Addr().String()
	s.open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.open.Go(func() { s.pass(conn) })
		}
	})
	tb.Cleanup(func() {
		l.Close()
		s.Cut(0)
	})
}

// Cut lets so many bytes more through to the store and then breaks every
// connection, as long as [Store.Mend] was not called.
func (s *Store) Cut(after int64) { s.left.Store(after) }

// Mend lets everything through again.
func (s *Store) Mend() { s.left.Store(-1) }

var errCut = errors.New("cut")

func (s *Store) pass(client net.Conn) {
	defer client.Close()
	store, err := net.Dial("unix", s.socket)
	if err != nil {
		return
	}
	defer store.Close()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, store)
		client.Close()
	})
	_, _ = io.Copy(writer(func(p []byte) (int, error) {
		if left := s.left.Load(); left >= 0 {
			if left < int64(len(p)) {
				return 0, errCut
			}
			s.left.Add(-int64(len(p)))
		}
		return store.Write(p)
	}), struct{ io.Reader }{client})
	client.Close()
	store.Close()
	back.Wait()
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// buildTime is how long the first build may take.
const buildTime = 8 * time.Minute

// build gives the path of the program.
func build(tb testing.TB) string {
	tb.Helper()
	if path, err := exec.LookPath("versitygw"); err == nil {
		return path
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		missing(tb, err)
	}
	dir := filepath.Join(cache, "liftalot-test", "versitygw-"+version)
	path := filepath.Join(dir, "versitygw")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if testing.Short() {
		missing(tb, errors.New("it is not built yet, and -short was said"))
	}
	ctx, cancel := context.WithTimeout(tb.Context(), buildTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "install", program+"@"+version)
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		missing(tb, fmt.Errorf("%w: %.500s", err, out))
	}
	return path
}

// missing says what was not run, or fails where it had to.
func missing(tb testing.TB, err error) {
	tb.Helper()
	if os.Getenv(RequireEnv) != "" {
		tb.Fatalf("%s is set and there is no versitygw: %v", RequireEnv, err)
	}
	fmt.Fprintf(os.Stderr, "NOT RUN: %s on a real S3 store: there is no versitygw (go install %s@%s): %v\n", tb.Name(), program, version, err)
	tb.Skip("NOT RUN: no versitygw")
}
