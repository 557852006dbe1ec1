package remote

import (
	"bytes"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
)

const testMark = "mark=00112233445566778899aabbccddeeff="

// through feeds a text in pieces of the given sizes.
func through(text, sizes []byte) (out []byte, _ streamState, preamble []byte) {
	return throughAs(false, text, sizes)
}

func throughAs(live bool, text, sizes []byte) (out []byte, _ streamState, preamble []byte) {
	s := newStream(testMark, func(p []byte) error { out = append(out, p...); return nil })
	s.live = live
	for i := 0; len(text) > 0; i++ {
		n := len(text)
		if len(sizes) > 0 {
			n = min(n, 1+int(sizes[i%len(sizes)]))
		}
		s.feed(text[:n])
		text = text[n:]
	}
	preamble, _ = s.close()
	return out, s.state(), preamble
}

func TestStream(t *testing.T) {
	for _, c := range []struct {
		name, text, out, preamble string
		begun, ended              bool
		status, prompts           int
	}{
		{name: "nothing"},
		{name: "preamble only", text: "motd", preamble: "motd"},
		{name: "whole", text: "motd" + testMark + "bout" + testMark + "e0.after", out: "out", preamble: "motd", begun: true, ended: true},
		{name: "status", text: testMark + "b" + testMark + "e137.", begun: true, ended: true, status: 137},
		{name: "prompts", text: "lecture" + testMark + "psorry" + testMark + "p", preamble: "lecturesorry", prompts: 2},
		{name: "a prompt in the output is output", text: testMark + "b" + testMark + "p", out: testMark + "p", begun: true},
		{name: "a second beginning is output", text: testMark + "b" + testMark + "b", out: testMark + "b", begun: true},
		{name: "no status", text: testMark + "b" + testMark + "e.x", out: testMark + "e.x", begun: true},
		{name: "too long a status", text: testMark + "b" + testMark + "e1234.", out: testMark + "e1234.", begun: true},
		{name: "an end before the beginning", text: testMark + "e0.", preamble: testMark + "e0."},
		{name: "half a mark at the end", text: testMark + "bx" + testMark[:9], out: "x" + testMark[:9], begun: true},
		{name: "a mark cut in its status", text: testMark + "bx" + testMark + "e0", out: "x" + testMark + "e0", begun: true},
	} {
		out, st, preamble := through([]byte(c.text), []byte{0})
		if string(out) != c.out || string(preamble) != c.preamble || st.begun != c.begun || st.ended != c.ended || st.status != c.status || st.prompts != c.prompts {
			t.Errorf("%s: got out %q, preamble %q, %+v", c.name, out, preamble, st)
		}
	}
}

// TestLiveStream: where there is a dialogue nothing is held back, and the end is
// seen all the same.
func TestLiveStream(t *testing.T) {
	for _, cut := range []int{0, 1, 7, len(testMark), len(testMark) + 1} {
		var out []byte
		s := newStream(testMark, func(p []byte) error { out = append(out, p...); return nil })
		s.live = true
		said := "answer m" + testMark[:5] + testMark + "p" + "x"
		for _, b := range []byte(testMark + "b" + said) {
			_, _ = s.feed([]byte{b})
		}
		if string(out) != said {
			t.Fatalf("handed on so far: %q, want %q", out, said)
		}
		end := testMark + "e0."
		_, _ = s.feed([]byte(end[:cut]))
		st, _ := s.feed([]byte(end[cut:]))
		if _, err := s.close(); err != nil || !st.ended || string(out) != said+end[:cut] {
			t.Errorf("cut at %d: %q, %+v", cut, out, st)
		}
	}
}

