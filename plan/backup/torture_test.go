package backup

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"
)

// all makes the torture thorough: go test ./plan/backup -run TestTorture -all
var all = flag.Bool("all", false, "tear archives at every place, not at some")

// spoilt is how often each file of a backup is torn: in a sample, and in all.
const (
	sample   = 40
	thorough = 600
)

// TestTorture tears every file of a backup in every way a disk or a line does:
// cut short at any place, one bit changed at any place, a run of zeros, two
// pieces in each other's place, a byte too many. A backup that was touched at
// all must not pass for one: neither as it lies, nor as it is listed.
func TestTorture(t *testing.T) {
	perFile := sample
	if *all {
		perFile = thorough
	}
	tried, accepted := 0, 0
	for _, packing := range []string{"zlib.dump", "none.dump", "zstd.dump"} {
		dir := t.TempDir()
		m := whole(t, dir, packing)
		for _, name := range files(t, dir) {
			path := filepath.Join(dir, name)
			good, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for what, bad := range spoil(good, perFile) {
				tried++
				if err := os.WriteFile(path, bad, 0o600); err != nil {
					t.Fatal(err)
				}
				if stands(dir, m.ID) {
					accepted++
					t.Errorf("%s, %s: %s was not noticed", packing, name, what)
				}
			}
			if err := os.WriteFile(path, good, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if !stands(dir, m.ID) {
			t.Fatal("the backup does not stand when it is whole")
		}
	}
	t.Logf("%d torn backups, %d accepted", tried, accepted)
	if *all && tried < 10000 {
		t.Errorf("only %d were tried", tried)
	}
}

// whole takes a backup with a recorded archive in it.
func whole(t *testing.T, dir, archive string) *Manifest {
	t.Helper()
	dump, err := os.ReadFile(filepath.Join("pgarchive", "testdata", archive))
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t)
	h.files["db.dump"] = string(dump)
	h.list = list(h.files)
	o := op
	if archive == "zstd.dump" {
		o.Tables = 33
	}
	m, err := creator(h).Create(t.Context(), Request{Backup: o}, dir)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// stands reports whether the folder passes for the whole backup.
func stands(dir, id string) bool {
	m, err := Load(dir)
	return err == nil && m.ID == id && m.Verify(dir, testKey()) == nil
}

// spoil gives torn forms of a file, about n of them, spread over its length.
func spoil(good []byte, n int) map[string][]byte {
	out := map[string][]byte{}
	for i := range n {
		at := len(good) * i / n
		switch i % 3 {
		case 0:
			out[fmt.Sprintf("a cut at %d", at)] = good[:at]
		default:
			bad := append([]byte{}, good...)
			bad[at] ^= 1 << (i % 8)
			out[fmt.Sprintf("bit %d of byte %d", i%8, at)] = bad
		}
	}
	half := len(good) / 2
	swapped := append(append([]byte{}, good[half:]...), good[:half]...)
	zeros := append([]byte{}, good...)
	clear(zeros[half : half+min(16, half)])
	out["two halves in each other's place"] = swapped
	out["a hole of zeros"] = zeros
	out["a byte too many"] = append(append([]byte{}, good...), 0)
	out["the file twice"] = append(append([]byte{}, good...), good...)
	return out
}

// What comes out of a read that ends early, without an error, is no backup
// either: a short read is a cut, wherever it comes from.
func TestTortureShortReads(t *testing.T) {
	n := sample
	if *all {
		n = thorough
	}
	h := newHost(t)
	body := h.files[Dump]
	for i := range n {
		cut := len(body) * i / n
		h := newHost(t)
		h.send = func(name, body string, w io.Writer) error {
			if name == Dump {
				body = body[:cut]
			}
			_, err := io.WriteString(w, body)
			return err
		}
		dir := t.TempDir()
		var unproven *UnprovenError
		if m, err := take(t, h, dir); m != nil || !errors.As(err, &unproven) {
			t.Fatalf("a pull that ended after %d bytes passed: %v", cut, err)
		}
		if _, err := Load(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("there is a manifest: %v", err)
		}
	}
}

// A file that was encrypted to the right recipient by somebody else is not the
// one that was backed up.
func TestTortureAnotherFileOfTheSameKey(t *testing.T) {
	dir := t.TempDir()
	m := whole(t, dir, "zlib.dump")
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	_, err = encrypt(root, Dump, []age.Recipient{testKey().Recipient()}, func(w io.Writer) error {
		_, err := io.WriteString(w, recorded(t)) // the very same bytes
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if stands(dir, m.ID) {
		t.Error("a dump that was encrypted anew passed for the one that was written")
	}
}
