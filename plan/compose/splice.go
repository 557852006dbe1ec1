package compose

import (
	"bytes"
	"fmt"
	"slices"
)

// A Splice is one piece of a file replaced by another. Most only add: Old is
// empty.
type Splice struct {
	Offset int    `json:"offset"` // in bytes, in the file before
	Old    string `json:"old,omitempty"`
	New    string `json:"new,omitempty"`
	Reason string `json:"reason,omitempty"`
	Line   int    `json:"line,omitempty"` // of Offset, from 1
}

// A planned splice knows which collection it adds an entry to, if that is what
// it does: several may add to one collection at one place.
type planned struct {
	Splice
	into *node
}

// end returns the place behind what a splice replaces.
func (s Splice) end() int { return s.Offset + len(s.Old) }

// Replay makes the splices of a [Result] in src, the bytes they were made for.
// It fails where src does not hold what a splice replaces.
func Replay(src []byte, splices []Splice) ([]byte, error) {
	var out bytes.Buffer
	at := 0
	for _, s := range splices {
		if s.Offset < at || s.end() > len(src) {
			return nil, fmt.Errorf("splice at byte %d: it overlaps another or leaves the file", s.Offset)
		}
		if string(src[s.Offset:s.end()]) != s.Old {
			return nil, fmt.Errorf("splice at byte %d: the file holds something else there", s.Offset)
		}
		out.Write(src[at:s.Offset])
		out.WriteString(s.New)
		at = s.end()
	}
	out.Write(src[at:])
	return out.Bytes(), nil
}

// inverse returns the splices that turn the outcome back into what it was.
func inverse(splices []Splice) []Splice {
	out := make([]Splice, len(splices))
	shift := 0
	for i, s := range splices {
		out[i] = Splice{Offset: s.Offset + shift, Old: s.New, New: s.Old, Reason: s.Reason, Line: s.Line}
		shift += len(s.New) - len(s.Old)
	}
	return out
}

// A piece is a stretch of the file before, as it is or replaced. The pieces of a
// file cover it without gaps.
type piece struct {
	from, to int // in the file before
	replaced bool
	by       string
	reason   string
}

func (p piece) length() int {
	if p.replaced {
		return len(p.by)
	}
	return p.to - p.from
}

// cut parts a piece after n bytes of what it is now. What a replaced piece took
// away stays with its head.
func (p piece) cut(n int) (head, tail piece) {
	head, tail = p, p
	if p.replaced {
		head.by, tail.by = p.by[:n], p.by[n:]
		tail.from = p.to
		return head, tail
	}
	head.to, tail.from = p.from+n, p.from+n
	return head, tail
}

// pieces follow a file through rounds of splices, each made on the outcome of
// the one before, so that all can be told against the file before the first.
type pieces []piece

func newPieces(src []byte) pieces { return pieces{{from: 0, to: len(src)}} }

// apply makes splices whose offsets count in the present outcome.
func (ps pieces) apply(splices []Splice) pieces {
	c := &cutter{rest: slices.Clone(ps), base: ps[len(ps)-1].to}
	var out pieces
	for _, s := range splices {
		out = append(out, c.take(s.Offset)...)
		p := piece{from: c.position(), to: c.position(), replaced: true, by: s.New, reason: s.Reason}
		for _, gone := range c.take(s.end()) {
			p.to = gone.to
		}
		out = append(out, p)
	}
	return append(out, c.rest...)
}

// A cutter takes pieces from the front.
type cutter struct {
	rest pieces
	at   int // in the present outcome
	base int // the size of the file before
}

// take returns the pieces up to a place in the present outcome.
func (c *cutter) take(upTo int) pieces {
	var out pieces
	for c.at < upTo && len(c.rest) > 0 {
		p := c.rest[0]
		if n := upTo - c.at; p.length() > n {
			p, c.rest[0] = p.cut(n)
		} else {
			c.rest = c.rest[1:]
		}
		c.at += p.length()
		out = append(out, p)
	}
	return out
}

// position returns where in the file before the next piece begins.
func (c *cutter) position() int {
	if len(c.rest) == 0 {
		return c.base
	}
	return c.rest[0].from
}

// splices returns what the pieces changed of src.
func (ps pieces) splices(src text) []Splice {
	var out []Splice
	for _, p := range ps {
		if old := string(src.src[p.from:p.to]); p.replaced && old != p.by {
			out = append(out, Splice{Offset: p.from, Old: old, New: p.by, Reason: p.reason, Line: src.lineOf(p.from)})
		}
	}
	return out
}
