package ui

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// A Tone says what a piece of text means; the terminal decides how it looks.
type Tone byte

const (
	ToneBold Tone = iota + 1
	ToneDim
	ToneGood
	ToneWarn
	ToneBad
	ToneNote
)

// Within a Text a tone begins with its own number as a byte and ends with
// toneEnd. Escaped text holds neither, so they cannot be forged.
const toneEnd = '\x00'

func (t Tone) sgr() string {
	switch t {
	case ToneBold:
		return "\x1b[1m"
	case ToneDim:
		return "\x1b[2m"
	case ToneGood:
		return "\x1b[32m"
	case ToneWarn:
		return "\x1b[33m"
	case ToneBad:
		return "\x1b[31m"
	case ToneNote:
		return "\x1b[36m"
	}
	return ""
}

const sgrReset = "\x1b[0m"

// A Text is text that was escaped and may carry tones. The zero Text is empty.
type Text struct{ s string }

// Plain returns v, printed as fmt.Sprint does, as one line.
func Plain(v any) Text {
	if t, ok := v.(Text); ok {
		return t
	}
	return Text{Escape(fmt.Sprint(v))}
}

// Bold, Dim, Good, Warn, Bad and Note return v as one line in a tone.

func Bold(v any) Text { return ToneBold.Of(v) }
func Dim(v any) Text  { return ToneDim.Of(v) }
func Good(v any) Text { return ToneGood.Of(v) }
func Warn(v any) Text { return ToneWarn.Of(v) }
func Bad(v any) Text  { return ToneBad.Of(v) }
func Note(v any) Text { return ToneNote.Of(v) }

// Of returns v as one line in the tone.
func (t Tone) Of(v any) Text {
	if t.sgr() == "" {
		return Plain(v)
	}
	return Text{string(rune(t)) + Plain(v).s + string(toneEnd)}
}

// Textf formats like fmt.Sprintf and escapes every argument that is no Text.
// Format is ours, and may hold line ends.
func Textf(format string, args ...any) Text {
	safe := make([]any, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case Text:
			safe[i] = a.s
		default:
			safe[i] = foreign{a}
		}
	}
	return Text{fmt.Sprintf(format, safe...)}
}

// foreign escapes whatever its value prints, under any verb. The characters
// that the format adds, padding and quotes, pass through the same sieve.
type foreign struct{ v any }

func (f foreign) Format(s fmt.State, verb rune) {
	_, _ = fmt.Fprint(s, Escape(fmt.Sprintf(fmt.FormatString(s, verb), f.v)))
}

// String returns the text without its tones.
func (t Text) String() string { return t.render(false) }

// render turns tones into SGR sequences, or takes them out. This is the last
// station before bytes leave, so anything else outside the alphabet, such as a
// tab in a format string, is escaped here.
func (t Text) render(colour bool) string {
	var b strings.Builder
	var open []string
	rest := t.s
	for {
		i := strings.IndexFunc(rest, isMark)
		if i < 0 {
			b.WriteString(EscapeLines(rest))
			return b.String()
		}
		b.WriteString(EscapeLines(rest[:i]))
		if mark := rest[i]; mark != toneEnd {
			open = append(open, Tone(mark).sgr())
		} else if len(open) > 0 {
			open = open[:len(open)-1]
		}
		if colour {
			b.WriteString(sgrReset + strings.Join(open, ""))
		}
		rest = rest[i+1:]
	}
}

func isMark(r rune) bool { return r >= toneEnd && r <= rune(ToneNote) }

// Width returns how many columns the text takes on a terminal.
func (t Text) Width() int {
	n := 0
	for _, r := range t.s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	switch {
	case isMark(r), unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case r < 0x80:
		return 1
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

const ellipsis = "…"

// Cut returns the text shortened to at most n columns, with "…" at its end
// where something is missing.
func (t Text) Cut(n int) Text {
	if t.Width() <= n {
		return t
	}
	if n <= 0 {
		return Text{}
	}
	var b strings.Builder
	room, open := n-1, 0
	for _, r := range t.s {
		switch {
		case r == toneEnd:
			open--
		case isMark(r):
			open++
		default:
			if room -= runeWidth(r); room < 0 {
				b.WriteString(ellipsis + strings.Repeat(string(toneEnd), open))
				return Text{b.String()}
			}
		}
		b.WriteRune(r)
	}
	return Text{b.String()}
}

// wrap returns the text with its lines broken between words where they are longer than n
// columns. What goes over is set further in than its line begins.
func (t Text) wrap(n int) Text {
	lines := strings.Split(t.s, "\n")
	for i, line := range lines {
		if (Text{line}).Width() > n {
			lines[i] = wrapLine(line, n)
		}
	}
	return Text{strings.Join(lines, "\n")}
}

func wrapLine(line string, n int) string {
	plain := strings.TrimLeftFunc(line, func(r rune) bool { return isMark(r) || r == ' ' })
	in := Text{line}.Width() - Text{plain}.Width() + len(columnGap)
	text, column, broken := "", 0, false
	for i, word := range strings.Split(line, " ") {
		width := Text{word}.Width()
		if column > in && width > 0 && column+1+width > n {
			text = strings.TrimRight(text, " ") + "\n" + spaces(in)
			column, broken = in, true
		} else if i > 0 && !broken {
			text += " "
			column++
		}
		text += word
		column += width
		broken = broken && width == 0
	}
	return text
}

// Pad returns the text filled up with spaces to n columns.
func (t Text) Pad(n int) Text { return Text{t.s + spaces(n-t.Width())} }

// PadLeft is Pad with the spaces in front, for numbers.
func (t Text) PadLeft(n int) Text { return Text{spaces(n-t.Width()) + t.s} }

func spaces(n int) string { return strings.Repeat(" ", max(n, 0)) }

// Join puts texts together with a separator of ours.
func Join(list []Text, sep string) Text {
	parts := make([]string, len(list))
	for i, t := range list {
		parts[i] = t.s
	}
	return Text{strings.Join(parts, sep)}
}
