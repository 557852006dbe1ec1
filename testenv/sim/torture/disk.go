package torture

import (
	"errors"
	"io/fs"
	"syscall"

	"liftalot/plan/statefile"
)

// A disk is the workstation's, and asks before each change of it.
type disk struct {
	statefile.OS
	// ask is told of a change that is about to be made. An error fails it; what a
	// write gets done before is for torn to say.
	ask  func() error
	torn func() bool
}

func (d *disk) OpenFile(name string, flag int, perm fs.FileMode) (statefile.File, error) {
	if err := d.ask(); err != nil {
		return nil, err
	}
	f, err := d.OS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &diskFile{f, d}, nil
}

func (d *disk) Rename(from, to string) error {
	if err := d.ask(); err != nil {
		return err
	}
	return d.OS.Rename(from, to)
}

func (d *disk) SyncDir(name string) error {
	if err := d.ask(); err != nil {
		return err
	}
	return d.OS.SyncDir(name)
}

type diskFile struct {
	statefile.File
	disk *disk
}

func (f *diskFile) Write(p []byte) (int, error) {
	if f.disk.torn() {
		_, _ = f.File.Write(p[:len(p)/2])
	}
	if err := f.disk.ask(); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f *diskFile) Sync() error {
	if err := f.disk.ask(); err != nil {
		return err
	}
	return f.File.Sync()
}

// Truncate works on a full disk: it needs no room.
func (f *diskFile) Truncate(size int64) error {
	if err := f.disk.ask(); err != nil && !errors.Is(err, errFull) {
		return err
	}
	return f.File.Truncate(size)
}

var errFull error = syscall.ENOSPC
