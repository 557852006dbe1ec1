// Package shell quotes words for a login shell that may be any.
//
// sshd hands the command of an exec request to the account's login shell, and
// on a stranger's server that is bash, dash, busybox, zsh or fish. They agree
// on less than one would hope: fish gives the backslash a meaning inside
// single quotes, where POSIX gives it none. [Quote] therefore never lets a
// backslash or a single quote stand inside single quotes, and what it writes
// means the same to all of them.
//
// A NUL byte cannot be part of a word in any shell. [Quotable] says whether a
// text can be handed over; Quote leaves a NUL where it is, and the shell cuts
// there, so ask first.
package shell

import "strings"

// Quote returns s as one word.
func Quote(s string) string {
	if s == "" {
		return "''"
	}
	if strings.IndexFunc(s, special) < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 8)
	open := false
	for i := 0; i < len(s); i++ {
		escaped := escape(s[i])
		if (escaped == "") != open {
			b.WriteByte('\'')
			open = !open
		}
		if escaped == "" {
			b.WriteByte(s[i])
		} else {
			b.WriteString(escaped)
		}
	}
	if open {
		b.WriteByte('\'')
	}
	return b.String()
}

// Join quotes each word and puts one space between them.
func Join(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = Quote(w)
	}
	return strings.Join(quoted, " ")
}

// Quotable reports whether s can be a word at all.
func Quotable(s string) bool {
	return strings.IndexByte(s, 0) < 0
}

// escape returns how a byte is written outside single quotes, or "" when it is
// at home inside them.
func escape(c byte) string {
	switch c {
	case '\'':
		return `"'"`
	case '\\':
		return `"\\"`
	}
	return ""
}

// special reports whether a character needs quotes in any of the shells. The
// list of harmless ones is short on purpose: "=" starts a path lookup in zsh,
// "~", "%" and "^" mean something in others.
func special(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	}
	return !strings.ContainsRune("_-./:,@", r)
}
