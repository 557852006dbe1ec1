package ui

import "strings"

// Diff returns the lines of a unified diff with tones. The lines are foreign:
// a compose file may hold anything.
func Diff(lines []string) Text {
	var b strings.Builder
	inHunk := false
	for _, line := range lines {
		tone := diffTone(line, inHunk)
		inHunk = inHunk || strings.HasPrefix(line, "@@")
		b.WriteString(tone.Of(strings.TrimSuffix(line, "\n")).s + "\n")
	}
	return Text{b.String()}
}

// diffTone tells the two header lines from a change of a line that begins with
// dashes: headers stand before the first hunk.
func diffTone(line string, inHunk bool) Tone {
	switch {
	case !inHunk && (strings.HasPrefix(line, "--- ") || strings.HasPrefix(line, "+++ ")):
		return ToneBold
	case strings.HasPrefix(line, "@@"):
		return ToneNote
	case strings.HasPrefix(line, "+"):
		return ToneGood
	case strings.HasPrefix(line, "-"):
		return ToneBad
	}
	return 0
}
