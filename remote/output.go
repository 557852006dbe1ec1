package remote

import (
	"bytes"
	"sync"
)

// A capture keeps the beginning of what it is given and counts the rest.
type capture struct {
	limit int64
	kept  []byte
	lost  int64
}

func (c *capture) write(p []byte) {
	room := max(0, c.limit-int64(len(c.kept)))
	take := min(room, int64(len(p)))
	c.kept = append(c.kept, p[:take]...)
	c.lost += int64(len(p)) - take
}

// maxLine bounds a line of live output; what is longer is cut, not split.
const maxLine = 4 << 10

// lines calls fn for each line of live output, of both streams, never twice at
// the same time.
type lines struct {
	mu *sync.Mutex
	fn func(stream int, line string)
	no int

	partial []byte
}

func (l *lines) write(p []byte) {
	for len(p) > 0 {
		line, rest, whole := bytes.Cut(p, []byte{'\n'})
		l.partial = append(l.partial, line[:min(len(line), maxLine-len(l.partial))]...)
		if whole {
			l.flush()
		}
		p = rest
	}
}

// flush ends the line at hand.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fn(l.no, string(bytes.TrimSuffix(l.partial, []byte{'\r'})))
	l.partial = l.partial[:0]
}

// end flushes a last line without a line end.
func (l *lines) end() {
	if len(l.partial) > 0 {
		l.flush()
	}
}
