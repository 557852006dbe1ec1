package statefile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"liftalot/plan/statefile"
)

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plan.json")
	for _, text := range []string{"one", "a second and longer text", ""} {
		if err := statefile.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	if err := statefile.WriteFile(filepath.Join(filepath.Dir(path), "missing", "x"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("into a folder that is not there: %v", err)
	}
}

func TestSweepTakesOnlyWhatWriteFileLeft(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "journal.jsonl")
	left := path + "." + strings.Repeat("A", 26) + ".tmp"
	kept := []string{path, path + ".tmp", path + ".bak", path + ".short.tmp", filepath.Join(dir, "plan.json."+strings.Repeat("A", 26)+".tmp")}
	for _, name := range append(kept, left) {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := statefile.Sweep(path); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there (%v)", left, err)
	}
	for _, name := range kept {
		if _, err := os.Stat(name); err != nil {
			t.Errorf("%s is gone: %v", name, err)
		}
	}
}
