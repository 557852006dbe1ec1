package inventory

import (
	"fmt"
	"strings"
)

// An Error is one thing wrong with an inventory or an ssh_config file.
type Error struct {
	File string
	Line int    // 0 where no single line is to blame
	Key  string // dotted, as in hosts.acme.port; "" for the file as a whole
	Msg  string
	Hint string // what to write instead; may be empty
}

// Error returns one line such as
//
//	inventory.yml:14: hosts.acme.port: must be between 1 and 65535
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	b.WriteString(": ")
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Msg)
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// Errors is everything wrong with one inventory, in the order of the file.
type Errors []*Error

// Error returns the errors one per line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets [errors.As] find an [*Error].
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, err := range e {
		errs[i] = err
	}
	return errs
}

// A PatternError reports a pattern that names nothing.
type PatternError struct {
	Pattern string
	Msg     string
	Hint    string
}

func (e *PatternError) Error() string {
	s := fmt.Sprintf("pattern %q: %s", e.Pattern, e.Msg)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// A fieldError is an Error before it is known where it happened.
type fieldError struct {
	msg  string
	hint string
}

func (p *fieldError) Error() string { return p.msg }

func fieldErrorf(format string, args ...any) error {
	return &fieldError{msg: fmt.Sprintf(format, args...)}
}

func badHint(hint, format string, args ...any) error {
	return &fieldError{msg: fmt.Sprintf(format, args...), hint: hint}
}
