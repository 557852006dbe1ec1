package ui

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape returns s as one line that is safe on a terminal: printable characters
// pass, and everything else is shown as Go would write it, "\x1b" or "\u202e".
// That covers control characters of both sets, carriage returns, line and
// paragraph separators, characters that turn text around or take no room, and
// bytes that are no UTF-8.
//
// A backslash passes as it is: the result is to be looked at and not to be
// turned back.
func Escape(s string) string { return escape(s, false) }

// EscapeLines is [Escape] for several lines: line feeds pass too.
func EscapeLines(s string) string { return escape(s, true) }

func escape(s string, lines bool) string {
	clean := true
	for i, r := range s {
		if !passes(r, lines) || r == utf8.RuneError && isBadByte(s[i:]) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[0])|0x100, 16)[1:])
		case passes(r, lines):
			b.WriteRune(r)
		default:
			b.WriteString(spelled(r))
		}
		s = s[size:]
	}
	return b.String()
}

func isBadByte(s string) bool {
	r, size := utf8.DecodeRuneInString(s)
	return r == utf8.RuneError && size == 1
}

// passes reports whether r may reach a terminal.
func passes(r rune, lines bool) bool {
	if r == '\n' {
		return lines
	}
	return unicode.IsPrint(r) && !invisible(r)
}

// invisible finds the letters and marks that count as printable and show
// nothing, or change their neighbours: fillers, joiners, variation selectors.
func invisible(r rune) bool {
	const brailleBlank = '\u2800'
	return r == brailleBlank ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Bidi_Control)
}

// spelled returns the escape of a character as within a Go literal. The
// characters in question are controls or beyond ASCII, so it is never itself.
func spelled(r rune) string {
	quoted := strconv.QuoteRuneToASCII(r)
	return quoted[1 : len(quoted)-1]
}

// escapeJSON spells, in a JSON document, what [Escape] would not let pass. JSON
// has such characters only within strings, and json.Marshal leaves those above
// ASCII as they are.
func escapeJSON(doc []byte) []byte {
	var b []byte
	for _, r := range string(doc) {
		switch {
		case passes(r, true):
			b = utf8.AppendRune(b, r)
		case r > 0xffff:
			r -= 0x10000
			b = appendUnit(appendUnit(b, 0xd800+r>>10), 0xdc00+r&0x3ff)
		default:
			b = appendUnit(b, r)
		}
	}
	return b
}

func appendUnit(b []byte, unit rune) []byte {
	return append(b, `\u`+strconv.FormatInt(int64(unit)|0x10000, 16)[1:]...)
}
