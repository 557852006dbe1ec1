package remote

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"liftalot/remote/shell"
)

// wrapper is what /bin/sh runs: $1 is the mark, $2 the script, the rest its
// arguments. The closing mark carries the status of the script on both
// streams, because only then is it known that neither was cut.
const wrapper = `m=$1 s=$2
shift 2
PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C TZ=UTC
export PATH LC_ALL TZ
unset CDPATH
umask 077
printf %sb "$m"
printf %sb "$m" >&2
/bin/sh -c "$s" sh "$@"
r=$?
printf %se%d. "$m" "$r"
printf %se%d. "$m" "$r" >&2
`

// SudoProgram is the one program that is run through sudo: whatever is done as
// root, this shell does it.
const SudoProgram = "/bin/sh"

// maxExec keeps the exec string below the 128 KiB that Linux allows one
// argument, which is what it becomes in the hands of the login shell.
const maxExec = 120 << 10

// An invocation is a command made ready for the wire.
type invocation struct {
	exec string
	mark string
	sudo SudoMode
}

// invoke quotes a command for the login shell of the host.
func (c Config) invoke(cmd Command) (invocation, error) {
	mark := newMark()
	words := []string{SudoProgram, "-c", wrapper, "sh", mark, cmd.Script}
	words = append(words, cmd.Args...)
	for _, w := range words {
		if !shell.Quotable(w) {
			return invocation{}, fmt.Errorf("%s: %w: an argument holds a NUL byte", cmd.Name, ErrNotStarted)
		}
	}
	inv := invocation{mark: mark, sudo: c.sudoFor(cmd)}
	switch inv.sudo {
	case SudoNoPassword:
		words = append([]string{"env", "LC_ALL=C", "sudo", "-n", "--"}, words...)
	case SudoPassword:
		words = append([]string{"env", "LC_ALL=C", "sudo", "-S", "-p", mark + "p", "--"}, words...)
	}
	inv.exec = "exec " + shell.Join(words...)
	if len(inv.exec) > maxExec {
		return invocation{}, fmt.Errorf("%s: %w: script and arguments are %d bytes, at most %d fit; send data on stdin",
			cmd.Name, ErrNotStarted, len(inv.exec), maxExec)
	}
	return inv, nil
}

func (c Config) sudoFor(cmd Command) SudoMode {
	if !cmd.Root || c.User == "root" {
		return SudoNone
	}
	return c.Sudo.Mode
}

// newMark returns a text that no host can have said before.
func newMark() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return "mark=" + hex.EncodeToString(b[:]) + "="
}