// FuzzStream: how the bytes are cut into packets changes nothing.
func FuzzStream(f *testing.F) {
	f.Add([]byte("preamble MbouMtMe0.tail"), []byte{0, 3})
	f.Add([]byte("MpMpMbMpMe12"), []byte{7})
	f.Fuzz(func(t *testing.T, text, sizes []byte) {
		text = bytes.ReplaceAll(text, []byte("M"), []byte(testMark))
		out, st, preamble := through(text, nil)
		out2, st2, noise2 := through(text, sizes)
		if !bytes.Equal(out, out2) || !bytes.Equal(preamble, noise2) || st != st2 {
			t.Errorf("whole: %q %q %+v; in pieces: %q %q %+v", out, preamble, st, out2, noise2, st2)
		}
		// A live stream says the same, and may have said a part of the closing
		// mark before it was known for one.
		out3, st3, _ := throughAs(true, text, sizes)
		if rest, same := bytes.CutPrefix(out3, out); !same || st3 != st || len(rest) > 0 && !st.ended || len(rest) > len(testMark)+4 {
			t.Errorf("whole: %q %+v; live: %q %+v", out, st, out3, st3)
		}
		if len(preamble) > maxPreamble {
			t.Errorf("kept %d bytes of preamble", len(preamble))
		}
	})
}

func TestLines(t *testing.T) {
	var got []string
	l := &lines{mu: new(sync.Mutex), fn: func(_ int, s string) { got = append(got, s) }}
	for _, p := range []string{"a\r\n", "b", "c\n\n", strings.Repeat("x", maxLine-1), "yz\nlast"} {
		l.write([]byte(p))
	}
	l.end()
	want := []string{"a", "bc", "", strings.Repeat("x", maxLine-1) + "y", "last"}
	if !slices.Equal(got, want) {
		t.Errorf("got %.30q", got)
	}
}

func TestComplaint(t *testing.T) {
	for _, c := range []struct {
		said   string
		status int
		asked  bool
		want   SudoProblem
	}{
		{"sudo: a password is required\n", 1, false, SudoNoPasswordSet},
		{"sudo: sorry, you must have a tty to run sudo\n", 1, false, SudoNeedsTTY},
		{"ann is not in the sudoers file.\n", 1, true, SudoNotAllowed},
		{"Sorry, user ann may not run sudo on web1.\n", 1, true, SudoNotAllowed},
		{"sudo: 1 incorrect password attempt\n", 1, true, SudoWrongPassword},
		{"I'm sorry ann. I'm afraid I can't do that\n", 1, true, SudoNotAllowed},
		{"env: 'sudo': No such file or directory\n", 127, false, SudoMissing},
		{"", 1, true, SudoWrongPassword},
		{"sudo: the sky is falling\n", 1, false, SudoOtherComplaint},
	} {
		if got := complaint([]byte(c.said), c.status, c.asked); got != c.want {
			t.Errorf("%q: got %s, want %s", c.said, got, c.want)
		}
	}
}

func TestFileModes(t *testing.T) {
	for st, want := range map[uint32]fs.FileMode{
		0o100644: 0o644, 0o040755: fs.ModeDir | 0o755, 0o120777: fs.ModeSymlink | 0o777, 0o104755: fs.ModeSetuid | 0o755,
		0o041777: fs.ModeDir | fs.ModeSticky | 0o777, 0o102755: fs.ModeSetgid | 0o755, 0o010600: fs.ModeNamedPipe | 0o600,
		0o140755: fs.ModeSocket | 0o755, 0o060660: fs.ModeDevice | 0o660, 0o020620: fs.ModeDevice | fs.ModeCharDevice | 0o620,
	} {
		got := fileMode(st)
		if got != want || unixMode(got) != st&0o7777 {
			t.Errorf("%o: got %v, %o", st, got, unixMode(got))
		}
	}
}

func FuzzParseLook(f *testing.F) {
	f.Add([]byte("81a4 1 0 0 1267\nplain\n/etc/passwd\n"))
	f.Add([]byte("a1ff 1 0 0 6\nlink\n"))
	f.Add([]byte("-1 1 0 0 6\nlink\n/\n"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		info, err := parseLook("/x", answer)
		if err == nil && (info.Size < 0 || info.UID < 0 || info.GID < 0 || info.Links < 0 || info.Path != "/x") {
			t.Errorf("%q became %+v", answer, info)
		}
	})
}
