package compose

import (
	"fmt"
	"regexp"
	"strings"
)

// plainScalar matches text that every YAML reads as itself when it stands
// without quotes.
func plainScalar(s string) bool {
	if s == "" || strings.HasSuffix(s, ":") || reservedWord(s) {
		return false
	}
	first := s[0]
	if !isLetter(first) && !strings.ContainsRune("_/.", rune(first)) {
		return false
	}
	if first == '.' && (len(s) == 1 || !isLetter(s[1]) && s[1] != '/' && s[1] != '.') {
		return false // .5 is a number
	}
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && (c < '0' || c > '9') && !strings.ContainsRune("_/.:@=+-", rune(c)) {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// reservedWord reports whether some YAML takes s for a truth value, a null or
// a number.
func reservedWord(s string) bool {
	switch strings.ToLower(s) {
	case "y", "yes", "n", "no", "on", "off", "true", "false", "null", ".inf", ".nan":
		return true
	}
	return false
}

// quote writes s in double quotes.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20 || r >= 0x7f && r < 0xa0:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r == '\u2028' || r == '\u2029' || r == '\uFEFF' || r == '\uFFFE' || r == '\uFFFF':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// scalarText writes s as it may stand behind a key or a dash.
func scalarText(s string) string {
	if plainScalar(s) {
		return s
	}
	return quote(s)
}

var (
	namePattern = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	keyPattern  = regexp.MustCompile(`^[^=\x00-\x20\x7f]+$`)
)

// maxKey bounds a key's length: YAML does not read one of more than 1,024
// characters, and quoting may make four of one.
const maxKey = 255

// checkName refuses what Compose does not take for the name of a service,
// network, secret or volume.
func checkName(what, name string) *RefusalError {
	if !namePattern.MatchString(name) || len(name) > maxKey {
		return refuse(0, BadEdit, "letters, digits, dot, dash and underscore", "%q is not the name of a %s", name, what)
	}
	return nil
}

// checkText refuses what cannot be written into a file that could be read
// again.
func checkText(what, s string) *RefusalError {
	if err := checkBytes([]byte(s)); err != nil {
		return refuse(0, BadEdit, "", "%s: %s", what, err.Reason)
	}
	return nil
}
