package lock

import (
	"testing"
	"time"
)

func TestParseHolder(t *testing.T) {
	h := parseHolder([]byte("1700000060 1700000000\nrun-1\n123 456\n1699990000\n" +
		`{"user":"ann","machine":"m","run_id":"run-1","reason":"why"}` + "\n"))
	want := Holder{User: "ann", Machine: "m", RunID: "run-1", Reason: "why", Since: time.Unix(1699990000, 0).UTC(), Silent: time.Minute}
	if h != want {
		t.Errorf("got %+v, want %+v", h, want)
	}
	if h := parseHolder([]byte("5 5\n")); h != (Holder{}) {
		t.Errorf("a file that is not there yet became %+v", h)
	}
}

func FuzzParseHolder(f *testing.F) {
	f.Add([]byte("1 0\nrun\n1 2\n3\n{}\n"))
	f.Add([]byte("9999999999999999999 -9223372036854775808\n"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if h := parseHolder(answer); h.Silent < 0 {
			t.Errorf("%q became %+v", answer, h)
		}
	})
}
