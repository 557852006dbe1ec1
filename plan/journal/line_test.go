package journal

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

// lines encodes records as a file would hold them.
func lines(t testing.TB, records ...Record) []byte {
	t.Helper()
	var file []byte
	prev := ""
	for seq, r := range append([]Record{{Kind: opened}}, records...) {
		r.Time = time.Date(2026, 11, 23, 21, seq, 0, 0, time.UTC)
		line, sum, err := encode(entry{V: Version, Seq: seq, Prev: prev, Host: "web1", Record: r})
		if err != nil {
			t.Fatal(err)
		}
		file, prev = append(file, line...), sum
	}
	return file
}

// Row F9: no single flipped bit is accepted, and none costs a record quietly.
func TestFlipEveryBit(t *testing.T) {
	whole := lines(t,
		Record{Kind: RunBegun, Run: "r1", Action: Apply, Plan: strings.Repeat("ab", 32)},
		Record{Kind: Intent, Run: "r1", Step: "swap"},
		Record{Kind: Done, Run: "r1", Step: "swap", Data: []byte(`{"downtime_ms":1700}`)},
		Record{Kind: RunEnded, Run: "r1", Outcome: Completed},
	)
	if c, err := parse(whole, "web1"); err != nil || len(c.Records) != 4 {
		t.Fatalf("as written: %d records, %v", len(c.Records), err)
	}
	for n := range whole {
		for bit := range 8 {
			flipped := bytes.Clone(whole)
			flipped[n] ^= 1 << bit
			c, err := parse(flipped, "web1")
			var damaged *DamagedError
			if !errors.As(err, &damaged) {
				t.Fatalf("bit %d of byte %d: %d records, cut %d, %v", bit, n, len(c.Records), c.Cut, err)
			}
		}
	}
}

// A journal of a newer liftalot is refused by its version and not read, be
// its other members known or not; a damaged one does not pass for a newer one.
func TestNewerVersions(t *testing.T) {
	first := lines(t)
	newer := frame(`{"v":2,"seq":0,"what":{"is":"this"}}`)
	for name, c := range map[string]struct {
		file  string
		newer bool
	}{
		"from the first line":    {newer, true},
		"from a later line":      {string(first) + newer, true},
		"with a wrong checksum":  {strings.Replace(newer, `"what"`, `"whet"`, 1), false},
		"of an older version":    {frame(`{"v":0,"seq":0}`), false},
		"without a version":      {frame(`{"seq":0}`), false},
		"with a version of text": {frame(`{"v":"2"}`), false},
		"with unknown members":   {frame(`{"v":1,"seq":0,"prev":"","host":"web1","kind":"opened","time":"2026-11-23T21:00:00Z","x":1}`), false},
		"with two records":       {frame(`{"v":1,"seq":0}{"v":1}`), false},
		"not JSON":               {frame(`v=1`), false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse([]byte(c.file), "web1")
			var damaged *DamagedError
			var newer *NewerError
			if errors.As(err, &newer) != c.newer || errors.As(err, &damaged) == c.newer {
				t.Errorf("got %v", err)
			}
		})
	}
}

func frame(rec string) string {
	return frameOpen + hashOf([]byte(rec)) + frameMid + rec + frameClose + "\n"
}

func TestALineIsBounded(t *testing.T) {
	e := entry{V: Version, Record: Record{Kind: Note, Data: []byte(`{"x":"` + strings.Repeat("<", MaxData-10) + `"}`)}}
	if _, _, err := encode(e); err == nil {
		t.Error("a record that escaping makes too long was accepted")
	}
}

// A tail of braces must not make the search for a whole line slow.
func TestALongTailIsReadOnce(t *testing.T) {
	whole := lines(t)
	tail := frameOpen + strings.Repeat("0", sumLen) + frameMid + strings.Repeat(frameClose, maxLine-frameHead)
	c, err := parse(append(whole, tail...), "web1")
	if err != nil || c.Cut != len(tail) {
		t.Errorf("cut %d of %d, %v", c.Cut, len(tail), err)
	}
}

// FuzzParse holds that whatever is in a file, it is refused or what is left
// after mending says the same again. FuzzOpen holds the same on a disk.
func FuzzParse(f *testing.F) {
	whole := lines(f, Record{Kind: RunBegun, Run: "r1", Action: Apply}, Record{Kind: Note, Data: []byte(`{"a":1}`)})
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(whole[:len(whole)-9])
	f.Add(append(bytes.Clone(whole), make([]byte, 40)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parse(data, "web1")
		if err != nil {
			return
		}
		LastRun(c.Records)
		mended := bytes.Clone(data[:c.size])
		if !c.whole {
			mended = append(mended, '\n')
		}
		again, err := parse(mended, "web1")
		if err != nil || again.Cut != 0 || !again.whole || again.head != c.head || len(again.Records) != len(c.Records) {
			t.Errorf("after mending: %d records, cut %d, %v", len(again.Records), again.Cut, err)
		}
	})
}
