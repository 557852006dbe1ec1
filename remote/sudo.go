package remote

import (
	"bytes"
	"context"
	"errors"
)

// answer gives sudo the password, once. A second question means that the first
// answer was wrong; asking a person again is the caller's business, and
// another wrong try could lock the account.
func (x *execution) answer(ctx context.Context) error {
	if x.asked {
		return x.sudoError(SudoWrongPassword, nil)
	}
	x.asked = true
	if x.cfg.Sudo.Password == nil {
		return x.sudoError(SudoNoPasswordSet, nil)
	}
	password, err := x.cfg.Sudo.Password(ctx)
	if err != nil {
		return x.sudoError(SudoNoPasswordSet, err)
	}
	defer clear(password)
	if bytes.ContainsAny(password, "\x00\n") {
		return x.sudoError(SudoNoPasswordSet, errors.New("the password holds a line end or NUL"))
	}
	line := make([]byte, len(password)+1)
	copy(line, password)
	line[len(password)] = '\n'
	x.answers <- line
	return nil
}

// sudoRefused judges a sudo that has ended without running anything.
func (x *execution) sudoRefused() error {
	x.err.mu.Lock()
	said := bytes.Clone(x.err.preamble)
	x.err.mu.Unlock()
	return x.sudoError(complaint(said, x.exitStatus, x.asked), nil)
}

func (x *execution) sudoError(kind SudoProblem, cause error) error {
	x.err.mu.Lock()
	defer x.err.mu.Unlock()
	return &SudoError{
		Host: x.cfg.Name, User: x.cfg.User, Kind: kind,
		Said: bytes.Clone(x.err.preamble), Err: cause,
	}
}

// complaint tells sudo's refusals apart by what it says, in the C locale. Its
// status is 1 for all of them, and nothing else distinguishes them. The texts
// are those of sudo 1.8 to 1.9 and of sudo-rs; an unknown one is SudoOtherComplaint,
// which stops a run just as well.
func complaint(said []byte, status int, asked bool) SudoProblem {
	for _, c := range []struct {
		text string
		kind SudoProblem
	}{
		{"you must have a tty", SudoNeedsTTY},
		{"is not in the sudoers file", SudoNotAllowed},
		{"is not allowed to", SudoNotAllowed},
		{"may not run sudo", SudoNotAllowed},
		{"I'm afraid I can't do that", SudoNotAllowed},
		{"a password is required", SudoNoPasswordSet},
		{"interactive authentication is required", SudoNoPasswordSet},
		{"incorrect password attempt", SudoWrongPassword},
		{"incorrect authentication attempt", SudoWrongPassword},
		{"try again", SudoWrongPassword},
	} {
		if bytes.Contains(said, []byte(c.text)) {
			return c.kind
		}
	}
	switch {
	case status == 127 || status == 126:
		return SudoMissing
	case asked:
		return SudoWrongPassword
	}
	return SudoOtherComplaint
}
