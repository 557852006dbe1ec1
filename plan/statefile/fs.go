package statefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"
)

// FS is what [WriteFile] and the journal need of a file system. [OS] is the
// real one; a test puts one that fails in its place.
type FS interface {
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	ReadFile(name string, limit int64) ([]byte, error)
	MkdirAll(name string, perm fs.FileMode) error
	Lstat(name string) (fs.FileInfo, error)
	Rename(from, to string) error
	Remove(name string) error
	SyncDir(name string) error
}

// File is what is needed of an open file.
type File interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error
}

// OS is the machine's file system.
type OS struct{}

// OpenFile is [os.OpenFile].
func (OS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err // not f: a nil *os.File in a File is not nil
	}
	return f, nil
}

// ReadFile reads a file of at most limit bytes.
func (OS) ReadFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("file too large")}
	}
	return data, err
}

// MkdirAll is [os.MkdirAll].
func (OS) MkdirAll(name string, perm fs.FileMode) error { return os.MkdirAll(name, perm) }

// Lstat is [os.Lstat].
func (OS) Lstat(name string) (fs.FileInfo, error) { return os.Lstat(name) }

// Rename is [os.Rename], which replaces an existing file everywhere.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove is [os.Remove].
func (OS) Remove(name string) error { return os.Remove(name) }

// SyncDir makes a created or renamed name in the folder durable. Windows has
// no such call: there a rename is journalled by the file system itself.
func (OS) SyncDir(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
