//go:build unix

package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"liftalot/plan"
	"liftalot/plan/internal/shimhost"
	"liftalot/remote"
)

// filesDocker is docker with one server: its mounts are the lines of the file
// mounts, and a container is this machine's shell.
const filesDocker = `case $* in
*"range .Mounts"*) cat "$SHIM/mounts" ;;
inspect*) echo sha256:db ;;
run*) printf '%s\n' "$*" | head -n 1 >>"$SHIM/runs"; while [ "$1" != -c ]; do shift; done; exec /bin/sh "$@" ;;
*) ` + "\n" + docker + "\n;;\nesac"

// odd are names that a server's users may choose, or its makers.
var odd = []string{
	"plain.png", "with blank.txt", " leading", "trailing ", "new\nline", "some 3\n", "quote'\".txt", `back\slash`, "-rf", "$(id)", "`id`", "*",
	"tab\there", "caf\xc3\xa9", "invalid \xff\xfe", "%s%d", "end 0\n", "a|b", "\x1b[31mred",
}

// A filed is a host whose server keeps files.
type filed struct {
	*shimhost.Host
	plan.Backup
	files string // where the server keeps them
	list  string // the folder of the backups here
}

func newFiled(t *testing.T) *filed {
	t.Helper()
	h, b := shimOp(t)
	h.Shim("docker", filesDocker)
	f := &filed{Host: h, Backup: b, files: h.Path("app", "data files"), list: t.TempDir()}
	for k, name := range odd {
		f.put(t, name, fmt.Sprintf("content %d", k))
	}
	f.put(t, "avatars/empty", "")
	f.put(t, "avatars/large.bin", strings.Repeat("0123456789abcdef", 11*piece/16)+"end")
	f.put(t, "avatars/twin", "content 0")
	if err := os.Symlink("/etc/passwd", filepath.Join(f.files, "link")); err != nil {
		t.Fatal(err)
	}
	h.Write("mounts", f.files+"\n/run/secrets/jwt\n"+h.Path("gone")+"\n")
	return f
}

// put writes a file as it was an hour ago, so that nothing about it is racy but
// its ctime.
func (f *filed) put(t *testing.T, name, body string) {
	t.Helper()
	file := filepath.Join(f.files, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(body), 0o640); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
}

func (f *filed) take(t *testing.T, h Runner, id string) (*Manifest, error) {
	t.Helper()
	b := f.Backup
	b.ID = id
	b.Dir = filepath.Join(filepath.Dir(b.Dir), id)
	return creator(h).Create(t.Context(), Request{Backup: b, Uploads: true, Server: "chatalot-server"}, filepath.Join(f.list, id))
}

