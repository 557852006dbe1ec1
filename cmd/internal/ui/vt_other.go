//go:build !windows

package ui

import "os"

// enableSequences has nothing to do where terminals follow escape sequences.
func enableSequences(*os.File) bool { return true }
