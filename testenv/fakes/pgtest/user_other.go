//go:build !unix

package pgtest

import (
	"syscall"
	"testing"
)

// unprivileged has nothing to do where the programs are not looked for.
func unprivileged(testing.TB, string) *syscall.SysProcAttr { return nil }
