package backup

import (
	"slices"
	"strings"
	"testing"
)

// A stage is shown when its line is whole, however the log comes.
func TestStagesAreShownAtOnce(t *testing.T) {
	const text = "stage dump the database\npg_dump: warning\n\nstage hash\nrow x\t1\t2\n \n"
	for size := 1; size <= len(text); size++ {
		var shown, others []string
		l := jobLog{
			tell: func(e Event) { shown = append(shown, e.Stage) },
			each: func(line []byte) { others = append(others, string(line)) },
		}
		for at := 0; at < len(text); at += size {
			l.add([]byte(text[at:min(at+size, len(text))]))
			if want := strings.Count(text[:min(at+size, len(text))], "\nstage hash\n") + 1; at+size >= len("stage dump the database\n") && len(shown) != want {
				t.Fatalf("%d bytes at a time: %q after %d", size, shown, at+size)
			}
		}
		if !slices.Equal(shown, []string{"dump the database", "hash"}) || !slices.Equal(others, []string{"pg_dump: warning", "", "row x\t1\t2", " "}) {
			t.Errorf("%d bytes at a time: %q, %q", size, shown, others)
		}
		if got := l.lastLine(); got != "row x\t1\t2" {
			t.Errorf("%d bytes at a time: the last is %q", size, got)
		}
	}
}

func TestTheLastLineOfAJob(t *testing.T) {
	for text, want := range map[string]string{
		"": "its job ended without a word", "\n \n": "its job ended without a word", "a\nb": "b", "a\n ": "a", "stage hash\n": "hash",
		"a\n" + strings.Repeat("x", 500): strings.Repeat("x", 300),
	} {
		l := jobLog{tell: func(Event) {}}
		l.add([]byte(text))
		if got := l.lastLine(); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// A host that talks without end fills no memory.
func TestALogWithoutEnd(t *testing.T) {
	for _, line := range []string{strings.Repeat("x", 1000), strings.Repeat("x", 1000) + "\n"} {
		l := jobLog{tell: func(Event) {}}
		for range 10_000 {
			l.add([]byte(line))
		}
		if got := cap(l.line) + cap(l.last); got > 4*maxLogLine {
			t.Errorf("%d bytes are kept", got)
		}
	}
}
