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
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"liftalot/plan/backup/bucket"
	"liftalot/testenv/s3test"
)

var errBroke = errors.New("the line broke")

// A shelf is a store in memory, that can be told to break.
type shelf struct {
	mu      sync.Mutex
	objects map[string][]byte
	changed map[string]time.Time
	puts    []string
	breakAt int // the put that breaks, counted from 1; 0 for none
	hostile []string
}

func newShelf() *shelf { return &shelf{objects: map[string][]byte{}, changed: map[string]time.Time{}} }

func (s *shelf) Put(_ context.Context, key string, r io.ReaderAt, size int64, tell func(int64)) error {
	data := make([]byte, size)
	if n, err := r.ReadAt(data, 0); int64(n) != size {
		return errors.Join(err, io.ErrUnexpectedEOF)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.puts = append(s.puts, key); len(s.puts) == s.breakAt {
		return errBroke
	}
	s.objects[key], s.changed[key] = data, time.Now()
	tell(size)
	return nil
}

func (s *shelf) Get(_ context.Context, key string, size int64, w io.Writer) error {
	s.mu.Lock()
	data, ok := s.objects[key]
	s.mu.Unlock()
	if !ok || int64(len(data)) != size {
		return fmt.Errorf("get %s: there are %d bytes", key, len(data))
	}
	_, err := w.Write(data)
	return err
}

func (s *shelf) List(_ context.Context, folder string, each func(string, int64, time.Time) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range s.hostile {
		if err := each(name, 1, time.Now()); err != nil {
			return err
		}
	}
	for key, data := range s.objects {
		if name, ok := strings.CutPrefix(key, folder+"/"); ok {
			if err := each(name, int64(len(data)), s.changed[key]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *shelf) Folders(_ context.Context, folder string) (names []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[string]bool{}
	for key := range s.objects {
		if name, ok := strings.CutPrefix(key, folder+"/"); ok {
			if name, _, below := strings.Cut(name, "/"); below && !seen[name] {
				seen[name], names = true, append(names, name)
			}
		}
	}
	return append(names, s.hostile...), nil
}

func (s *shelf) Remove(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, key)
	return nil
}

// realStore is a bucket of a real store.
func realStore(t *testing.T) (Objects, *s3test.Store) {
	t.Helper()
	s := s3test.Start(t, "clients")
	b := &bucket.Bucket{
		Place: bucket.Place{Endpoint: s.URL, Region: s3test.Region, Name: "clients", Prefix: "liftalot", PathStyle: true},
		Login: func(context.Context) (bucket.Login, error) {
			return bucket.Login{ID: s3test.ID, Secret: s3test.Secret}, nil
		},
		Pause: time.Millisecond,
	}
	t.Cleanup(b.Close)
	return b, s
}

func copies(o Objects) *RemoteStore {
	return &RemoteStore{Objects: o, Host: "web1", Keys: Keys{Identity: testKey()}}
}

func (f *filed) entry(t *testing.T, id string) Entry {
	t.Helper()
	list, err := List(f.list)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.ID == id {
			return e
		}
	}
	t.Fatalf("there is no %s among %v", id, list)
	return Entry{}
}

func (f *filed) push(t *testing.T, c *RemoteStore, id string) int64 {
	t.Helper()
	n, err := c.Push(t.Context(), f.entry(t, id))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// light is a host without the large file, for tests that copy it often.
func light(t *testing.T) *filed {
	t.Helper()
	f := newFiled(t)
	if err := os.Remove(filepath.Join(f.files, "avatars", "large.bin")); err != nil {
		t.Fatal(err)
	}
	f.settled(t)
	return f
}

func ids(t *testing.T, c *RemoteStore) string {
	t.Helper()
	list, err := c.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, m := range list {
		text = append(text, fmt.Sprint(m.ID, " ", m.Authenticated, " ", m.Err))
	}
	return strings.Join(text, "; ")
}

// The road of a backup there and back, after all that was here is lost.
func TestABackupComesBackFromTheBucket(t *testing.T) {
	for name, open := range map[string]func(*testing.T) Objects{
		"memory": func(*testing.T) Objects { return newShelf() },
		"a real store": func(t *testing.T) Objects {
			o, _ := realStore(t)
			return o
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := light(t)
			c := copies(open(t))
			if got := ids(t, c); got != "" {
				t.Errorf("an empty bucket has %s", got)
			}
			f.mustTake(t, "b1")
			f.put(t, "new", "brand new")
			f.mustTake(t, "b2")
			first := f.push(t, c, "b1")
			if second := f.push(t, c, "b2"); second >= first || second == 0 {
				t.Errorf("sent %d bytes and then %d", first, second)
			}
			if again := f.push(t, c, "b2"); again != 0 {
				t.Errorf("sent %d bytes again", again)
			}
			// Taken in the same second they come in any order.
			if got := ids(t, c); got != "b1 true <nil>; b2 true <nil>" && got != "b2 true <nil>; b1 true <nil>" {
				t.Errorf("listed %s", got)
			}
			want := f.contents(t, "b2")

			f.list = filepath.Join(t.TempDir(), "another", "laptop")
			if err := c.Pull(t.Context(), "b2", filepath.Join(f.list, "b2"), false); err != nil {
				t.Fatal(err)
			}
			m := f.entry(t, "b2")
			if err := errors.Join(m.Err, m.Verify(m.Dir, testKey()), m.VerifyUploads(t.Context(), m.Dir, testKey(), map[[32]byte]bool{})); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(want, f.contents(t, "b2")); diff != "" {
				t.Error(diff)
			}
			list, err := c.List(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			proven := map[[32]byte]bool{}
			for _, m := range list {
				if err := c.Verify(t.Context(), m, proven); err != nil {
					t.Error(err)
				}
			}

			if err := c.Remove(t.Context(), "b2"); err != nil {
				t.Error(err)
			}
			if gone, _, err := c.CollectGarbage(t.Context(), time.Now()); gone != 0 || err != nil {
				t.Errorf("young contents: %d gone, %v", gone, err)
			}
			if gone, freed, err := c.CollectGarbage(t.Context(), time.Now().Add(48*time.Hour)); gone != 1 || freed == 0 || err != nil {
				t.Errorf("%d gone, %d bytes, %v", gone, freed, err)
			}
			if got := ids(t, c); got != "b1 true <nil>" {
				t.Errorf("left %s", got)
			}
			if err := c.Pull(t.Context(), "b1", filepath.Join(t.TempDir(), "b1"), false); err != nil {
				t.Error(err)
			}
		})
	}
}

// Wherever a copy breaks, the bucket lists nothing, and the next try goes on.
func TestACopyThatBreaksIsNotListed(t *testing.T) {
	f := light(t)
	f.mustTake(t, "b1")
	whole := newShelf()
	f.push(t, copies(whole), "b1")
	for n := 1; n <= len(whole.puts); n++ {
		s := newShelf()
		s.breakAt = n
		c := copies(s)
		if _, err := c.Push(t.Context(), f.entry(t, "b1")); !errors.Is(err, errBroke) {
			t.Errorf("put %d: %v", n, err)
		}
		if got := ids(t, c); got != "" {
			t.Errorf("put %d: listed %s", n, got)
		}
		had := len(s.objects)
		s.puts, s.breakAt = nil, 0
		f.push(t, c, "b1")
		if len(s.puts) != len(whole.objects)-had && n < len(whole.puts)-1 || ids(t, c) != "b1 true <nil>" {
			t.Errorf("put %d: %d were there, %d sent of %d: %s", n, had, len(s.puts), len(whole.objects), ids(t, c))
		}
	}
	if last := whole.puts[len(whole.puts)-1]; last != "web1/b1/manifest.json" {
		t.Errorf("%s went last", last)
	}
}

// What rotted here is not sent as a backup.
func TestWhatIsSpoiltHereStaysHere(t *testing.T) {
	f := light(t)
	f.mustTake(t, "b1")
	for _, file := range []string{filepath.Join(f.list, "b1", "db.dump.age"), f.objects(t)[0]} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		turned := bytes.Clone(data)
		turned[len(turned)-1] ^= 1
		if err := os.WriteFile(file, turned, 0o600); err != nil {
			t.Fatal(err)
		}
		c := copies(newShelf())
		var unproven *UnprovenError
		if _, err := c.Push(t.Context(), f.entry(t, "b1")); !errors.As(err, &unproven) {
			t.Errorf("%s: %v", file, err)
		}
		if got := ids(t, c); got != "" {
			t.Errorf("%s: listed %s", file, got)
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Nothing that lies in the bucket is believed.
func TestWhatABucketHoldsIsNotBelieved(t *testing.T) {
	f := light(t)
	f.mustTake(t, "b1")
	stranger, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	content := func(s *shelf) string {
		for key := range s.objects {
			if strings.HasPrefix(key, "web1/files/") && len(s.objects[key]) > 200 {
				return key
			}
		}
		return ""
	}
	turn := func(key string) func(*shelf) {
		return func(s *shelf) {
			s.objects[key] = bytes.Clone(s.objects[key])
			s.objects[key][len(s.objects[key])/2] ^= 1
		}
	}
	for _, tt := range []struct {
		name   string
		change func(*shelf)
		listed string // "": as it was
		want   string // of a pull; "": it is no different
		verify string // of a reading there; "": that of the pull
	}{
		{"a dump that rotted", turn("web1/b1/db.dump.age"), "", "db.dump.age in the bucket is not what was sent there", "db.dump"},
		{"a list that rotted", turn("web1/b1/files.list.age"), "", "files.list.age in the bucket is not what was sent", "files.list"},
		{"a content that rotted", func(s *shelf) { turn(content(s))(s) }, "", "the content of", ""},
		{"a content that is gone", func(s *shelf) { delete(s.objects, content(s)) }, "", "there are 0 bytes", ""},
		{"a file that is gone", func(s *shelf) { delete(s.objects, "web1/b1/file.0.age") }, "b1 true file.0.age is not there", "file.0.age is not there", ""},
		{"a file that was cut", func(s *shelf) { s.objects["web1/b1/file.0.age"] = []byte("x") }, "b1 true file.0.age has 1 bytes", "has 1 bytes", ""},
		{"no manifest", func(s *shelf) { delete(s.objects, "web1/b1/manifest.json") }, "none", "it is not in the bucket", "none"},
		{"a manifest that was touched", turn("web1/b1/manifest.json"), "b1 false read the manifest", "manifest", ""},
		{"an endless manifest", func(s *shelf) { s.objects["web1/b1/manifest.json"] = make([]byte, maxManifest+1) }, "b1 false its manifest has 16777217 bytes", "too many", ""},
		{"a manifest of another", func(s *shelf) {
			for key, data := range s.objects {
				if name, ok := strings.CutPrefix(key, "web1/b1/"); ok {
					s.objects["web1/b9/"+name] = data
				}
			}
		}, "b9 false its manifest is that of backup b1; b1 true <nil>", "", "none"},
		{"nobody vouches", func(s *shelf) { delete(s.objects, "web1/b1/manifest.mac") }, "b1 false <nil>", "--trust-bucket takes it", "good"},
		{"somebody else vouches", func(s *shelf) {
			c := copies(s)
			c.Keys.Identity = stranger
			s.objects["web1/b1/manifest.mac"] = c.manifestMAC("b1", s.objects["web1/b1/manifest.json"])
		}, "b1 false <nil>", "was not sent with this machine's key", "good"},
		{"the backup of another host", func(s *shelf) {
			c := copies(s)
			c.Host = "web2"
			s.objects["web1/b1/manifest.mac"] = c.manifestMAC("b1", s.objects["web1/b1/manifest.json"])
		}, "b1 false <nil>", "was not sent with this machine's key", "good"},
		{"names that climb out", func(s *shelf) {
			s.hostile = []string{"..", ".", "", "../web2", "a/b", "/etc", "\x1b[31m", strings.Repeat("x", 5000), "files", "-rf", "b1\n"}
		}, "", "", ""},
		{"names among the files", func(s *shelf) {
			for _, name := range []string{"../x.age", "/etc/passwd", "file.9999.age", "db.dump", "request.json", "x\x00y"} {
				s.objects["web1/b1/"+name] = []byte("x")
			}
		}, "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newShelf()
			c := copies(s)
			f.push(t, c, "b1")
			tt.change(s)
			if tt.listed == "" {
				tt.listed = "b1 true <nil>"
			}
			if got := ids(t, c); !strings.HasPrefix(got, strings.TrimPrefix(tt.listed, "none")) || tt.listed == "none" && got != "" {
				t.Errorf("listed %s, want %s", got, tt.listed)
			}
			dir := filepath.Join(t.TempDir(), "backups", "b1")
			err := c.Pull(t.Context(), "b1", dir, false)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("pull: %v; want %q", err, tt.want)
			}
			if _, lerr := Load(dir); (lerr == nil) != (err == nil) {
				t.Errorf("after %v there is: %v", err, lerr)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*.partial")); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
			if tt.verify == "none" {
				return
			}
			list, err := c.List(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if tt.verify == "" {
				tt.verify = tt.want
			}
			err = c.Verify(t.Context(), list[0], map[[32]byte]bool{})
			if sound := tt.verify == "" || tt.verify == "good"; sound && err != nil || !sound && (err == nil || !strings.Contains(err.Error(), tt.verify)) {
				t.Errorf("verify: %v; want %q", err, tt.verify)
			}
		})
	}
}

// With a recovery key nobody can tell who made a copy; a person may.
func TestACopyIsTakenOnAPersonsWord(t *testing.T) {
	f := light(t)
	other, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	k := creator(below{f.Host})
	k.Keys.Others = []string{other.Recipient().String()}
	b := f.Backup
	b.ID, b.Dir = "b1", filepath.Join(filepath.Dir(b.Dir), "b1")
	if _, err := k.Create(t.Context(), Request{Backup: b, Uploads: true, Server: "s"}, filepath.Join(f.list, "b1")); err != nil {
		t.Fatal(err)
	}
	s := newShelf()
	f.push(t, copies(s), "b1")
	c := copies(s)
	c.Keys.Identity = other
	dir := filepath.Join(t.TempDir(), "backups", "b1")
	if err := c.Pull(t.Context(), "b1", dir, false); err == nil {
		t.Error("it was taken without a word")
	}
	if err := c.Pull(t.Context(), "b1", dir, true); err != nil {
		t.Error(err)
	}
	if err := c.Pull(t.Context(), "b1", dir, true); err == nil {
		t.Error("it was written over")
	}
	c.Keys.Identity, err = NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "backups", "b1")
	if err := c.Pull(t.Context(), "b1", dir, true); err == nil || !strings.Contains(err.Error(), "does not open it") {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what nobody can read stays: %v", err)
	}
}

// A pull that breaks is resumed from what is here.
func TestAPullThatBreaksGoesOn(t *testing.T) {
	f := light(t)
	f.mustTake(t, "b1")
	s := newShelf()
	c := copies(s)
	f.push(t, c, "b1")
	dir := filepath.Join(t.TempDir(), "backups", "b1")
	gets := &breaks{shelf: s}
	c.Objects = gets
	pulled := false
	for n := 1; !pulled && n < 200; n++ {
		gets.left = 8 // the manifest and its vouching, and some
		err := c.Pull(t.Context(), "b1", dir, false)
		if _, lerr := Load(dir); (err == nil) != (lerr == nil) {
			t.Fatalf("after %v there is: %v", err, lerr)
		}
		pulled = err == nil
	}
	if !pulled {
		t.Error("it never came to its end")
	}
}

type breaks struct {
	*shelf
	mu   sync.Mutex
	left int
}

func (b *breaks) Get(ctx context.Context, key string, size int64, w io.Writer) error {
	b.mu.Lock()
	b.left--
	broke := b.left < 0
	b.mu.Unlock()
	if broke {
		_, _ = w.Write([]byte("half"))
		return errBroke
	}
	return b.shelf.Get(ctx, key, size, w)
}

// What cannot be read may name anything, so that nothing goes; a fragment that
// nobody has touched for long does.
func TestSweepOfABucketIsCareful(t *testing.T) {
	f := light(t)
	f.mustTake(t, "b1")
	later := time.Now().Add(30 * 24 * time.Hour)
	for name, tt := range map[string]struct {
		spoil func(*shelf)
		now   time.Time
		gone  bool
		fails bool
	}{
		"a manifest that was touched": {func(s *shelf) { s.objects["web1/b1/manifest.json"] = []byte("{}") }, later, false, true},
		"a list that rotted":          {func(s *shelf) { s.objects["web1/b1/files.list.age"][300] ^= 1 }, later, false, true},
		"a list that is gone":         {func(s *shelf) { delete(s.objects, "web1/b1/files.list.age") }, later, false, true},
		"a push under way":            {func(s *shelf) { delete(s.objects, "web1/b1/manifest.json") }, time.Now().Add(48 * time.Hour), false, false},
		"a push given up":             {func(s *shelf) { delete(s.objects, "web1/b1/manifest.json") }, later, true, false},
	} {
		s := newShelf()
		c := copies(s)
		f.push(t, c, "b1")
		tt.spoil(s)
		gone, _, err := c.CollectGarbage(t.Context(), tt.now)
		if (gone > 0) != tt.gone || (err != nil) != tt.fails {
			t.Errorf("%s: %d gone, %v", name, gone, err)
		}
	}
}

// At a real store, too, a line that is cut leaves nothing that is listed, what was
// spoilt there is found, and the next try goes on.
func TestARealStoreThatIsCutAndSpoilt(t *testing.T) {
	f := light(t)
	f.mustTake(t, "b1")
	o, store := realStore(t)
	c := copies(o)
	if got := ids(t, c); got != "" {
		t.Error(got)
	}
	store.Cut(64 << 10)
	if _, err := c.Push(t.Context(), f.entry(t, "b1")); err == nil {
		t.Error("pushed over a line that was cut")
	}
	store.Mend()
	if got := ids(t, c); got != "" {
		t.Errorf("listed %s", got)
	}
	f.push(t, c, "b1")
	file := filepath.Join(store.Dir, "clients", "liftalot", "web1", "b1", "db.dump.age")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := c.List(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	if err := c.Verify(t.Context(), list[0], map[[32]byte]bool{}); err == nil || !strings.Contains(err.Error(), "db.dump") {
		t.Errorf("%v", err)
	}
}

// What was not begun, because the user has gone, was not done.
func TestSomeAtOnceIsNotDoneWhenItWasGivenUp(t *testing.T) {
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	err := forEachParallel(ctx, make([]int, 3*atOnce), func(context.Context, int, int) error {
		cancel(gone)
		return nil
	})
	if !errors.Is(err, gone) {
		t.Errorf("given up: %v", err)
	}
	if err := forEachParallel(t.Context(), []int(nil), nil); err != nil {
		t.Error(err)
	}
}
