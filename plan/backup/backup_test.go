package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"liftalot/plan"
	"liftalot/remote"
)

// recorded is an archive that pg_dump 15 made: five tables, migration 51.
func recorded(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("pgarchive", "testdata", "zlib.dump"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// list is what create.sh says of files.
func list(files map[string]string) string {
	var b strings.Builder
	for _, name := range []string{"db.dump", "secrets.tar", "containers.json", "file.0", "file.1"} {
		if body, ok := files[name]; ok {
			fmt.Fprintf(&b, "%s %d %s\n", sumOf(body), len(body), name)
		}
	}
	return "now 1795465860\n" + b.String() + "at 1795465800\nend\n"
}

func sumOf(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// A fakeHost has taken a backup and gives it away.
type fakeHost struct {
	files   map[string]string
	list    string
	err     error  // of the first command
	log     string // of the job
	code    int    // and its status
	lost    int64
	started bool
	send    func(name, body string, w io.Writer) error // of each pull
	mu      sync.Mutex
	ran     []string
}

func newHost(t testing.TB) *fakeHost {
	t.Helper()
	h := &fakeHost{files: map[string]string{
		"db.dump": recorded(t), "secrets.tar": "tar", "containers.json": "{}\n", "file.0": "services: {}\n", "file.1": "DB_PASSWORD=x\n",
	}}
	h.list = list(h.files)
	return h
}

func (h *fakeHost) note(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ran = append(h.ran, name)
}

func (h *fakeHost) Run(_ context.Context, cmd remote.Command) (remote.Result, error) {
	h.note(cmd.Name)
	if h.err != nil {
		return remote.Result{}, h.err
	}
	switch name, pulls := strings.CutPrefix(cmd.Name, "pull "); {
	case pulls:
		return remote.Result{}, h.pull(name, cmd)
	case cmd.Name == "look at job" && !h.started:
		return remote.Result{}, &remote.ExitError{Name: cmd.Name, Code: 44}
	case cmd.Name == "look at job":
		return remote.Result{Stdout: fmt.Appendf(nil, "ended %d no\n%s", h.code, h.log)}, nil
	case cmd.Name == "start job":
		h.started = true
	case cmd.Name == "read what was backed up":
		return remote.Result{Stdout: []byte(h.list), StdoutLost: h.lost}, nil
	}
	return remote.Result{}, nil
}

// pull sends the pieces that rangeScript would.
func (h *fakeHost) pull(name string, cmd remote.Command) error {
	body := h.files[name]
	next, _ := strconv.Atoi(cmd.Args[2])
	step, _ := strconv.Atoi(cmd.Args[3])
	if h.send != nil {
		return h.send(name, body[next*piece:], cmd.Stdout)
	}
	for i := next * piece; i < len(body); i += step * piece {
		end := min(i+piece, len(body))
		if step == 1 {
			end = len(body)
		}
		if _, err := io.WriteString(cmd.Stdout, body[i:end]); err != nil || step == 1 {
			return err
		}
	}
	return nil
}

var op = plan.Backup{
	ID: "b1", Dir: "/var/backups/b1", Container: "db", User: "u", Database: "chatalot", Tables: 5, Migration: 51,
	Files: []string{"/srv/chatalot/docker-compose.yml", "/srv/chatalot/.env"}, Secrets: "/srv/chatalot/secrets",
	Project: plan.Project{Name: "chatalot"}, ImageID: "sha256:old",
}

// testKey is one key for all tests, so that a backup of one try opens at the next.
var testKey = sync.OnceValue(func() *age.X25519Identity {
	id, err := NewIdentity()
	if err != nil {
		panic(err)
	}
	return id
})

func creator(h Runner) *Creator {
	now := func() time.Time { return time.Unix(1800000000, 0) }
	return &Creator{Host: h, Name: "web1", Keys: Keys{Identity: testKey()}, Now: now, pause: time.Millisecond}
}

func take(t testing.TB, h Runner, dir string) (*Manifest, error) {
	t.Helper()
	return creator(h).Create(t.Context(), Request{Backup: op, Version: "0.23.0", Run: true}, dir)
}

func TestTakePullsProvesAndWritesDown(t *testing.T) {
	h, dir := newHost(t), filepath.Join(t.TempDir(), "b1")
	k := creator(h)
	other, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	k.Keys.Others = []string{other.Recipient().String()}
	var last Event
	var stages []string
	k.Tell = func(e Event) {
		if last = e; e.Stage != "" {
			stages = append(stages, e.Stage)
		}
	}
	h.log = "stage dump the database\nstage hash\n"
	m, err := k.Create(t.Context(), Request{Backup: op, Version: "0.23.0", Run: true}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if m.Tables != 5 || m.Migration != 51 || m.Rows["messages"] != 3000 || m.Host != "web1" || m.ImageID != "sha256:old" || len(m.Files) != 5 ||
		m.Taken.Unix() != 1800000000-60 || m.HostClock.Unix() != 1795465800 || m.OnHost != op.Dir || len(m.Recipients) != 2 || !strings.HasPrefix(m.Postgres, "15.") {
		t.Errorf("%+v", m)
	}
	if last.Done != last.Total || last.Total == 0 || strings.Join(stages, ", ") != "dump the database, hash" {
		t.Errorf("told of %q and last: %+v", stages, last)
	}
	for _, id := range []*age.X25519Identity{testKey(), other} {
		for path, want := range map[string]string{op.Files[0]: "services: {}\n", op.Files[1]: "DB_PASSWORD=x\n"} {
			if data, err := Read(dir, path, id); err != nil || string(data) != want {
				t.Errorf("%s: %q, %v", path, data, err)
			}
		}
		if err := m.Verify(dir, id); err != nil {
			t.Error(err)
		}
	}
	loaded, err := Load(dir)
	if diff := cmp.Diff(m, loaded); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := Read(dir, "/srv/chatalot/other", testKey()); err == nil {
		t.Error("a file that was not backed up was read")
	}
}

// What the client keeps secret is on this disk only behind the key.
func TestNothingLiesInPlainText(t *testing.T) {
	h, dir := newHost(t), t.TempDir()
	if _, err := take(t, h, dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"DB_PASSWORD", "PGDMP", "services:"} {
			if strings.Contains(string(data), secret) {
				t.Errorf("%s holds %q", e.Name(), secret)
			}
		}
	}
	stranger, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir, op.Files[1], stranger); err == nil || !strings.Contains(err.Error(), "open file.1.age") {
		t.Errorf("a stranger's key: %v", err)
	}
}

// Trap B3: dump, secrets and .env are for nobody else to read.
func TestB3BackupIsClosedToOthers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hosts", "web1", "b1")
	if _, err := take(t, newHost(t), dir); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Dir(dir): 0o700, filepath.Join(dir, "db.dump.age"): 0o600, filepath.Join(dir, "manifest.json"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %04o", path, info.Mode(), err, want)
		}
	}
}

