package cli

import (
	"bytes"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"liftalot/cmd/internal/ui"
	"liftalot/testenv/sim/engine"
)

// sequence is a change of colours, the only one that these screens have.
var sequence = regexp.MustCompile("\x1b\\[[0-9;]*m")

// onTerminal runs a command line on a terminal of so many columns, and returns what is on it.
func (f *simFleet) onTerminal(columns int, args ...string) string {
	f.t.Helper()
	var screen bytes.Buffer
	a := newApp(Env{Stdin: strings.NewReader(""), Stdout: &screen, Stderr: &screen, Now: time.Now, Getenv: func(string) string { return "" }})
	wide := ui.Options{Width: columns, Height: 60, Colour: ui.ColourAlways, Redactor: a.term.secret}
	a.term.out, a.term.err = ui.New(&screen, wide), ui.New(&screen, wide)
	f.offer(a)
	a.main(append([]string{"-i", "inventory.yml", "--quiet"}, args...))
	return fmt.Sprintf("\x1b[1m$ liftalot %s\x1b[0m\n%s\n", strings.Join(args, " "), &screen)
}

// TestWordsStayWholeOnATerminal holds that no line is longer than a terminal of 70 columns,
// and no word is broken there. LIFTALOT_GOLDEN=1 writes the pictures
// of docs.
func TestWordsStayWholeOnATerminal(t *testing.T) {
	f := newSimFleet(t, simHost{name: "acme"}, simHost{name: "globex", staged: true}, simHost{name: "initech", next: engine.App{Mode: engine.Crash}})
	f.does(exitDone, "plan")
	f.run("apply", "--yes", "initech")
	f.does(exitDone, "apply", "--yes", "acme")
	docs, err := filepath.Abs("../../../docs")
	must(t, err)
	t.Chdir(f.dir)
	screens := map[int]string{}
	for _, columns := range []int{70, 120, 9999} {
		for _, line := range []string{"status", "check globex", "history", "backups frobnicate"} {
			screens[columns] += f.onTerminal(columns, strings.Fields(line)...)
		}
	}
	whole := strings.Fields(sequence.ReplaceAllString(screens[9999], ""))
	for _, columns := range []int{70, 120} {
		for _, word := range strings.Fields(sequence.ReplaceAllString(screens[columns], "")) {
			if !strings.HasSuffix(word, "…") && !slices.Contains(whole, word) { // a table says where it has cut
				t.Errorf("%d columns: %q is no word", columns, word)
			}
		}
		for line := range strings.Lines(sequence.ReplaceAllString(screens[columns], "")) {
			if line = strings.TrimSpace(line); ui.Plain(line).Width() > columns {
				t.Errorf("%d columns: %q", columns, line)
			}
		}
		if os.Getenv("LIFTALOT_GOLDEN") != "" {
			must(t, os.WriteFile(filepath.Join(docs, fmt.Sprintf("terminal-%d.svg", columns)), []byte(picture(columns, screens[columns])), 0o644))
		}
	}
}

// picture draws a screen as the pictures of docs are drawn.
func picture(columns int, screen string) string {
	const across, down, margin = 8.43, 18, 16
	style := map[string]string{
		"\x1b[1m": `font-weight="bold" fill="#ffffff"`, "\x1b[2m": `fill="#7f848e"`, "\x1b[32m": `fill="#98c379"`,
		"\x1b[33m": `fill="#e5c07b"`, "\x1b[31m": `fill="#e06c75"`, "\x1b[36m": `fill="#56b6c2"`,
	}
	var b strings.Builder
	lines := strings.Split(strings.TrimSpace(screen), "\n")
	width, height := 2*margin+int(across*float64(columns)), 2*margin+down*len(lines)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img" aria-label="A terminal of %d columns: liftalot status, check and history">
<rect width="%[1]d" height="%[2]d" rx="8" fill="#1e2127"/>
<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,monospace" font-size="14" fill="#c8ccd4">
`, width, height, columns)
	now := ""
	for i, line := range lines {
		fmt.Fprintf(&b, `<text x="%d" y="%d">`, margin, margin+down*(i+1)-4)
		from := 0
		for _, at := range append(sequence.FindAllStringIndex(line, -1), []int{len(line), len(line)}) {
			text := html.EscapeString(strings.ReplaceAll(line[from:at[0]], " ", "\u00a0")) // a plain one is dropped where a text begins
			if now != "" && text != "" {
				text = "<tspan " + now + ">" + text + "</tspan>"
			}
			b.WriteString(text)
			if from = at[1]; at[0] < at[1] {
				now = style[line[at[0]:at[1]]]
			}
		}
		b.WriteString("</text>\n")
	}
	b.WriteString("</g>\n</svg>\n")
	return b.String()
}
