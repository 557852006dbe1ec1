package compose

import "regexp"

// aWord is what stands between blanks, quotes and the signs that join words in commands,
// settings and addresses.
var aWord = regexp.MustCompile(`[^\s"'` + "`" + `=:,;(){}<>|&@?\\]+`)

// RedactWords hides every word of a text that is so unlike ordinary text that it may be
// a secret, as a token in a command is.
func RedactWords(text string) string {
	return aWord.ReplaceAllStringFunc(text, func(word string) string {
		if distinctive(word) {
			return hidden
		}
		return word
	})
}
