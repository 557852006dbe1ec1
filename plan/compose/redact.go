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
	below  int  // lines indented deeper than this belong to a hidden value; -1: none
	remark int  // so do comments whose text is deeper than this; -1: none
	inside bool // within a PEM block
}

var (
	setting  = regexp.MustCompile(`^(\s*(?:[#-]\s*)*(?:export\s+)?["']?)([A-Za-z_][A-Za-z0-9_.-]*)(["']?\s*[:=]\s*)(.+)$`)
	secretly = regexp.MustCompile(`(?i)pass(wd|word|phrase)?s?$|pwd$|secrets?$|tokens?$|[_-]keys?$|apikey$|^key$|secret_key|[_-]pat$|credentials?|creds$|auth$|dsn$|salt$|pepper$|cookie|private|htpasswd|users$`)
	inner    = regexp.MustCompile(`\$\{[A-Za-z0-9_]*(?::?[-?+])?|([A-Za-z_][A-Za-z0-9_.-]*)(\\?["']?\s*[:=]\s*)`)
	lookup   = regexp.MustCompile(`\$\{[^{},]*\}`)
	location = regexp.MustCompile(`(?i)(file|path|dir|host|port|name)s?$`)
	variable = regexp.MustCompile(`^["']?\$(\{[A-Za-z_][A-Za-z0-9_]*(:?[-?]\}|\}|:?\?[^}]*\})|[A-Za-z_][A-Za-z0-9_]*)["']?$`)
	userInfo = regexp.MustCompile(`(://[^/\s:@"']*:)([^@\s"']+(?:@[^@/\s"']*)*)(@)`)
	userOnly = regexp.MustCompile(`(?i)(https?://)([^/\s:@"']+)(@)`) // a token, as git takes it
	query    = regexp.MustCompile(`(?i)([?&][a-z0-9_-]*(?:token|secret|password|passwd|api_?key|signature|sig)=)([^&\s"']+)`)
	argument = regexp.MustCompile(`(?i)(--?[a-z0-9-]*(?:password|passwd|token|secret|api-?key|user)[a-z0-9-]*(?:[= ]|",\s*"))([^\s"',]+)`)
)

func newRedactor() *redactor { return &redactor{below: -1, remark: -1} }

// line returns a line with what may be a secret hidden.
func (r *redactor) line(line string) string {
	if strings.Contains(line, "-----BEGIN") || r.inside {
		r.inside = !strings.Contains(line, "-----END")
		return leadOf(line) + hidden
	}
	if strings.TrimSpace(line) == "" {
		return line
	}
	if lead, ok := r.continues(line); ok {
		return lead + hidden
	}
	r.below, r.remark = -1, -1
	if m := setting.FindStringSubmatch(line); m != nil && sensitive(m[2]) && !harmless(m[4]) {
		// A variable in a .env file is one line, and comments below are prose.
		r.follow(line, strings.Contains(m[3], ":") || strings.Contains(m[1], "-"))
		return m[1] + m[2] + m[3] + hidden
	}
	line = r.flow(line)
	line = withoutLogins(line)
	line = query.ReplaceAllString(line, "${1}"+hidden)
	return argument.ReplaceAllString(line, "${1}"+hidden)
}

// withoutLogins hides passwords and tokens in addresses, unless they only name a
// variable.
func withoutLogins(text string) string {
	for _, login := range []*regexp.Regexp{userInfo, userOnly} {
		text = login.ReplaceAllStringFunc(text, func(s string) string {
			m := login.FindStringSubmatch(s)
			if variable.MatchString(m[2]) {
				return s
			}
			return m[1] + hidden + m[3]
		})
	}
	return text
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

// continues reports whether a line continues a value that is hidden, and what
// stands before it.
func (r *redactor) continues(line string) (lead string, ok bool) {
	if lead = leadOf(line); r.below >= 0 && len(lead) > r.below {
		return lead, true
	}
	lead = remarkOf(line)
	return lead, r.remark >= 0 && strings.Contains(lead, "#") && (len(lead) > r.remark || lead == line)
}

// follow hides what goes on below a line with a hidden value: what is indented
// deeper, and below a comment the comments whose text is.
func (r *redactor) follow(line string, remarks bool) {
	r.below = len(leadOf(line))
	if lead := remarkOf(line); remarks && strings.Contains(lead, "#") {
		r.remark = len(lead)
	}
}

// flow hides the values of settings that stand within a line, as they do
// between brackets. A line without any is left alone: what looks like a setting
// within it is the tag of an image, or a port.
func (r *redactor) flow(line string) string {
	if !strings.ContainsAny(lookup.ReplaceAllString(line, ""), "{}[],") {
		return line
	}
	var out strings.Builder
	at := 0
	for _, m := range inner.FindAllStringSubmatchIndex(line, -1) {
		if m[0] < at || m[2] < 0 || !sensitive(line[m[2]:m[3]]) {
			continue
		}
		if line[m[4]:m[5]] == ":" && strings.HasSuffix(line[:m[2]], "/") {
			continue // the tag of an image, or a port
		}
		n, open := valueLen(line[m[5]:], quoteAround(line[:m[2]], line[m[4]:m[5]]))
		if variable.MatchString(strings.TrimRight(line[m[5]:m[5]+n], " ]")) {
			continue
		}
		if open {
			r.follow(line, true)
		}
		out.WriteString(line[at:m[5]] + hidden)
		at = m[5] + n
	}
	return out.String() + line[at:]
}

// quoteAround returns the quote that a setting as a whole stands in, or 0.
func quoteAround(before, separator string) byte {
	if before == "" || !isQuote(before[len(before)-1]) || strings.ContainsAny(separator, `"'`) {
		return 0
	}
	return before[len(before)-1]
}

func isQuote(c byte) bool { return c == '"' || c == '\'' }

// valueLen returns how much of a text is the value it begins with, rather too
// much than too little, and whether the value goes on in the next line. A value
// in a quote that was opened before it ends there, the quote not included.
func valueLen(text string, quote byte) (n int, open bool) {
	if quote != 0 {
		n = quoteEnd(text, quote)
		return n, n == len(text)
	}
	if text != "" && isQuote(text[0]) {
		n = 1 + quoteEnd(text[1:], text[0])
		if n == len(text) {
			return n, true
		}
		if n++; n == len(text) || strings.IndexByte(" ,]}", text[n]) >= 0 {
			return n, false
		}
	}
	nested := text != "" && strings.IndexByte("{[", text[0]) >= 0
	if next := strings.Index(text[n:], ", "); next >= 0 && !nested {
		return n + next, false
	}
	end := strings.TrimRight(text, " ")
	return len(text), end == "" || strings.IndexByte(",]}", end[len(end)-1]) < 0 || nested && strings.HasSuffix(end, ",")
}

// quoteEnd returns where a quoted text ends, which is its length if it does not.
func quoteEnd(text string, quote byte) int {
	for i := 0; i < len(text); i++ {
		switch {
		case quote == '"' && text[i] == '\\':
			i++
		case text[i] != quote:
		case quote == '\'' && strings.HasPrefix(text[i+1:], "'"):
			i++
		default:
			return i
		}
	}
	return len(text)
}

// remarkOf returns what stands before the text of a line, the sign of a comment
// included.
func remarkOf(line string) string { return line[:len(line)-len(strings.TrimLeft(line, " \t#"))] }

func leadOf(line string) string { return line[:len(line)-len(strings.TrimLeft(line, " \t"))] }
