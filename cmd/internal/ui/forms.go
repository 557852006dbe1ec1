package ui

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	// minSecret is the shortest value looked for. Shorter ones occur in
	// ordinary text, and blotting that out would tell more than it hides.
	minSecret = 4

	// minPart is the shortest part of a secret looked for by itself: a line of
	// a key, or the piece of its base64 that is the same in any context.
	minPart = 8
)

// forms returns the spellings under which a secret is looked for: as it is and
// as the programs on its way may write it.
func forms(secret string) []string {
	list := []string{
		secret,
		Escape(secret),
		EscapeLines(secret),
		unquoted(strconv.Quote(secret)),
		unquoted(jsonText(secret, true)),
		unquoted(jsonText(secret, false)),
		html.EscapeString(secret),
		url.QueryEscape(secret),
		url.PathEscape(secret),
		lowerPercent(url.QueryEscape(secret)),
		lowerPercent(url.PathEscape(secret)),
		strings.ReplaceAll(secret, "'", `'\''`),
		strings.ReplaceAll(secret, "'", `'"'"'`),
		strings.ReplaceAll(secret, "'", "''"), // YAML
		strings.ReplaceAll(secret, "$", "$$"), // Compose
		doubleQuoted(secret),
		backslashed(secret),
		hex.EncodeToString([]byte(secret)),
		strings.ToUpper(hex.EncodeToString([]byte(secret))),
	}
	list = append(list, base64Forms(secret)...)
	if lines := strings.Split(secret, "\n"); len(lines) > 1 {
		for _, line := range lines {
			if line = strings.TrimSpace(line); len(line) >= minPart {
				list = append(list, line)
			}
		}
	}
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(f string) bool { return len(f) < minSecret })
}

func unquoted(quoted string) string { return quoted[1 : len(quoted)-1] }

func jsonText(s string, escapeHTML bool) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(escapeHTML)
	if err := enc.Encode(s); err != nil {
		return `""`
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// lowerPercent writes %2F as %2f, which is as common.
func lowerPercent(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(string(b[i+1:i+3])))
		}
	}
	return string(b)
}

func doubleQuoted(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(s)
}

// backslashed is how printf %q of a shell and its trace write a word.
func backslashed(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < 0x80 && !isWordByte(c) {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_@%+=:,./-", c) >= 0
}

// base64Forms returns the secret encoded by itself, and what stays of it when
// it is encoded as part of something longer, as after "user:" in a registry
// login: where the three possible alignments leave whole characters.
func base64Forms(secret string) []string {
	var list []string
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		whole := enc.EncodeToString([]byte(secret))
		list = append(list, whole, strings.TrimRight(whole, "="))
		for shift := range 3 {
			text := enc.EncodeToString(append(make([]byte, shift), secret...))
			first := (shift*8 + 5) / 6            // characters that also hold bits from before
			last := (shift + len(secret)) * 8 / 6 // characters complete without what follows
			if core := text[first:last]; len(core) >= minPart {
				list = append(list, core)
			}
		}
	}
	return list
}
