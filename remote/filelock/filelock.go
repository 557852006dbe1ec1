// Package filelock holds locks on files of this machine, so that processes that share
// a file change it one after the other.
//
// A file that is read, changed and written back loses the change of whoever did the
// same in between. [Do] is for that: it waits for its turn, because each turn is short.
// [TryLock] is for a lock that is held as long as a whole run: it does not wait.
//
// The kernel holds a lock and ends it with its process, however that ends. It says
// nothing about other machines.
package filelock

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// Suffix ends the name of the file that [Do] locks. It lies beside the file that is
// changed, which cannot be locked itself: writing it puts a new one in its place.
const Suffix = ".lock"

// ErrHeld is what [TryLock] answers when somebody else holds the lock.
var ErrHeld = errors.New("lock is held")

// How long [Do] waits for its turn, and how often it looks. Whoever has the lock reads
// and writes one small file.
const (
	patience = 30 * time.Second
	interval = 10 * time.Millisecond
)

// Do runs change while nobody else, in this process or another, is in a Do of the same
// path. The lock file is made when it is not there, and stays: to remove it would be a
// race of its own. The folder must exist.
func Do(path string, change func() error) (err error) {
	f, err := os.OpenFile(path+Suffix, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := wait(f, time.Now().Add(patience)); err != nil {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	return change()
}

func wait(f *os.File, until time.Time) error {
	for {
		err := TryLock(f)
		if !errors.Is(err, ErrHeld) {
			return err
		}
		if time.Now().After(until) {
			return fmt.Errorf("another liftalot on this machine has held it for %v: %w", patience, err)
		}
		<-time.After(interval)
	}
}
