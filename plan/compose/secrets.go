package compose

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Secrets returns the values in a compose file or a .env file that a difference would
// hide, so that what repeats them elsewhere, as the log of a container does, can be
// hidden too. Words too short or too common to be told from ordinary text are left out.
func Secrets(data []byte) []string {
	r := newRedactor()
	var out []string
	seen := map[string]bool{}
	for _, l := range splitLines(data) {
		line := bareText(l)
		for _, piece := range hiddenParts(line, r.line(line)) {
			for _, v := range spellings(piece) {
				if !seen[v] && distinctive(v) {
					seen[v] = true
					out = append(out, v)
				}
			}
		}
	}
	return out
}

// hiddenParts returns what of a line is hidden in its shown form.
func hiddenParts(line, shown string) []string {
	parts := strings.Split(shown, hidden)
	if line == shown || len(parts) < 2 {
		return nil
	}
	var out []string
	rest := strings.TrimPrefix(line, parts[0])
	for _, next := range parts[1:] {
		n := strings.Index(rest, next)
		if next == "" || n < 0 {
			return append(out, rest) // to the end of the line
		}
		out = append(out, rest[:n])
		rest = rest[n+len(next):]
	}
	return out
}

// spellings returns the values that a hidden piece may stand for: as it is written, without
// its quotes and what follows it, the default of a variable, the password of an address.
func spellings(piece string) []string {
	v := strings.TrimSpace(piece)
	out := []string{v}
	if v != "" && isQuote(v[0]) {
		inside := v[1 : 1+quoteEnd(v[1:], v[0])]
		out = []string{inside, strings.NewReplacer(`\"`, `"`, `\\`, `\`, `''`, `'`).Replace(inside)}
	} else {
		v, _, _ = strings.Cut(v, " #")
		v = strings.TrimRight(strings.TrimSpace(v), `"'`)
		out = append(out, v, strings.TrimRight(v, ` ,]}"'`))
	}
	for _, v := range out {
		if _, fallback, ok := strings.Cut(v, "-"); ok && strings.HasPrefix(v, "${") {
			out = append(out, strings.TrimSuffix(fallback, "}"))
		}
		for _, login := range userInfo.FindAllStringSubmatch(v, -1) {
			out = append(out, login[2])
		}
	}
	for _, v := range out {
		if plain, err := url.PathUnescape(v); err == nil {
			out = append(out, plain, strings.ReplaceAll(v, "$$", "$"))
		}
	}
	return out
}

// How long a value is at least that is hidden, at most, and where it is only words or
// only figures.
const (
	shortestSecret = 8
	longestSecret  = 4 << 10
	fewWords       = 24
)

// distinctive reports whether a value is so unlike ordinary text that it can be hidden
// wherever it turns up. Words, numbers, times, paths and variables are not.
func distinctive(v string) bool {
	if len(v) < shortestSecret || len(v) > longestSecret || strings.ContainsAny(v[:1], ".$") || isPath(v) || strings.Contains(v, "-----") || strings.Contains(v, hidden) {
		return false
	}
	word := strings.ToLower(v)
	oneCase := v[1:] == word[1:] || v == strings.ToUpper(v) // chatalot, Chatalot, CHATALOT
	words := strings.Trim(word, "abcdefghijklmnopqrstuvwxyz_-. ") == ""
	figures := strings.Trim(word, "0123456789_-.:/tz ") == ""
	return !(words && oneCase || figures) || len(v) >= fewWords
}

// plainWord is how people write in paths: letters of one case with figures among them, or
// words that begin with capitals and end with figures, such as id2, a1b2c3 and ChatDB1.
var plainWord = regexp.MustCompile(`^(?:[0-9a-z]*|[0-9A-Z]*|(?:[A-Z]*[a-z]{2,})+[A-Z]*[0-9]*)$`)

// isPath tells a path from a secret that begins with a slash, as one of 64 in base64
// does: there is nothing but words between its slashes.
func isPath(v string) bool {
	if v[0] != '/' {
		return false
	}
	for word := range strings.FieldsFuncSeq(v, func(r rune) bool { return strings.ContainsRune("/_-.@:~ ", r) }) {
		if !plainWord.MatchString(word) {
			return false
		}
	}
	return true
}

// RedactValues returns a text with secrets hidden.
func RedactValues(text string, secrets []string) string {
	longest := slices.SortedFunc(slices.Values(secrets), func(a, b string) int { return len(b) - len(a) })
	for _, s := range longest {
		text = strings.ReplaceAll(text, s, hidden)
	}
	return text
}