// Promise 2. Whatever goes wrong, there is no manifest, and so no backup.
func TestAnythingLessThanProofIsNoBackup(t *testing.T) {
	cut := func(n int) func(*fakeHost) {
		return func(h *fakeHost) {
			h.send = func(name, body string, w io.Writer) error {
				if name == "db.dump" {
					body = body[:len(body)+n]
				}
				_, err := io.WriteString(w, body)
				return err
			}
		}
	}
	answer := func(old, new string) func(*fakeHost) {
		return func(h *fakeHost) {
			if !strings.Contains(h.list, old) {
				t.Fatalf("the list holds no %q", old)
			}
			h.list = strings.Replace(h.list, old, new, 1)
		}
	}
	for _, tt := range []struct {
		name   string
		change func(h *fakeHost)
		want   string
	}{
		{"the dump fails on the host", func(h *fakeHost) {
			h.code, h.log = 1, "noise\npg_dump: error: no space left on device\n"
		}, "could not make it: pg_dump: error: no space left"},
		{"the job dies without a word", func(h *fakeHost) { h.code = 137 }, "without a word"},
		{"the host says too much", func(h *fakeHost) { h.lost = 1 }, "more than can be read"},
		{"the answer is cut off", func(h *fakeHost) { h.list = h.list[:len(h.list)-4] }, "cut off"},
		{"the archive is torn", func(h *fakeHost) {
			h.files["db.dump"] = h.files["db.dump"][:70000]
			h.list = list(h.files)
		}, "db.dump: read a PostgreSQL archive"},
		{"the clock is nonsense", answer("at 1795465800", "at soon"), "clock cannot be read"},
		{"there is no dump", func(h *fakeHost) {
			delete(h.files, "db.dump")
			h.list = list(h.files)
		}, "no dump"},
		{"the dump is empty", func(h *fakeHost) {
			h.files["db.dump"] = ""
			h.list = list(h.files)
		}, "no dump"},
		{"a client's file was not copied", func(h *fakeHost) {
			delete(h.files, "file.1")
			h.list = list(h.files)
		}, "1 of 2 files"},
		{"a name that climbs out", answer(" file.1", " ../../file.1"), "cannot be read"},
		{"a name nobody asked for", answer(" file.1", " authorized_keys"), "cannot be read"},
		{"a file nobody asked for", answer(" file.1", " file.7"), "nobody asked for"},
		{"a sum that is none", answer(sumOf("{}\n"), "short"), "cannot be read"},
		{"the stream ends early", cut(-1), "db.dump ended before its 79698 bytes"},
		{"nothing arrives", cut(-79698), "db.dump ended before its 79698 bytes"},
		{"more arrives than announced", func(h *fakeHost) {
			h.send = func(_, body string, w io.Writer) error {
				_, err := io.WriteString(w, body+"x")
				return err
			}
		}, "more arrived"},
		{"a byte is turned on the way", func(h *fakeHost) {
			h.send = func(_, body string, w io.Writer) error {
				_, err := io.WriteString(w, strings.ReplaceAll(body, "e", "f"))
				return err
			}
		}, "are not the"},
		{"the link breaks in the stream", func(h *fakeHost) {
			h.send = func(_, body string, w io.Writer) error {
				_, err := io.WriteString(w, body[:2])
				return errors.Join(err, remote.ErrUnknownOutcome)
			}
		}, "pull"},
		{"cat fails at its end", func(h *fakeHost) {
			h.send = func(_, body string, w io.Writer) error {
				_, err := io.WriteString(w, body)
				return errors.Join(err, &remote.ExitError{Name: "pull", Code: 1})
			}
		}, "exit status 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, dir := newHost(t), t.TempDir()
			tt.change(h)
			m, err := take(t, h, dir)
			if err == nil || m != nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("%+v, %v; want %q", m, err, tt.want)
			}
			if _, err := Load(dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("there is a manifest: %v", err)
			}
			left, err := filepath.Glob(filepath.Join(dir, "*.partial"))
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %q, %v", left, err)
			}
			// The next try is not kept from it.
			if _, err := take(t, newHost(t), dir); err != nil {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// A lost link is not called an unproven backup: trying again is of use.
func TestALostLinkIsPassedOn(t *testing.T) {
	h := newHost(t)
	h.err = remote.ErrUnknownOutcome
	if _, err := take(t, h, t.TempDir()); !errors.Is(err, remote.ErrUnknownOutcome) {
		t.Errorf("%v", err)
	}
	h = newHost(t)
	h.send = func(string, string, io.Writer) error { return remote.ErrNotStarted }
	if _, err := take(t, h, t.TempDir()); !errors.Is(err, remote.ErrNotStarted) {
		t.Errorf("%v", err)
	}
}

// A long file travels over several connections and over their breaks: what did
// not arrive whole is asked for again, and nothing else.
func TestPiecesArriveOverBreaks(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 7*piece/16) + "end"
	for lanes := 1; lanes <= 4; lanes++ {
		var hosts []Runner
		for k := range lanes {
			h := &fakeHost{files: map[string]string{"f": body}}
			hosts = append(hosts, &breaking{fakeHost: h, every: 3 + k, at: piece/3 + 7919*k})
		}
		var got strings.Builder
		var told int64
		s := source{hosts: hosts, path: "/x/f", size: int64(len(body)), pause: time.Microsecond, tell: func(n int64) { told = n }}
		if err := s.copy(t.Context(), &got); err != nil {
			t.Fatalf("%d lanes: %v", lanes, err)
		}
		if got.String() != body || told != int64(len(body)) {
			t.Errorf("%d lanes: %d bytes of %d, told of %d", lanes, got.Len(), len(body), told)
		}
	}
}

// breaking cuts a stream short again and again, always a little later.
type breaking struct {
	*fakeHost
	every, at int
	calls     int
}

func (b *breaking) Run(ctx context.Context, cmd remote.Command) (remote.Result, error) {
	b.calls++
	if b.calls%b.every != 0 {
		left := b.at * b.calls
		cmd.Stdout = &cutOff{w: cmd.Stdout, left: left}
	}
	return b.fakeHost.Run(ctx, cmd)
}

type cutOff struct {
	w    io.Writer
	left int
}

func (c *cutOff) Write(p []byte) (int, error) {
	n := min(len(p), c.left)
	c.left -= n
	if _, err := c.w.Write(p[:n]); err != nil || n == len(p) {
		return n, err
	}
	return n, remote.ErrUnknownOutcome
}

func TestAPullThatStaysBrokenEnds(t *testing.T) {
	h := &fakeHost{files: map[string]string{"f": strings.Repeat("x", 3*piece)}}
	h.send = func(string, string, io.Writer) error { return remote.ErrUnknownOutcome }
	s := source{hosts: []Runner{h, h}, path: "/x/f", size: 3 * piece, pause: time.Microsecond}
	if err := s.copy(t.Context(), io.Discard); !errors.Is(err, remote.ErrUnknownOutcome) || len(h.ran) < maxBroken {
		t.Errorf("%v after %d tries", err, len(h.ran))
	}
}

func TestADiskThatRefusesIsNoBackup(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var unproven *UnprovenError
	if _, err := take(t, newHost(t), filepath.Join(file, "b1")); !errors.As(err, &unproven) || unproven.Err == nil {
		t.Errorf("%v", err)
	}
	// A folder lies where the dump should go.
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "db.dump.age.partial", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := take(t, newHost(t), dir); !errors.As(err, &unproven) || !strings.Contains(err.Error(), "db.dump.age.partial") {
		t.Errorf("%v", err)
	}
	taken := t.TempDir()
	if err := os.MkdirAll(filepath.Join(taken, "db.dump.age", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := take(t, newHost(t), taken); !errors.As(err, &unproven) {
		t.Errorf("%v", err)
	}
}

// A host's name of a file never leads out of the folder, not even by a link
// that lies in it.
func TestPullFollowsNoLinkOutOfTheFolder(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(outside, []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "db.dump.age.partial")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "db.dump.age")); err != nil {
		t.Fatal(err)
	}
	if _, err := take(t, newHost(t), dir); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(outside); err != nil || string(data) != "theirs" {
		t.Errorf("%q, %v", data, err)
	}
}

// A run that was interrupted after its backup does not take another; but it
// reads the one it has again.
func TestAProvenBackupIsReadAgainNotTakenAgain(t *testing.T) {
	h, dir := newHost(t), t.TempDir()
	first, err := take(t, h, dir)
	if err != nil {
		t.Fatal(err)
	}
	ran := len(h.ran)
	second, err := take(t, h, dir)
	if err != nil || len(h.ran) != ran {
		t.Errorf("%v; ran %q", err, h.ran[ran:])
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
	for name, spoil := range map[string]func(path string) error{
		"cut off":  func(p string) error { return os.Truncate(p, 24999) },
		"rotten":   func(p string) error { return os.WriteFile(p, []byte(strings.Repeat("x", 25000)), 0o600) },
		"gone":     os.Remove,
		"unlinked": func(p string) error { return errors.Join(os.Remove(p), os.Symlink("/dev/null", p)) },
	} {
		dir := t.TempDir()
		if _, err := take(t, newHost(t), dir); err != nil {
			t.Fatal(err)
		}
		if err := spoil(filepath.Join(dir, "db.dump.age")); err != nil {
			t.Fatal(err)
		}
		var unproven *UnprovenError
		if _, err := take(t, newHost(t), dir); !errors.As(err, &unproven) || !strings.Contains(err.Error(), "db.dump") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestABackupOfAnotherRunIsNotTakenForThisOne(t *testing.T) {
	h, dir := newHost(t), t.TempDir()
	if _, err := take(t, h, dir); err != nil {
		t.Fatal(err)
	}
	other := op
	other.ID = "b2"
	ran := len(h.ran)
	if m, err := creator(h).Create(t.Context(), Request{Backup: other}, dir); err != nil || m.ID != "b2" || len(h.ran) == ran {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestLoadRefusesWhatItDoesNotKnow(t *testing.T) {
	for data, want := range map[string]string{`{"format":1}`: "format 1", `{`: "read the manifest", ``: "read the manifest"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", data, err)
		}
		if _, err := Read(dir, "/x", testKey()); err == nil {
			t.Errorf("%q: a file was read", data)
		}
	}
}

func TestReadChecksTheBytes(t *testing.T) {
	dir := t.TempDir()
	if _, err := take(t, newHost(t), dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file.0.age"), []byte("services: {evil: {}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var unproven *UnprovenError
	if _, err := Read(dir, "/srv/chatalot/docker-compose.yml", testKey()); !errors.As(err, &unproven) {
		t.Errorf("%v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(newHost(f).list))
	f.Add([]byte(strings.Repeat("a", 64) + " 99999999999999999999 db.dump\nend\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		a, err := read(said)
		if err != nil {
			return
		}
		for _, x := range a.files {
			if x.Name != filepath.Base(x.Name) || x.Size < 0 || len(x.SHA256) != 64 {
				t.Errorf("%+v", x)
			}
		}
	})
}

func TestUnprovenIsASentence(t *testing.T) {
	cause := errors.New("input/output error")
	err := &UnprovenError{Host: "web1", What: "db.dump", Err: cause}
	if err.Error() != "web1: backup: db.dump: input/output error" || !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
	if err := (&UnprovenError{Host: "web1", What: "there is no dump in it"}); err.Error() != "web1: backup: there is no dump in it" {
		t.Errorf("%v", err)
	}
}
