//go:build unix

package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"liftalot/plan/backup/bucket"
	"liftalot/remote"
)

// cuts break the line once in every command that sends something, after a share
// of what it sends, and count what was sent in all.
type cuts struct {
	Runner
	at    int // bytes; every further command of the name gets as many more
	seen  map[string]int
	total int
}

func (c *cuts) Run(ctx context.Context, cmd remote.Command) (remote.Result, error) {
	out := cmd.Stdout
	if out == nil || c.seen[cmd.Name] > 0 {
		if out != nil {
			cmd.Stdout = writer(func(p []byte) error { c.total += len(p); _, err := out.Write(p); return err })
		}
		return c.Runner.Run(ctx, cmd)
	}
	c.seen[cmd.Name]++
	broke := false
	left := c.at
	cmd.Stdout = writer(func(p []byte) error {
		n := min(left, len(p))
		left -= n
		c.total += n
		if _, err := out.Write(p[:n]); err != nil {
			return err
		}
		if n < len(p) {
			broke = true
			return io.ErrClosedPipe
		}
		return nil
	})
	res, err := c.Runner.Run(ctx, cmd)
	if broke {
		return remote.Result{}, fmt.Errorf("%s: %w", cmd.Name, remote.ErrUnknownOutcome)
	}
	return res, err
}

// Issue 6: the line is cut at every tenth of each transfer. The backup comes
// through, and what had arrived whole is not sent again.
func TestCutsAtEveryTenth(t *testing.T) {
	f := newFiled(t)
	whole := 0
	for tenth := range 11 {
		id := fmt.Sprintf("b%d", tenth)
		c := &cuts{Runner: below{f.Host}, at: tenth * 11 * piece / 10, seen: map[string]int{}}
		if tenth == 0 {
			c.at = 1 << 30 // never
		}
		if err := os.RemoveAll(filepath.Join(f.list, storeFolder)); err != nil {
			t.Fatal(err)
		}
		for _, old := range []string{"b0", id} {
			if err := os.RemoveAll(filepath.Join(f.list, old)); err != nil {
				t.Fatal(err)
			}
		}
		m, err := f.take(t, c, id)
		if err != nil {
			t.Fatalf("cut after %d bytes: %v", c.at, err)
		}
		if diff := cmp.Diff(f.there(t), f.contents(t, id)); diff != "" || m.Uploads.Lost != 0 {
			t.Errorf("cut after %d bytes: %s", c.at, diff)
		}
		if tenth == 0 {
			whole = c.total
		}
		if c.total > whole+piece+piece/2 {
			t.Errorf("cut after %d bytes: %d were sent, %d without a cut", c.at, c.total, whole)
		}
		if err := os.RemoveAll(filepath.Join(f.list, id)); err != nil {
			t.Fatal(err)
		}
	}
}

// A new start of the program pulls only what is not here.
func TestANewStartGoesOnWithWhatIsHere(t *testing.T) {
	f := newFiled(t)
	f.settled(t)
	stop := &stopping{Runner: below{f.Host}, name: "pull large.bin"}
	if _, err := f.take(t, stop, "b1"); !errors.Is(err, remote.ErrNotStarted) {
		t.Fatalf("%v", err)
	}
	c := newCounting(below{f.Host})
	m, err := f.take(t, c, "b1")
	if err != nil {
		t.Fatal(err)
	}
	if c.sent["pull the files"] != 0 || c.asks["hash the files"] != "" || m.Uploads.Pulled != 11*piece+3 {
		t.Errorf("%+v; %v", m.Uploads, c.sent)
	}
	if diff := cmp.Diff(f.there(t), f.contents(t, "b1")); diff != "" {
		t.Error(diff)
	}
}

type stopping struct {
	Runner
	name string
}

func (s *stopping) Run(ctx context.Context, cmd remote.Command) (remote.Result, error) {
	if cmd.Name == s.name {
		return remote.Result{}, remote.ErrNotStarted
	}
	return s.Runner.Run(ctx, cmd)
}

