package inventory

import (
	"errors"
	"strings"
)

// How OpenSSH cuts a line of ssh_config into words, and how it matches patterns. Both
// were read in its source (misc.c and match.c of 9.2 to 10.0) and are held by
// comparison with the real program.

var errQuotes = errors.New("has a quote without its other half")

// sshKeyword splits a line into its keyword in lower case and the rest, which may hold
// one "=" in front. A keyword may stand in double quotes, as any first word may.
func sshKeyword(line string) (word, rest string, err error) {
	line = strings.TrimRight(line, " \t\r\n\f")
	word, rest, err = sshField(strings.TrimLeft(line, " \t\r"))
	return strings.ToLower(word), strings.TrimLeft(rest, " \t\r"), err
}

// sshField takes the first field of a text, up to a blank or "=", as criteria of Match are
// separated. A double quote that begins within it goes to its other half.
func sshField(text string) (field, rest string, err error) {
	end := strings.IndexAny(text, " \t\r\n\"=")
	if end < 0 {
		return text, "", nil
	}
	if text[end] == '"' {
		quoted, after, ok := strings.Cut(text[end+1:], `"`)
		if !ok {
			return "", "", errQuotes
		}
		return text[:end] + quoted, strings.TrimLeft(after, " \t\r\n"), nil
	}
	equals := text[end] == '='
	rest = strings.TrimLeft(text[end+1:], " \t\r\n")
	if !equals && strings.HasPrefix(rest, "=") {
		rest = strings.TrimLeft(rest[1:], " \t\r\n")
	}
	return text[:end], rest, nil
}

// sshWords splits arguments at blanks, outside quotes of either kind, up to a comment.
// A backslash takes the meaning from a quote, from itself, and outside quotes from a
// blank.
func sshWords(text string) (words []string, err error) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case ' ', '\t':
			continue
		case '#':
			return words, nil
		}
		var word string
		if word, i, err = sshWord(text, i); err != nil {
			return nil, err
		}
		words = append(words, word)
	}
	return words, nil
}

// sshWord reads the word that begins at i, and returns where it ended.
func sshWord(text string, i int) (word string, end int, err error) {
	var b strings.Builder
	var quote byte
	for ; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text) && (strings.IndexByte(`"'\`, text[i+1]) >= 0 || quote == 0 && text[i+1] == ' '):
			i++
			b.WriteByte(text[i])
		case quote == 0 && (c == ' ' || c == '\t'):
			return b.String(), i, nil
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		default:
			b.WriteByte(c)
		}
	}
	if quote != 0 {
		return "", i, errQuotes
	}
	return b.String(), i, nil
}

// matchPattern reports whether a pattern of "*", "?" and plain letters stands for all of
// a text. It goes back to the last "*" only, so its time is bounded by both lengths.
func matchPattern(text, pattern string) bool {
	t, p, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			t++
			p++
		case star >= 0:
			mark++
			t, p = mark, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchAny reports whether a pattern matches one of the texts and no negated one any.
func matchAny(patterns, texts []string) bool {
	found := false
	for _, pattern := range patterns {
		bare, not := strings.CutPrefix(pattern, "!")
		for _, text := range texts {
			if matchPattern(text, bare) {
				if not {
					return false
				}
				found = true
			}
		}
	}
	return found
}
