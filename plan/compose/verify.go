package compose

import (
	"bytes"
	"strings"
)

func notVerified(invariant, format string, args ...any) *RefusalError {
	return refuse(0, NotVerified, "edit this place by hand, and please report the file",
		"the edit was not made: invariant "+invariant+": "+format, args...)
}

// verify holds an outcome against the invariants. Each check starts from the
// bytes or from what they mean, not from how the edits were planned.
func verify(before, after *File, edits []Edit, splices []Splice) error {
	if err := verifyBytes(before, after, edits, splices); err != nil {
		return err
	}
	if err := verifyMeaning(before, after, edits); err != nil {
		return err
	}
	for _, e := range edits {
		c, err := e.plan(after)
		if err != nil {
			return notVerified("D", "a second application is refused: %s", err)
		}
		if len(c.splices) > 0 {
			return notVerified("D", "a second application would change the file again")
		}
	}
	undone, err := Replay(after.src, inverse(splices))
	if err != nil || !bytes.Equal(undone, before.src) {
		return notVerified("E", "undoing it does not give the file as it was")
	}
	return verifyLineEnds(before, after)
}

// verifyBytes is invariant B: bytes differ only where a splice says so, and
// what a splice replaces can still be read there. Only a variable that a person
// decided to replace may go.
func verifyBytes(before, after *File, edits []Edit, splices []Splice) error {
	got, err := Replay(before.src, splices)
	if err != nil || !bytes.Equal(got, after.src) {
		return notVerified("B", "the bytes that changed are not those announced")
	}
	decided := map[string]bool{}
	for _, e := range edits {
		if _, ok := e.(ReplaceEnvironment); ok {
			decided[e.scope()] = true
		}
	}
	for _, s := range splices {
		if lost := lostLine(s.Old, s.New); lost != "" && !decided[s.Reason] {
			return notVerified("B", "line %d: the line %q would be lost", s.Line, lost)
		}
	}
	return nil
}

// lostLine returns a line of old that new does not hold, in order. What is
// taken from within one line, {} or an alias, is no line.
func lostLine(old, new string) string {
	if !strings.ContainsAny(old, "\n#") {
		return ""
	}
	for line := range strings.Lines(old) {
		line = strings.TrimSpace(line)
		at := strings.Index(new, line)
		if at < 0 {
			return line
		}
		new = new[at+len(line):]
	}
	return ""
}

// verifyMeaning is invariant C: the file means what it meant, and what the
// edits say, and nothing else.
func verifyMeaning(before, after *File, edits []Edit) error {
	want := before.value
	for _, e := range edits {
		want = e.expect(want)
	}
	if path, differ := firstDifference(want, after.value); differ {
		return notVerified("C", "%s would not mean what it should", joinPath(path))
	}
	return nil
}

// verifyLineEnds is invariant F: no new kind of line end, and the byte order
// mark and the last line end as they were.
func verifyLineEnds(before, after *File) error {
	for _, f := range []struct {
		what string
		is   func(src []byte) bool
	}{
		{"byte order mark", func(src []byte) bool { return bytes.HasPrefix(src, []byte(bom)) }},
		{"last line end", func(src []byte) bool { return bytes.HasSuffix(src, []byte("\n")) }},
		{"last line end", func(src []byte) bool { return bytes.HasSuffix(src, []byte("\r\n")) }},
	} {
		if f.is(before.src) != f.is(after.src) {
			return notVerified("F", "the %s would change", f.what)
		}
	}
	crlf := func(src []byte) (int, int) {
		n := bytes.Count(src, []byte("\r\n"))
		return n, bytes.Count(src, []byte("\n")) - n
	}
	crlfBefore, lfBefore := crlf(before.src)
	crlfAfter, lfAfter := crlf(after.src)
	if crlfBefore == 0 && crlfAfter > 0 || lfBefore == 0 && crlfBefore > 0 && lfAfter > 0 {
		return notVerified("F", "a new kind of line end would come in")
	}
	return nil
}
