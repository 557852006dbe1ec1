package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"liftalot/remote/filelock"
)

// LockName is the lock file's name in the host's folder.
const LockName = "lock"

// A Holder says who holds a lock, for the one who finds it taken.
type Holder struct {
	PID     int       `json:"pid"`
	Purpose string    `json:"purpose"`
	Since   time.Time `json:"since"`
}

// A Lock keeps other processes on this machine from working on a host. The
// kernel holds it and ends it with the process, however that ends; the file
// stays where it is, since removing a lock file is a race of its own.
//
// It says nothing about other machines: for them there is a lock on the host.
type Lock struct {
	file *os.File
}

// TakeLock takes the lock of a host's folder, which is made when it is not
// there. It does not wait: a lock that is taken is a [*LockedError].
func TakeLock(dir string, holder Holder) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("lock the host's folder: %w", err)
	}
	path := filepath.Join(dir, LockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the host's folder: %w", err)
	}
	switch err := filelock.TryLock(f); {
	case errors.Is(err, filelock.ErrHeld):
		held := &LockedError{Path: path, Holder: readHolder(f)}
		return nil, errors.Join(held, f.Close())
	case err != nil:
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	writeHolder(f, holder)
	return &Lock{file: f}, nil
}

// Held says who holds the lock of a host's folder now, without getting into the way of
// who takes it: only the note that a killed process left is tried.
func Held(dir string) (Holder, bool) {
	f, err := os.OpenFile(filepath.Join(dir, LockName), os.O_RDWR, 0)
	if err != nil {
		return Holder{}, false
	}
	defer f.Close() // and with it the lock, where it was taken
	h := readHolder(f)
	return h, h.PID != 0 && errors.Is(filelock.TryLock(f), filelock.ErrHeld)
}

// Release gives the lock up. A nil lock has nothing to give up.
func (l *Lock) Release() error {
	if l == nil || l.file == nil {
		return nil
	}
	err := errors.Join(l.file.Truncate(0), l.file.Close())
	l.file = nil
	return err
}

// maxHolder bounds what is read of the holder's note.
const maxHolder = 4 << 10

// writeHolder and readHolder do their best: the note is for a person, and the
// lock holds without it.
func writeHolder(f *os.File, h Holder) {
	note, err := json.Marshal(h)
	if err != nil || len(note) > maxHolder || f.Truncate(0) != nil {
		return
	}
	f.WriteAt(note, 0)
}

func readHolder(f *os.File) Holder {
	buf := make([]byte, maxHolder)
	n, _ := f.ReadAt(buf, 0)
	var h Holder
	if json.Unmarshal(buf[:n], &h) != nil {
		return Holder{}
	}
	return h
}