func (f *filed) mustTake(t *testing.T, id string) *Manifest {
	t.Helper()
	m, err := f.take(t, below{f.Host}, id)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// contents reads all that a backup has of the files, through its own listing.
func (f *filed) contents(t *testing.T, id string) map[string]string {
	t.Helper()
	root, err := os.OpenRoot(filepath.Join(f.list, storeFolder))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	got := map[string]string{}
	err = readUploads(filepath.Join(f.list, id), testKey(), func(u *Upload) error {
		if u.Kind != isFile {
			return nil
		}
		r, file, err := open(root, u.Object.file(), testKey(), io.Discard)
		if err != nil {
			return err
		}
		defer file.Close()
		data, err := io.ReadAll(r)
		got[u.Path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// there is what the server has.
func (f *filed) there(t *testing.T) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(f.files, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		got[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (f *filed) objects(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(f.list, storeFolder, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestFilesAreTakenWhateverTheirNames(t *testing.T) {
	f := newFiled(t)
	m := f.mustTake(t, "b1")
	want := f.there(t)
	if diff := cmp.Diff(want, f.contents(t, "b1")); diff != "" {
		t.Error(diff)
	}
	if m.Uploads.Files != len(want) || m.Uploads.Others != 1 || m.Uploads.Lost != 0 || m.Uploads.Note != "" {
		t.Errorf("%+v", m.Uploads)
	}
	if n := len(f.objects(t)); n != len(want)-1 { // the twin is there once
		t.Errorf("%d contents of %d files", n, len(want))
	}
	if err := m.Verify(filepath.Join(f.list, "b1"), testKey()); err != nil {
		t.Error(err)
	}
	if err := m.VerifyUploads(t.Context(), filepath.Join(f.list, "b1"), testKey(), map[[32]byte]bool{}); err != nil {
		t.Error(err)
	}
	for _, run := range strings.Split(strings.TrimSpace(f.Read("runs")), "\n") {
		if !strings.Contains(run, "--volumes-from chatalot-server:ro ") || !strings.Contains(run, "--network none") {
			t.Errorf("not only for reading: %s", run)
		}
	}
}

// Neither a name nor a content of a user's file is on this disk in plain text, and
// the name of a content does not say what it is.
func TestNoFileLiesInPlainText(t *testing.T) {
	f := newFiled(t)
	f.mustTake(t, "b1")
	sum := sha256.Sum256([]byte("content 0"))
	err := filepath.WalkDir(f.list, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, secret := range []string{"content 0", "plain.png", "0123456789abcdef01234", fmt.Sprintf("%x", sum)} {
			if strings.Contains(string(data)+path, secret) {
				t.Errorf("%s holds %q", path, secret)
			}
		}
		if info, ierr := d.Info(); ierr != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), ierr)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A counting host knows what was asked of it, and how many bytes it sent.
type counting struct {
	Runner
	sent map[string]int
	asks map[string]string
}

func (c *counting) Run(ctx context.Context, cmd remote.Command) (remote.Result, error) {
	if out := cmd.Stdout; out != nil {
		cmd.Stdout = writer(func(p []byte) error {
			c.sent[cmd.Name] += len(p)
			_, err := out.Write(p)
			return err
		})
	}
	if cmd.Stdin != nil {
		data, err := io.ReadAll(cmd.Stdin)
		if err != nil {
			return remote.Result{}, err
		}
		c.asks[cmd.Name] += string(data)
		cmd.Stdin = bytes.NewReader(data)
	}
	return c.Runner.Run(ctx, cmd)
}

func newCounting(h Runner) *counting { return &counting{h, map[string]int{}, map[string]string{}} }

// settled puts the host's clock forward: what was touched in the second of the
// look would be hashed again.
func (f *filed) settled(t *testing.T) {
	t.Helper()
	real, err := exec.LookPath("date")
	if err != nil {
		t.Fatal(err)
	}
	f.Shim("date", `case $1 in "+at %s") echo "at $(($(`+real+` +%s) + 60))" ;; *) exec `+real+` "$@" ;; esac`)
}

func TestTheNextBackupCostsWhatChanged(t *testing.T) {
	f := newFiled(t)
	f.settled(t)
	f.mustTake(t, "b1")
	f.put(t, "new", "brand new")
	if err := os.Rename(filepath.Join(f.files, "avatars"), filepath.Join(f.files, "moved")); err != nil {
		t.Fatal(err)
	}
	c := newCounting(below{f.Host})
	m, err := f.take(t, c, "b2")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f.there(t), f.contents(t, "b2")); diff != "" {
		t.Error(diff)
	}
	if m.Uploads.Pulled != int64(len("brand new")) || c.sent["pull the files"] != len("brand new") || c.sent["pull large.bin"] != 0 {
		t.Errorf("%+v; %v", m.Uploads, c.sent)
	}
	if asked := strings.Count(c.asks["hash the files"], "\x00"); asked != 4 || strings.Contains(c.asks["hash the files"], "plain.png") {
		t.Errorf("hashed %d: %q", asked, c.asks["hash the files"])
	}
}

// A file that was changed so that nobody sees it but by its ctime is seen.
func TestAChangeBehindTheTimesIsSeen(t *testing.T) {
	f := newFiled(t)
	f.settled(t)
	f.mustTake(t, "b1")
	file := filepath.Join(f.files, "plain.png")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	// The clock of files here counts seconds, and a backup that was made in the same
	// second does not trust it (settled has put that off): a change in the next one.
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for before := changedAt(t, file); changedAt(t, file) == before; <-tick.C {
		f.put(t, "plain.png", "CONTENT 0")
		if err := os.Chtimes(file, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
	}
	f.mustTake(t, "b2")
	if got := f.contents(t, "b2")[filepath.Join(f.files, "plain.png")]; got != "CONTENT 0" {
		t.Errorf("%q", got)
	}
}

// changedAt is the second in which a file's inode was changed.
func changedAt(t *testing.T, file string) int64 {
	t.Helper()
	var info unix.Stat_t
	if err := unix.Stat(file, &info); err != nil {
		t.Fatal(err)
	}
	sec, _ := info.Ctim.Unix()
	return sec
}

// A file that changes or goes while it is copied is written down, and the others
// are taken.
func TestFilesThatChangeMeanwhileAreLostToOneBackup(t *testing.T) {
	f := newFiled(t)
	meddle := &between{Runner: below{f.Host}, before: map[string]func(){
		"pull the files": func() {
			f.put(t, "plain.png", "changed in between, and longer")
			if err := os.Remove(filepath.Join(f.files, "-rf")); err != nil {
				t.Error(err)
			}
		},
		"pull large.bin": func() { f.put(t, "avatars/large.bin", "short now") },
	}}
	m, err := f.take(t, meddle, "b1")
	if err != nil {
		t.Fatal(err)
	}
	got := f.contents(t, "b1")
	for _, name := range []string{"plain.png", "-rf", "avatars/large.bin"} {
		if body, ok := got[filepath.Join(f.files, name)]; ok {
			t.Errorf("%s: %.40q", name, body)
		}
	}
	// The twin had the content that was asked for by the first of the two.
	if m.Uploads.Lost != 4 || m.Uploads.Files != len(odd)+3-4 {
		t.Errorf("%+v", m.Uploads)
	}
	f.mustTake(t, "b2")
	if diff := cmp.Diff(f.there(t), f.contents(t, "b2")); diff != "" {
		t.Error(diff)
	}
}

type between struct {
	Runner
	before map[string]func()
}

func (b *between) Run(ctx context.Context, cmd remote.Command) (remote.Result, error) {
	if do := b.before[cmd.Name]; do != nil {
		delete(b.before, cmd.Name)
		do()
	}
	return b.Runner.Run(ctx, cmd)
}

// A line that sends something else is no change on the host: nothing is kept.
func TestAContentThatArrivesTurnedIsNoBackup(t *testing.T) {
	f := newFiled(t)
	turn := &turning{Runner: below{f.Host}, name: "pull the files"}
	var unproven *UnprovenError
	if _, err := f.take(t, turn, "b1"); !errors.As(err, &unproven) || !strings.Contains(err.Error(), "arrived as something else") {
		t.Errorf("%v", err)
	}
	if _, err := Load(filepath.Join(f.list, "b1")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a manifest: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(f.list, storeFolder, "*", "*.partial")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	f.mustTake(t, "b1")
}

type turning struct {
	Runner
	name string
}

func (u *turning) Run(ctx context.Context, cmd remote.Command) (remote.Result, error) {
	if out := cmd.Stdout; cmd.Name == u.name {
		cmd.Stdout = writer(func(p []byte) error {
			_, err := out.Write(bytes.ReplaceAll(p, []byte("c"), []byte("d")))
			return err
		})
	}
	return u.Runner.Run(ctx, cmd)
}
