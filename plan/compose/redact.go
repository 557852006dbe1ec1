package compose

import (
	"regexp"
	"strings"
)

// hidden stands in the place of a value that may be a secret.
const hidden = "***"

// A redactor hides values that may be secrets in lines that are read from top
// to bottom: those of a compose file, or of a .env file.
type redactor struct {
	below  int  // lines indented deeper than this go on with a hidden value; -1: none
	inside bool // within a PEM block
}

var (
	setting  = regexp.MustCompile(`^(\s*(?:- +)*(?:#\s*)?(?:export\s+)?["']?)([A-Za-z_][A-Za-z0-9_.-]*)(["']?\s*[:=]\s*)(.+)$`)
	secretly = regexp.MustCompile(`(?i)pass(wd|word|phrase)?s?$|pwd$|secrets?$|tokens?$|[_-]keys?$|apikey$|^key$|credentials?|creds$|auth$|dsn$|salt$|pepper$|cookie|private|htpasswd|users$`)
	location = regexp.MustCompile(`(?i)(file|path|dir|host|port|name)s?$`)
	variable = regexp.MustCompile(`^["']?\$(\{[A-Za-z_][A-Za-z0-9_]*(:?[-?]\}|\}|:?\?[^}]*\})|[A-Za-z_][A-Za-z0-9_]*)["']?$`)
	userInfo = regexp.MustCompile(`(://[^/\s:@"']*:)([^@\s"']+)(@)`)
	argument = regexp.MustCompile(`(?i)(--?[a-z0-9-]*(?:password|passwd|token|secret|api-?key|user)[a-z0-9-]*(?:[= ]|",\s*"))([^\s"',]+)`)
)

func newRedactor() *redactor { return &redactor{below: -1} }

// line returns a line with what may be a secret hidden.
func (r *redactor) line(line string) string {
	if strings.Contains(line, "-----BEGIN") || r.inside {
		r.inside = !strings.Contains(line, "-----END")
		return leadOf(line) + hidden
	}
	if strings.TrimSpace(line) == "" {
		return line
	}
	if r.below >= 0 && len(leadOf(line)) > r.below {
		return leadOf(line) + hidden
	}
	r.below = -1
	if m := setting.FindStringSubmatch(line); m != nil && sensitive(m[2]) && !harmless(m[4]) {
		r.below = len(leadOf(line))
		return m[1] + m[2] + m[3] + hidden
	}
	line = userInfo.ReplaceAllStringFunc(line, func(s string) string {
		m := userInfo.FindStringSubmatch(s)
		if variable.MatchString(m[2]) {
			return s
		}
		return m[1] + hidden + m[3]
	})
	return argument.ReplaceAllString(line, "${1}"+hidden)
}

// RedactLine hides, in one line of a compose file or a .env file, what may be
// a secret.
func RedactLine(line string) string { return newRedactor().line(line) }

// sensitive reports whether a setting of this name may hold a secret.
func sensitive(name string) bool {
	return secretly.MatchString(name) && !location.MatchString(name)
}

// harmless reports whether a value only names another one, or is a comment.
func harmless(value string) bool {
	return variable.MatchString(strings.TrimSpace(value)) || strings.HasPrefix(value, "#")
}

func leadOf(line string) string { return line[:len(line)-len(strings.TrimLeft(line, " \t"))] }
