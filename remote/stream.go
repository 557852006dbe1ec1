package remote

import (
	"bytes"
	"sync"
)

// maxPreamble bounds what is kept of the output before the opening mark: enough
// for sudo's lecture and complaint.
const maxPreamble = 8 << 10

// A stream reads one output of a command. It knows where the output begins and
// ends by the mark:
//
//	preamble  mark 'p'  preamble  mark 'b'  output  mark 'e' status '.'
//
// A mark inside the output that is not a well-formed closing one is output.
type stream struct {
	mark []byte
	emit func([]byte) error // takes output as it comes
	// live hands output on at once, also what may turn out to be the beginning
	// of the closing mark: who waits for the end of an answer before it asks
	// again would wait for ever.
	live bool

	mu       sync.Mutex
	preamble []byte
	held     []byte // may be the beginning of a mark
	told     int    // bytes of it that were handed on before
	prompts  int
	begun    bool
	ended    bool
	status   int
	shut     bool // the caller has gone; nothing is emitted any more
}

func newStream(mark string, emit func([]byte) error) *stream {
	return &stream{mark: []byte(mark), emit: emit}
}

// feed takes what has arrived and reports what became of the stream.
func (s *stream) feed(p []byte) (streamState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.held) > 0 {
		p = append(s.held, p...)
		s.held = nil
	}
	err := s.scan(p)
	return streamState{prompts: s.prompts, begun: s.begun, ended: s.ended || s.shut, status: s.status}, err
}

// streamState is a copy of what a stream knows.
type streamState struct {
	prompts      int
	begun, ended bool
	status       int
}

func (s *stream) state() streamState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return streamState{prompts: s.prompts, begun: s.begun, ended: s.ended, status: s.status}
}

// close hands over what could still have become a mark, and ends all writing.
func (s *stream) close() (preamble []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		err = s.deliver(s.held)
	}
	s.held = nil
	s.shut = true
	return s.preamble, err
}

func (s *stream) scan(p []byte) error {
	for !s.ended {
		i := bytes.Index(p, s.mark)
		if i < 0 {
			keep := overlap(p, s.mark)
			return s.hold(p, len(p)-keep)
		}
		if err := s.deliver(p[:i]); err != nil {
			return err
		}
		n, whole := s.note(p[i:])
		if !whole {
			return s.hold(p[i:], 0)
		}
		s.told = max(0, s.told-n)
		if n == 0 { // not one of ours after all
			n = len(s.mark)
			if err := s.deliver(p[i : i+n]); err != nil {
				return err
			}
		}
		p = p[i+n:]
	}
	return nil
}

// hold delivers the first n bytes and waits with the rest.
func (s *stream) hold(p []byte, n int) error {
	if err := s.deliver(p[:n]); err != nil {
		return err
	}
	s.held = bytes.Clone(p[n:])
	if !s.live || !s.begun {
		return nil
	}
	err := s.deliver(s.held)
	s.told = len(s.held)
	return err
}

// note reads the mark that p begins with. It returns its length, 0 when it
// means nothing here, and whether all of it has arrived.
func (s *stream) note(p []byte) (n int, whole bool) {
	rest := p[len(s.mark):]
	if len(rest) == 0 {
		return 0, false
	}
	switch {
	case rest[0] == 'p' && !s.begun:
		s.prompts++
		return len(s.mark) + 1, true
	case rest[0] == 'b' && !s.begun:
		s.begun = true
		return len(s.mark) + 1, true
	case rest[0] == 'e' && s.begun:
		return s.closing(rest[1:])
	}
	return 0, true
}

// closing reads "status.", at most three digits.
func (s *stream) closing(rest []byte) (n int, whole bool) {
	status := 0
	for i, c := range rest {
		switch {
		case c >= '0' && c <= '9' && i < 3:
			status = status*10 + int(c-'0')
		case c == '.' && i > 0:
			s.ended, s.status = true, status
			return len(s.mark) + 1 + i + 1, true
		default:
			return 0, true
		}
	}
	return 0, false
}

func (s *stream) deliver(p []byte) error {
	before := min(s.told, len(p))
	s.told -= before
	p = p[before:]
	switch {
	case len(p) == 0 || s.shut:
		return nil
	case !s.begun:
		s.preamble = append(s.preamble, p[:min(len(p), maxPreamble-len(s.preamble))]...)
		return nil
	}
	return s.emit(p)
}

// overlap returns the length of the longest end of p that mark begins with.
func overlap(p, mark []byte) int {
	for n := min(len(p), len(mark)-1); n > 0; n-- {
		if bytes.HasPrefix(mark, p[len(p)-n:]) {
			return n
		}
	}
	return 0
}
