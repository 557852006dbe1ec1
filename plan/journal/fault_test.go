package journal_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"liftalot/plan/journal"
	"liftalot/plan/statefile"
)

// faultyFS is the machine's file system until its n-th change, which fails.
// A write that fails has written the first half.
type faultyFS struct {
	statefile.OS
	n     int
	err   error
	calls []string
}

// change counts a change and reports whether it is the one to fail.
func (f *faultyFS) change(call string) error {
	f.calls = append(f.calls, call)
	if len(f.calls) == f.n {
		return fmt.Errorf("%s: %w", call, f.err)
	}
	return nil
}

func (f *faultyFS) OpenFile(name string, flag int, perm fs.FileMode) (statefile.File, error) {
	if err := f.change("open"); err != nil {
		return nil, err
	}
	file, err := f.OS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultyFile{File: file, fs: f}, nil
}

func (f *faultyFS) Rename(from, to string) error {
	if err := f.change("rename"); err != nil {
		return err
	}
	return f.OS.Rename(from, to)
}

func (f *faultyFS) SyncDir(name string) error {
	if err := f.change("sync folder"); err != nil {
		return err
	}
	return f.OS.SyncDir(name)
}

type faultyFile struct {
	statefile.File
	fs *faultyFS
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.fs.change("write"); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f *faultyFile) Sync() error {
	if err := f.fs.change("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.fs.change("truncate"); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

// Rows F4 and F5: each change of the disk fails once. What was acknowledged
// before is there afterwards, the cause can be asked for, and the journal that
// failed takes nothing more.
func TestEveryChangeFailsOnce(t *testing.T) {
	for _, cause := range []error{syscall.ENOSPC, syscall.EIO} {
		for n := 1; ; n++ {
			fsys := &faultyFS{n: n, err: cause}
			dir := t.TempDir()
			acknowledged, err := tellStory(dir, fsys)
			if err == nil {
				if n < 10 {
					t.Fatalf("only %d changes: %q", n, fsys.calls)
				}
				break
			}
			if !errors.Is(err, cause) {
				t.Errorf("change %d (%s): the error %v hides its cause", n, fsys.calls[n-1], err)
			}
			checkAfterFault(t, dir, acknowledged, fmt.Sprintf("change %d (%s)", n, fsys.calls[n-1]))
		}
	}
}

// tellStory appends the sample and returns how much of it was acknowledged.
func tellStory(dir string, fsys statefile.FS) (acknowledged int, err error) {
	opts := options()
	opts.FS = fsys
	j, err := journal.Open(dir, opts)
	if err != nil {
		return 0, err
	}
	defer j.Close()
	for i, r := range sample() {
		if err := j.Append(r); err != nil {
			var failed *journal.WriteError
			if again := j.Append(r); !errors.As(err, &failed) || !errors.Is(again, err) || len(j.Records()) != i {
				return i, fmt.Errorf("a journal that failed went on: %w, then %v", err, again)
			}
			return i, err
		}
	}
	return len(sample()), nil
}

func checkAfterFault(t *testing.T, dir string, acknowledged int, where string) {
	t.Helper()
	j, err := journal.Open(dir, options())
	if err != nil {
		t.Errorf("%s: open afterwards: %v", where, err)
		return
	}
	defer j.Close()
	// One that was written and not flushed was rolled back; none before it is lost.
	if n := len(j.Records()); n != acknowledged {
		t.Errorf("%s: %d records afterwards, %d were acknowledged", where, n, acknowledged)
	}
	if err := j.Append(sample()[0]); err != nil {
		t.Errorf("%s: append afterwards: %v", where, err)
	}
}

// A torn tail that can not be cut is no reason to write behind it.
func TestMendingCanFail(t *testing.T) {
	whole := sampleBytes(t)
	for n := 2; n <= 3; n++ { // the open, then truncate and sync
		dir := file(t, whole[:len(whole)-10])
		opts := options()
		opts.FS = &faultyFS{n: n, err: syscall.EIO}
		_, err := journal.Open(dir, opts)
		var failed *journal.WriteError
		if !errors.As(err, &failed) {
			t.Errorf("change %d: %v", n, err)
		}
		checkAfterFault(t, dir, len(sample())-1, fmt.Sprintf("change %d", n))
	}
}

// Whatever fails while a file is replaced, it holds the old or the new bytes,
// and nothing is left beside it but on a dead machine.
func TestWriteFileIsAllOrNothing(t *testing.T) {
	for n := 1; ; n++ {
		dir := t.TempDir()
		path := filepath.Join(dir, "plan.json")
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		fsys := &faultyFS{n: n, err: syscall.EIO}
		err := statefile.WriteFileTo(fsys, path, []byte("new"), 0o600)
		got, rerr := os.ReadFile(path)
		if rerr != nil {
			t.Fatal(rerr)
		}
		if err == nil {
			if string(got) != "new" {
				t.Errorf("wrote %q", got)
			}
			break
		}
		renamed := strings.Contains(strings.Join(fsys.calls, " "), "rename sync")
		if want := map[bool]string{false: "old", true: "new"}[renamed]; string(got) != want {
			t.Errorf("after a failed %s: %q, want %q", fsys.calls[n-1], got, want)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Errorf("after a failed %s: %v, %v", fsys.calls[n-1], left, err)
		}
	}
}
