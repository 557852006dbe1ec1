package remote_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"liftalot/remote"
)

var markPattern = regexp.MustCompile(`mark=[0-9a-f]{32}=`)

// mark returns the mark that an exec string carries.
func (s served) mark() string { return markPattern.FindString(s.exec) }

// begin answers as the wrapper does.
func (s served) begin() {
	_ = s.req.Reply(true, nil)
	_, _ = io.WriteString(s, s.mark()+"b")
	_, _ = io.WriteString(s.Stderr(), s.mark()+"b")
}

func (s served) end(status string) {
	_, _ = io.WriteString(s, s.mark()+"e"+status+".")
	_, _ = io.WriteString(s.Stderr(), s.mark()+"e"+status+".")
}

// TestOutcomeOfEveryCut breaks off at each point of a command's life.
func TestOutcomeOfEveryCut(t *testing.T) {
	notStarted, unknown := remote.ErrNotStarted, remote.ErrUnknownOutcome
	for _, c := range []struct {
		name string
		exec func(s served)
		want error // nil: it succeeds
	}{
		{"before the reply", func(s served) { s.conn.Close() }, unknown},
		{"the channel closes before the reply", func(s served) { s.Close() }, unknown},
		{"refused", func(s served) { _ = s.req.Reply(false, nil) }, notStarted},
		{"after the reply", func(s served) { _ = s.req.Reply(true, nil); s.conn.Close() }, unknown},
		{"closed without a status", func(s served) { _ = s.req.Reply(true, nil); s.Close() }, unknown},
		{"a shell that says no", func(s served) {
			_ = s.req.Reply(true, nil)
			_, _ = io.WriteString(s, "This account is currently not available.\n")
			s.exit(1)
		}, notStarted},
		{"status 0 but nothing ran", func(s served) { _ = s.req.Reply(true, nil); s.exit(0) }, notStarted},
		{"begun on stdout only", func(s served) {
			_ = s.req.Reply(true, nil)
			_, _ = io.WriteString(s, s.mark()+"b")
			s.exit(0)
		}, unknown},
		{"mid output", func(s served) { s.begin(); _, _ = io.WriteString(s, "half"); s.conn.Close() }, unknown},
		{"status 0 without a closing mark", func(s served) { s.begin(); _, _ = io.WriteString(s, "half"); s.exit(0) }, unknown},
		{"stderr cut", func(s served) { s.begin(); _, _ = io.WriteString(s, s.mark()+"e0."); s.exit(0) }, unknown},
		{"stdout cut", func(s served) { s.begin(); _, _ = io.WriteString(s.Stderr(), s.mark()+"e0."); s.conn.Close() }, unknown},
		{"a closing mark cut", func(s served) { s.begin(); s.end("0"[:0]); s.conn.Close() }, unknown},
		{"after both closing marks", func(s served) { s.begin(); s.end("0"); s.conn.Close() }, nil},
		{"the host's own status is not believed", func(s served) { s.begin(); s.end("0"); s.exit(9) }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFaulty(t)
			f.onExec = c.exec
			_, err := f.client(nil).Run(t.Context(), remote.Command{Name: "step", Script: "true"})
			if c.want == nil {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			for _, outcome := range []error{notStarted, unknown} {
				if errors.Is(err, outcome) != (outcome == c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
			}
		})
	}
}

func TestPreambleIsNotOutput(t *testing.T) {
	f := newFaulty(t)
	f.onExec = func(s served) {
		_ = s.req.Reply(true, nil)
		_, _ = io.WriteString(s, strings.Repeat("welcome\n", 1<<16))
		_, _ = io.WriteString(s.Stderr(), "lecture mark=0123 ")
		for _, b := range []byte(s.mark() + "bout" + s.mark()[:9] + "put" + s.mark() + "e7.late") {
			_, _ = s.Write([]byte{b})
		}
		_, _ = io.WriteString(s.Stderr(), s.mark()+"b"+s.mark()+"e7.")
		s.exit(0)
	}
	res, err := f.client(nil).Run(t.Context(), remote.Command{Name: "step", Script: "true"})
	if exit, ok := errors.AsType[*remote.ExitError](err); !ok || exit.Code != 7 || !bytes.HasPrefix(res.Stdout, []byte("outmark=")) || !bytes.HasSuffix(res.Stdout, []byte("put")) || len(res.Stderr) != 0 {
		t.Errorf("got %q, %q, %v", res.Stdout, res.Stderr, err)
	}
}

func TestSilentServers(t *testing.T) {
	short := 200 * time.Millisecond
	for name, onTCP := range map[string]func(net.Conn) bool{
		"never says a word": func(c net.Conn) bool { _, _ = io.Copy(io.Discard, c); return true },
		"stops after its banner": func(c net.Conn) bool {
			_, _ = io.WriteString(c, "SSH-2.0-x\r\n")
			_, _ = io.Copy(io.Discard, c)
			return true
		},
		"hangs up": func(net.Conn) bool { return true },
		"talks without end": func(c net.Conn) bool {
			for {
				if _, err := io.WriteString(c, "banner\r\n"); err != nil {
					return true
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFaulty(t)
			f.onTCP = onTCP
			err := f.client(func(c *remote.Config) { c.HandshakeTimeout = short }).Connect(t.Context())
			_, turned := errors.AsType[*remote.TurnedAwayError](err)
			if _, ok := errors.AsType[*remote.UnreachableError](err); !ok && !turned || turned != (name == "hangs up") || !errors.Is(err, remote.ErrNotStarted) {
				t.Errorf("got %v, want unreachable", err)
			}
		})
	}
	t.Run("no session is opened", func(t *testing.T) {
		f := newFaulty(t)
		f.refuse = true
		if _, err := f.client(nil).Run(t.Context(), remote.Command{Name: "step", Script: "true"}); !errors.Is(err, remote.ErrNotStarted) {
			t.Errorf("got %v, want not started", err)
		}
	})
	t.Run("the exec request is never answered", func(t *testing.T) {
		f := newFaulty(t)
		f.onExec = func(served) {}
		c := f.client(nil)
		c.SetStartTimeout(short)
		_, err := c.Run(t.Context(), remote.Command{Name: "step", Script: "true"})
		if !errors.Is(err, remote.ErrUnknownOutcome) || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v, want an unknown outcome", err)
		}
	})
	t.Run("keepalives find a half-open link", func(t *testing.T) {
		f := newFaulty(t)
		begun := make(chan struct{})
		f.onExec = func(s served) { s.begin(); close(begun) }
		stall := f.stallAfter(begun)
		c := f.client(func(c *remote.Config) { c.KeepAlive = short })
		defer stall()
		_, err := c.Run(t.Context(), remote.Command{Name: "step", Script: "true"})
		if !errors.Is(err, remote.ErrUnknownOutcome) {
			t.Errorf("got %v, want an unknown outcome", err)
		}
	})
}

// stallAfter puts a proxy before the server whose bytes stop flowing, with the
// connection left open, once the signal is given.
func (f *faulty) stallAfter(signal <-chan struct{}) (release func()) {
	over := make(chan struct{})
	f.onTCP = func(conn net.Conn) bool {
		near, far := net.Pipe()
		f.serving.Go(func() { _, _ = io.Copy(conn, near) })
		f.serving.Go(func() {
			buf := make([]byte, 4096)
			for {
				n, err := conn.Read(buf)
				if err != nil {
					near.Close()
					return
				}
				select {
				case <-signal: // swallow
				default:
					_, _ = near.Write(buf[:n])
				}
			}
		})
		f.handshake(far)
		<-over
		return true
	}
	return func() { close(over) }
}

func TestFloodIsBounded(t *testing.T) {
	f := newFaulty(t)
	f.onExec = func(s served) {
		s.begin()
		junk := bytes.Repeat([]byte("x"), 32<<10)
		f.serving.Go(func() {
			for {
				if _, err := s.Stderr().Write(junk); err != nil {
					return
				}
			}
		})
		for {
			if _, err := s.Write(junk); err != nil {
				return
			}
		}
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	res, err := f.client(nil).Run(t.Context(), remote.Command{Name: "step", Script: "true", Timeout: 500 * time.Millisecond})
	runtime.GC()
	runtime.ReadMemStats(&after)
	if !errors.Is(err, remote.ErrUnknownOutcome) || len(res.Stdout) != 1<<20 || len(res.Stderr) != 64<<10 || res.StdoutLost == 0 {
		t.Errorf("kept %d and %d, lost %d, %v", len(res.Stdout), len(res.Stderr), res.StdoutLost, err)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 32<<20 {
		t.Errorf("the flood left %d MiB on the heap", grown>>20)
	}
}

func TestServerGetsNothingFromUs(t *testing.T) {
	f := newFaulty(t)
	f.onExec = func(s served) { s.begin(); s.end("0") }
	refused := make(chan error, 3)
	f.onConn = func(conn ssh.Conn) {
		for _, kind := range []string{"auth-agent@openssh.com", "forwarded-tcpip", "x11"} {
			_, _, err := conn.OpenChannel(kind, nil)
			refused <- err
		}
	}
	if _, err := f.client(nil).Run(t.Context(), remote.Command{Name: "step", Script: "true"}); err != nil {
		t.Fatal(err)
	}
	for range cap(refused) {
		var denied *ssh.OpenChannelError
		if err := <-refused; !errors.As(err, &denied) {
			t.Errorf("a channel was opened to us: %v", err)
		}
	}
}

// TestSudoPasswordIsNotGivenAway: a host that asks in any other words than our
// own gets no password, whatever it looks like.
func TestSudoPasswordIsNotGivenAway(t *testing.T) {
	f := newFaulty(t)
	got := make(chan string, 1)
	f.onExec = func(s served) {
		_ = s.req.Reply(true, nil)
		_, _ = io.WriteString(s.Stderr(), "[sudo] password for ann: mark=00000000000000000000000000000000=p")
		in, _ := io.ReadAll(s)
		got <- string(in)
		s.exit(1)
	}
	asked := false
	c := f.client(func(c *remote.Config) {
		c.User = "ann"
		c.Sudo = remote.Sudo{Mode: remote.SudoPassword, Password: func(context.Context) ([]byte, error) { asked = true; return []byte("pw"), nil }}
	})
	c.SetStartTimeout(200 * time.Millisecond)
	_, err := c.Run(t.Context(), remote.Command{Name: "step", Script: "true", Root: true, Stdin: strings.NewReader("data")})
	if !errors.Is(err, remote.ErrUnknownOutcome) || asked {
		t.Errorf("asked: %v, %v", asked, err)
	}
	c.Close()
	if in := <-got; in != "" {
		t.Errorf("the host was sent %q", in)
	}
}

func TestAuthIsTyped(t *testing.T) {
	f := newFaulty(t)
	other := filepath.Join(t.TempDir(), "other")
	newSigner(t, other)
	many := []string{other}
	for i := range 5 {
		many = append(many, fmt.Sprintf("%s-%d", other, i))
		newSigner(t, many[i+1])
	}
	for name, c := range map[string]struct {
		files []string
		tried int
	}{
		"wrong key":   {[]string{other}, 1},
		"no such key": {[]string{other + "-none"}, 0},
		"six at most": {append(many, f.keyFile), 6},
	} {
		err := f.client(func(cfg *remote.Config) { cfg.Identities = c.files }).Connect(t.Context())
		auth, ok := errors.AsType[*remote.AuthError](err)
		if !ok || len(auth.Tried) != c.tried || !errors.Is(err, remote.ErrNotStarted) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
