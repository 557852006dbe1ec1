//go:build unix

package backup

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func (f *filed) putBack(t *testing.T, h Runner, id string) *UploadRestore {
	t.Helper()
	dir := filepath.Join(f.list, id)
	m, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return &UploadRestore{Creator: creator(h), Manifest: m, Dir: dir, ID: "r1", Database: "db", Server: "chatalot-server"}
}

func paths(f *filed, list []*Upload) (names []string) {
	for _, u := range list {
		name, err := filepath.Rel(f.files, u.Path)
		if err != nil {
			name = u.Path
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestPutBackBringsWhatIsMissing(t *testing.T) {
	f := newFiled(t)
	f.mustTake(t, "b1")
	want := f.there(t)
	// All of a folder is gone, one file is damaged, one is newer, and one is only
	// in the server; a folder lies where a file was.
	gone := []string{"new\nline", "invalid \xff\xfe", " leading"}
	for _, name := range append([]string{"avatars", "*"}, gone...) {
		if err := os.RemoveAll(filepath.Join(f.files, name)); err != nil {
			t.Fatal(err)
		}
	}
	f.put(t, "*/in the way", "x")
	f.put(t, "plain.png", "c0ntent 0")
	older := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(filepath.Join(f.files, "plain.png"), older, older); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.files, "$(id)"), []byte("newer"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.put(t, "later", "uploaded later")
	p := f.putBack(t, below{f.Host}, "b1")
	d, err := p.Compare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lacking := append([]string{"avatars/empty", "avatars/large.bin", "avatars/twin"}, gone...)
	slices.Sort(lacking)
	if diff := cmp.Diff(lacking, paths(f, d.Missing)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"plain.png"}, paths(f, d.Changed)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"$(id)", "*"}, paths(f, d.Kept)); diff != "" {
		t.Error(diff)
	}
	if len(d.Folders) != 1 || d.Same != len(odd)-6 {
		t.Errorf("%+v", d)
	}
	if err := p.Do(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	now := f.there(t)
	want[filepath.Join(f.files, "$(id)")] = "newer"
	want[filepath.Join(f.files, "later")] = "uploaded later"
	want[filepath.Join(f.files, "*", "in the way")] = "x"
	delete(want, filepath.Join(f.files, "*"))
	if diff := cmp.Diff(want, now); diff != "" {
		t.Error(diff)
	}
	for name, mode := range map[string]os.FileMode{"avatars": 0o755 | os.ModeDir, "new\nline": 0o640} {
		if info, err := os.Stat(filepath.Join(f.files, name)); err != nil || info.Mode() != mode {
			t.Errorf("%q: %v, %v", name, info.Mode(), err)
		}
	}
	p.Overwrite = true
	if d, err = p.Compare(t.Context()); err != nil || len(d.Missing) != 0 || !slices.Equal(paths(f, d.Changed), []string{"$(id)"}) {
		t.Errorf("%v: %q", err, paths(f, d.Files()))
	}
	if err := p.Do(t.Context(), d); err != nil || f.there(t)[filepath.Join(f.files, "$(id)")] == "newer" {
		t.Errorf("%v", err)
	}
}

// Whatever fails, no file of the server is half written, and nothing of ours stays.
func TestPutBackThatFailsLeavesTheServersFiles(t *testing.T) {
	f := newFiled(t)
	f.mustTake(t, "b1")
	f.put(t, "plain.png", "c0ntent 0")
	if err := os.Remove(filepath.Join(f.files, "-rf")); err != nil {
		t.Fatal(err)
	}
	before := f.there(t)
	older := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(filepath.Join(f.files, "plain.png"), older, older); err != nil {
		t.Fatal(err)
	}
	d, err := f.putBack(t, below{f.Host}, "b1").Compare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, fail := range map[string]func() (Runner, func()){
		"tar": func() (Runner, func()) {
			f.Shim("tar", "head -c 100 >/dev/null; echo tar: no space left on device >&2; exit 2")
			return below{f.Host}, func() { os.Remove(f.Path("bin", "tar")) }
		},
		"turned": func() (Runner, func()) {
			return &between{Runner: below{f.Host}, before: map[string]func(){"hash the files": func() {
				if err := os.WriteFile(filepath.Join(f.files, ".liftalot-r1", "0"), nil, 0o600); err != nil {
					t.Error(err)
				}
			}}}, func() {}
		},
		"rotten": func() (Runner, func()) {
			object := filepath.Join(f.list, storeFolder, d.Missing[0].Object.file()+suffix)
			if err := os.Rename(object, object+".aside"); err != nil {
				t.Fatal(err)
			}
			return below{f.Host}, func() { os.Rename(object+".aside", object) }
		},
	} {
		h, mend := fail()
		var unproven *UnprovenError
		if err := f.putBack(t, h, "b1").Do(t.Context(), d); !errors.As(err, &unproven) {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(before, f.there(t)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		mend()
	}
	if err := f.putBack(t, below{f.Host}, "b1").Do(t.Context(), d); err != nil {
		t.Error(err)
	}
}
