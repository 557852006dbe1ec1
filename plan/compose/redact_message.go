package compose

import (
	"regexp"
	"strings"
)

// Compose says which place of a file it does not read by quoting it: lines of a .env
// file, values with a dollar sign, whatever has the wrong type. The patterns are those
// of compose 2.0 to 5, of github.com/compose-spec/compose-go in dotenv/parser.go,
// interpolation/interpolation.go and loader, and of mapstructure and go-yaml beneath.
var (
	// These are followed by foreign text up to no certain end. Old versions quote all that
	// is left of the file.
	unquotable = regexp.MustCompile(`(?is)(unterminated quoted value|invalid template:?|unconvertible type [^,]*, value:|\bvalue: ')(.*)$`)
	badName    = regexp.MustCompile(`(?is)(in variable name(?: near)?)(.*)$`)
	badDollar  = regexp.MustCompile(`(?is)(invalid interpolation format for [^\s:]+)(.*)$`)
	required   = regexp.MustCompile(`required variable [A-Za-z_][A-Za-z0-9_]* is missing a value`)
	unset      = regexp.MustCompile(`The "[^"\s]*" variable is not set`) // what follows a $ in a password
	named      = regexp.MustCompile(`^\s*["']?(?:export\s+)?([A-Z_][A-Za-z0-9_-]{0,40})\s*[=:]`)
	innocent   = regexp.MustCompile(`^(?:\\?.|[A-Za-z0-9_./@*\[\]-]*)$`)
	quotation  = regexp.MustCompile("(^|[^A-Za-z0-9])(\"(?:[^\"\\\\]|\\\\.)*(?:\"|$)|'[^']*(?:'|$)|`[^`]*(?:`|$))")
	parsed     = regexp.MustCompile(`(?i)(?:parsing|duration|!!\w+|invalid [a-z]+:?) ?$`)
	logged     = regexp.MustCompile(`time="[^"]*" level=(\w+) msg="((?:[^"\\]|\\.)*)"`)
)

// RedactMessage hides what may be a secret in what compose says of files it does not
// read. It must see the text before it is cut.
func RedactMessage(text string) string {
	text = logged.ReplaceAllStringFunc(text, func(s string) string {
		m := logged.FindStringSubmatch(s)
		return m[1] + ": " + strings.ReplaceAll(m[2], `\"`, `"`)
	})
	text = unset.ReplaceAllString(text, "The "+hidden+" variable is not set")
	text = badName.ReplaceAllStringFunc(text, func(s string) string {
		m := badName.FindStringSubmatch(s)
		if n := named.FindStringSubmatch(m[2]); n != nil {
			return m[1] + " " + n[1] + "=" + hidden
		}
		return m[1] + " " + hidden
	})
	text = badDollar.ReplaceAllStringFunc(text, func(s string) string {
		m := badDollar.FindStringSubmatch(s)
		if variable := required.FindString(m[2]); variable != "" {
			return m[1] + ": " + variable
		}
		return m[1] + " You may need to escape any $ with another $. " + hidden
	})
	text = unquotable.ReplaceAllString(text, "${1} "+hidden)
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		out = append(out, redactQuotations(RedactLine(line)))
	}
	return strings.Join(out, "\n")
}

// redactQuotations hides what is quoted, but for names and paths.
func redactQuotations(line string) string {
	var out strings.Builder
	at := 0
	for _, m := range quotation.FindAllStringSubmatchIndex(line, -1) {
		from, to := m[4], m[5]
		inside := strings.Trim(line[from:to], "\"'`")
		if innocent.MatchString(inside) && line[from] != '`' && !parsed.MatchString(line[:from]) {
			continue
		}
		out.WriteString(line[at:from] + hidden)
		at = to
	}
	return out.String() + line[at:]
}
