//go:build unix

package cli

import "syscall"

// openFiles is how many files this process may have open, 0 where there is no such
// limit. Go has raised it to what the system allows at most.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || uint64(limit.Cur) > 1<<20 {
		return 0
	}
	return int(limit.Cur)
}
