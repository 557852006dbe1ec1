package filelock

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockOffset is a byte far behind what the file holds: a lock on Windows keeps
// others from reading what it covers, and a note on the holder must be readable.
const lockOffset = 1 << 30

// TryLock takes the kernel's lock on an open file without waiting. The kernel gives
// it up when the file is closed, and so when its process ends.
func TryLock(f *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &windows.Overlapped{Offset: lockOffset})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrHeld
	}
	return err
}