// The same for a dump: over one connection and over four, cut at every tenth, no
// more than the pieces under way is sent again.
func TestCutsAtEveryTenthOfADump(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 10*piece/16) + "end"
	for _, lanes := range []int{1, 4} {
		for tenth := 1; tenth <= 10; tenth++ {
			var hosts []Runner
			var all []*cuts
			for range lanes {
				c := &cuts{Runner: &fakeHost{files: map[string]string{"f": body}}, at: tenth * len(body) / lanes / 10, seen: map[string]int{}}
				hosts, all = append(hosts, c), append(all, c)
			}
			var got strings.Builder
			s := source{hosts: hosts, path: "/x/f", size: int64(len(body)), pause: time.Microsecond}
			if err := s.copy(t.Context(), &got); err != nil || got.String() != body {
				t.Fatalf("%d lanes, cut at %d tenths: %d bytes, %v", lanes, tenth, got.Len(), err)
			}
			sent := 0
			for _, c := range all {
				sent += c.total
			}
			if sent > len(body)+lanes*piece {
				t.Errorf("%d lanes, cut at %d tenths: %d bytes were sent for %d", lanes, tenth, sent, len(body))
			}
		}
	}
}

// A host that refuses a new connection in the way of one that ends it says nothing
// about its files: each command is tried again.
func TestARefusedConnectionIsNoEndOfWhatTheHostSays(t *testing.T) {
	f := newFiled(t)
	r := &refusing{Runner: below{f.Host}, seen: map[string]bool{}}
	m, err := f.take(t, r, "b1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f.there(t), f.contents(t, "b1")); diff != "" || m.Uploads.Lost != 0 {
		t.Error(diff)
	}
	for _, name := range []string{"list the files", "hash the files", "pull the files", "pull large.bin"} {
		if !r.seen[name] {
			t.Errorf("%s: not refused", name)
		}
	}
}

// One that stays away leaves the backup to be resumed.
func TestAConnectionThatStaysRefusedCanBeTriedAgain(t *testing.T) {
	for _, name := range []string{"list the files", "hash the files", "pull the files", "pull large.bin"} {
		f := newFiled(t)
		var unproven *UnprovenError
		if _, err := f.take(t, &refusing{Runner: below{f.Host}, only: name}, "b1"); !remote.Transient(err) || errors.As(err, &unproven) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A refusing host sends a little of each command's output and is then unreachable,
// as one is that closes the connection in the middle of a handshake: once for each
// command, or for one command always.
type refusing struct {
	Runner
	seen map[string]bool
	only string
}

func (r *refusing) Run(ctx context.Context, cmd remote.Command) (remote.Result, error) {
	if cmd.Stdout == nil || r.seen[cmd.Name] || r.only != "" && cmd.Name != r.only {
		return r.Runner.Run(ctx, cmd)
	}
	if r.only == "" {
		r.seen[cmd.Name] = true
	}
	out, left := cmd.Stdout, 5
	cmd.Stdout = writer(func(p []byte) error {
		n := min(left, len(p))
		left -= n
		_, err := out.Write(p[:n])
		return err
	})
	if res, err := r.Runner.Run(ctx, cmd); err != nil {
		return res, err
	}
	return remote.Result{}, &remote.UnreachableError{Host: "web1", Op: "handshake", Err: io.EOF}
}

// A bucket that goes away while it is read has not damaged what it keeps.
func TestABucketThatGoesAwayIsNoDamagedCopy(t *testing.T) {
	f := light(t)
	s := newShelf()
	c := copies(s)
	f.mustTake(t, "b1")
	f.push(t, c, "b1")
	list, err := c.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"/" + Dump, "/" + listing, "/" + storeFolder + "/"} {
		gone := &bucket.Error{Op: "get", Key: part, Err: io.EOF}
		c.Objects = leaving{s, part, gone}
		var away *bucket.Error
		if err := c.Verify(t.Context(), list[0], map[[32]byte]bool{}); !errors.As(err, &away) || away != gone {
			t.Errorf("%s: %v", part, err)
		}
	}
	c.Objects = s
	if err := c.Verify(t.Context(), list[0], map[[32]byte]bool{}); err != nil {
		t.Error(err)
	}
}

// A leaving store sends half of some objects.
type leaving struct {
	*shelf
	part string
	err  error
}

func (l leaving) Get(ctx context.Context, key string, size int64, w io.Writer) error {
	if !strings.Contains(key, l.part) {
		return l.shelf.Get(ctx, key, size, w)
	}
	var all bytes.Buffer
	if err := l.shelf.Get(ctx, key, size, &all); err != nil {
		return err
	}
	if _, err := w.Write(all.Bytes()[:size/2]); err != nil {
		return err
	}
	return l.err
}
