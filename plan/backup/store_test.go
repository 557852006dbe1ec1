//go:build unix

package backup

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A recipient that was added opens all of the next backup, and nothing is pulled
// for it again.
func TestANewRecipientOpensOldContentsToo(t *testing.T) {
	f := newFiled(t)
	f.settled(t)
	f.mustTake(t, "b1")
	other, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	k := creator(below{f.Host})
	k.Keys.Others = []string{other.Recipient().String()}
	b := f.Backup
	b.ID, b.Dir = "b2", f.Path("var", "backups", "b2")
	dir := filepath.Join(f.list, "b2")
	m, err := k.Create(t.Context(), Request{Backup: b, Uploads: true, Server: "s"}, dir)
	if err != nil || m.Uploads.Pulled != 0 {
		t.Fatalf("%+v, %v", m, err)
	}
	if err := m.VerifyUploads(t.Context(), dir, other, map[[32]byte]bool{}); err != nil {
		t.Error(err)
	}
}

func TestSweepRemovesWhatNobodyNames(t *testing.T) {
	f := newFiled(t)
	f.mustTake(t, "b1")
	f.put(t, "plain.png", "second")
	f.put(t, "avatars/twin", "second")
	f.mustTake(t, "b2")
	before := len(f.objects(t))
	if gone, _, err := CollectGarbage(f.list, testKey()); gone != 0 || err != nil {
		t.Fatalf("%d, %v", gone, err)
	}
	first := Entry{Dir: filepath.Join(f.list, "b1"), Manifest: &Manifest{ID: "b1"}}
	// A damaged backup is one whose contents nobody knows: nothing goes.
	manifest := filepath.Join(first.Dir, manifestFile)
	sound, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	for _, damage := range []func() error{
		func() error { return os.WriteFile(manifest, []byte("{}"), 0o600) },
		func() error {
			return os.Rename(filepath.Join(first.Dir, "files.list.age"), filepath.Join(first.Dir, "aside"))
		},
		func() error { return os.WriteFile(filepath.Join(first.Dir, "files.list.age"), []byte("torn"), 0o600) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if gone, _, err := CollectGarbage(f.list, testKey()); gone != 0 || err == nil || !strings.Contains(err.Error(), "b1") {
			t.Errorf("%d, %v", gone, err)
		}
		if err := os.WriteFile(manifest, sound, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stranger, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Remove(); err != nil {
		t.Fatal(err)
	}
	if gone, _, err := CollectGarbage(f.list, stranger); gone != 0 || err == nil {
		t.Errorf("with a stranger's key: %d, %v", gone, err)
	}
	torn := filepath.Join(filepath.Dir(f.objects(t)[0]), strings.Repeat("a", 64)+".age.partial")
	if err := os.WriteFile(torn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if gone, freed, err := CollectGarbage(f.list, testKey()); gone != 2 || freed == 0 || err != nil {
		t.Errorf("%d, %d, %v", gone, freed, err)
	}
	if n := len(f.objects(t)); n != before-1 {
		t.Errorf("%d contents, there were %d", n, before)
	}
	if diff := cmp.Diff(f.there(t), f.contents(t, "b2")); diff != "" {
		t.Error(diff)
	}
}

// What rotted is found, and what is gone comes again with the next backup.
func TestDamagedContentsAreFoundAndComeAgain(t *testing.T) {
	f := newFiled(t)
	f.settled(t)
	m := f.mustTake(t, "b1")
	dir := filepath.Join(f.list, "b1")
	for _, object := range f.objects(t)[:3] {
		data, err := os.ReadFile(object)
		if err != nil {
			t.Fatal(err)
		}
		for name, spoil := range map[string]func() error{
			"flipped": func() error {
				return os.WriteFile(object, append(slices.Clone(data[:len(data)-1]), data[len(data)-1]^1), 0o600)
			},
			"cut":  func() error { return os.WriteFile(object, data[:len(data)-1], 0o600) },
			"gone": func() error { return os.Remove(object) },
		} {
			if err := spoil(); err != nil {
				t.Fatal(err)
			}
			var unproven *UnprovenError
			if err := m.VerifyUploads(t.Context(), dir, testKey(), map[[32]byte]bool{}); !errors.As(err, &unproven) {
				t.Errorf("%s: %v", name, err)
			}
			if err := os.WriteFile(object, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Remove(object); err != nil {
			t.Fatal(err)
		}
	}
	again := f.mustTake(t, "b2")
	if err := again.VerifyUploads(t.Context(), filepath.Join(f.list, "b2"), testKey(), map[[32]byte]bool{}); err != nil {
		t.Error(err)
	}
	if err := m.VerifyUploads(t.Context(), dir, testKey(), map[[32]byte]bool{}); err != nil {
		t.Errorf("the first: %v", err)
	}
}

// A content that rotted is found in each backup that names it, though what they have
// in common is read once.
func TestADamagedContentIsFoundInEachBackup(t *testing.T) {
	f := light(t)
	backups := map[string]*Manifest{"b1": f.mustTake(t, "b1"), "b2": f.mustTake(t, "b2")}
	object := f.objects(t)[0]
	if err := os.Truncate(object, 10); err != nil {
		t.Fatal(err)
	}
	proven := map[[32]byte]bool{}
	for _, id := range []string{"b1", "b2"} {
		var unproven *UnprovenError
		if err := backups[id].VerifyUploads(t.Context(), filepath.Join(f.list, id), testKey(), proven); !errors.As(err, &unproven) {
			t.Errorf("%s: %v", id, err)
		}
	}
	for n := range proven {
		if objectName(n).file()+suffix == filepath.Join(filepath.Base(filepath.Dir(object)), filepath.Base(object)) {
			t.Error("it counts as proven")
		}
	}
}
