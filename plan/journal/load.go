package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"

	"liftalot/plan/statefile"
)

// FileName is the journal's name in the host's folder.
const FileName = "journal.jsonl"

// maxFile bounds what is read: some 100,000 records, more than a host will see.
const maxFile = 64 << 20

// Contents is what a journal file holds.
type Contents struct {
	Records []Record
	Cut     int // bytes of a torn record at the end, which never counted

	head  head
	sums  []string // of the lines, the first one included
	size  int64    // of the part that counts
	whole bool     // the last line has its newline
}

// A head is the place of the last line.
type head struct {
	seq int
	sum string
}

// Head names the last line that counts, for a copy that is kept elsewhere.
func (c Contents) Head() (seq int, sum string) { return c.head.seq, c.head.sum }

// Sum returns the hash of the line of that number, if the journal has it.
func (c Contents) Sum(seq int) (sum string, ok bool) {
	if seq < 0 || seq >= len(c.sums) {
		return "", false
	}
	return c.sums[seq], true
}

// Until returns what the journal held when the line of that number was its last, if it
// has the line.
func (c Contents) Until(seq int) (Contents, bool) {
	sum, ok := c.Sum(seq)
	if !ok {
		return Contents{}, false
	}
	// The first line is no record, and every other one is.
	return Contents{Records: c.Records[:seq:seq], head: head{seq: seq, sum: sum}, sums: c.sums[: seq+1 : seq+1], whole: true}, true
}

// Load reads the journal in a host's folder and changes nothing, not even a
// torn tail. It takes no lock, so a run may be writing meanwhile. Without a
// journal the error is [fs.ErrNotExist].
func Load(dir, host string) (Contents, error) {
	return load(statefile.OS{}, filepath.Join(dir, FileName), host)
}

func load(fsys statefile.FS, path, host string) (Contents, error) {
	info, err := fsys.Lstat(path)
	if err != nil {
		return Contents{}, fmt.Errorf("read journal: %w", err)
	}
	if !info.Mode().IsRegular() {
		return Contents{}, &DamagedError{Path: path, Reason: "it is not a regular file"}
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
		return Contents{}, &DamagedError{Path: path, Reason: fmt.Sprintf(
			"others may write to it (mode %04o), so what it says proves nothing; if nobody has, chmod 600 it", info.Mode().Perm())}
	}
	data, err := fsys.ReadFile(path, maxFile)
	if err != nil {
		return Contents{}, fmt.Errorf("read journal: %w", err)
	}
	c, err := parse(data, host)
	return c, withFile(path, err)
}

// withFile adds the file's name to the errors of parse.
func withFile(path string, err error) error {
	var damaged *DamagedError
	var newer *NewerError
	switch {
	case errors.As(err, &damaged):
		damaged.Path = path
	case errors.As(err, &newer):
		newer.Path = path
	}
	return err
}

// parse reads a journal's bytes. An empty host takes the journal of any.
func parse(data []byte, host string) (Contents, error) {
	c := Contents{whole: true}
	rest := data
	for number := 1; len(rest) > 0; number++ {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		if isTorn(line, after, whole) {
			c.Cut = len(rest)
			break
		}
		e, sum, err := decode(line)
		if err == nil {
			err = c.follows(e, number, host)
		}
		if err != nil {
			return Contents{}, damagedLine(number, err)
		}
		if e.Kind != opened {
			c.Records = append(c.Records, e.Record)
		}
		c.head = head{seq: e.Seq, sum: sum}
		c.sums = append(c.sums, sum)
		c.size += int64(len(line))
		if c.whole = whole; whole {
			c.size++
		}
		rest = after
	}
	if c.head.sum == "" {
		return Contents{}, &DamagedError{Reason: "it is empty or cut off in its first line: the records are gone"}
	}
	return c, nil
}

// follows reports why e cannot be the next line.
func (c *Contents) follows(e entry, number int, host string) error {
	switch {
	case number == 1 && (e.Kind != opened || e.Seq != 0 || e.Prev != ""):
		return errors.New("the journal's beginning is missing")
	case number > 1 && (e.Kind == opened || e.Seq != c.head.seq+1 || e.Prev != c.head.sum):
		return errors.New("it does not follow the line before: a record was removed, moved or changed")
	case host != "" && e.Host != host:
		return fmt.Errorf("it is about the host %q, not %q", e.Host, host)
	}
	return nil
}

func damagedLine(number int, err error) error {
	var newer *NewerError
	if errors.As(err, &newer) {
		return err
	}
	return &DamagedError{Line: number, Reason: err.Error()}
}

// isTorn reports whether a line that is the file's last is what a crash in
// the middle of an append leaves: the beginning of a line, or a line in which
// the file system never wrote some pages, which then read as zeros. A line
// that is whole but for its newline is not torn, and neither is one with
// something after its end: a crash cannot add bytes.
func isTorn(line, after []byte, whole bool) bool {
	if len(after) > 0 {
		return false
	}
	if bytes.Contains(line, make([]byte, zeroRun)) {
		return true
	}
	if whole {
		return false
	}
	if _, _, err := unframe(line); err == nil {
		return false
	}
	return isPrefix(line)
}

// zeroRun is how many zeros in a row can be no accident: JSON holds none.
const zeroRun = 16

// isPrefix reports whether line can be the beginning of a line that is longer.
func isPrefix(line []byte) bool {
	if len(line) > maxLine {
		return false
	}
	for i, b := range line {
		switch {
		case i < len(frameOpen):
			if b != frameOpen[i] {
				return false
			}
		case i < len(frameOpen)+sumLen:
			if !isHex(b) {
				return false
			}
		case i < frameHead:
			if b != frameMid[i-len(frameOpen)-sumLen] {
				return false
			}
		default:
			return !isWhole(line)
		}
	}
	return true
}

// isWhole reports whether a whole line ends inside line, before its end.
// The hash grows with the search, so a long tail of braces costs no more than
// any other.
func isWhole(line []byte) bool {
	sum := line[len(frameOpen) : len(frameOpen)+sumLen]
	h := sha256.New()
	var got [sha256.Size]byte
	for _, b := range line[frameHead : len(line)-1] {
		if b == frameClose[0] && hex.EncodeToString(h.Sum(got[:0])) == string(sum) {
			return true
		}
		h.Write([]byte{b})
	}
	return false
}

func isHex(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'f'
}

// isMissing reports whether there is no journal yet.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
