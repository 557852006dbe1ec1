package ui

import (
	"os"

	"golang.org/x/sys/windows"
)

// enableSequences asks the console to follow escape sequences, which those of
// Windows do only when asked, and reports whether it will.
func enableSequences(f *os.File) bool {
	var mode uint32
	h := windows.Handle(f.Fd())
	if err := windows.GetConsoleMode(h, &mode); err != nil {
		return false
	}
	return windows.SetConsoleMode(h, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
