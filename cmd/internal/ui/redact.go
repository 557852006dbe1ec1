package ui

import (
	"cmp"
	"io"
	"slices"
	"strings"
	"sync"
)

// mask stands where a secret was.
const mask = "[redacted]"

// A Redactor knows the secrets of a run and takes them out of what is written.
// It is a second net: values whose type redacts itself never get here. Its
// methods may be called at any time from any goroutine, and a nil Redactor
// knows no secret.
type Redactor struct {
	mu     sync.RWMutex
	known  map[string]bool
	starts map[byte][]string // forms by their first byte, the longest first
}

// Add makes a secret known, with its encoded and quoted forms. Values of fewer
// than four bytes are not looked for.
func (r *Redactor) Add(secret []byte) {
	if len(secret) < minSecret {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known, r.starts = map[string]bool{}, map[byte][]string{}
	}
	for _, f := range forms(string(secret)) {
		if r.known[f] {
			continue
		}
		r.known[f] = true
		list := append(r.starts[f[0]], f)
		slices.SortFunc(list, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
		r.starts[f[0]] = list
	}
}

// String returns s without the secrets.
func (r *Redactor) String(s string) string {
	out, _ := r.scan(s, true)
	return out
}

// Writer returns a writer that passes on to w what is no secret. It holds back
// an end that may be the beginning of one.
func (r *Redactor) Writer(w io.Writer) *RedactWriter { return &RedactWriter{r: r, w: w} }

// scan returns s with every secret replaced, and how much of s that covers.
// Unless the text is at its end, an undecided tail is left over. Secrets that
// overlap are replaced together, since the rest of one is a part of the other.
func (r *Redactor) scan(s string, atEnd bool) (string, int) {
	if r == nil {
		return s, len(s)
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out strings.Builder
	done := 0
	for i := 0; i < len(s); {
		n, open := r.at(s[i:])
		end := i + n
		for j := i + 1; j < end; j++ {
			n, more := r.at(s[j:])
			end, open = max(end, j+n), open || more
		}
		if open && !atEnd {
			return out.String() + s[done:i], i
		}
		if end == i {
			i++
			continue
		}
		out.WriteString(s[done:i] + mask)
		i, done = end, end
	}
	return out.String() + s[done:], len(s)
}

// at returns the length of the longest secret that s begins with, and whether
// all of s could be the beginning of a longer one.
func (r *Redactor) at(s string) (n int, open bool) {
	for _, f := range r.starts[s[0]] {
		if strings.HasPrefix(s, f) {
			return len(f), open
		}
		open = open || strings.HasPrefix(f, s)
	}
	return 0, open
}

// A RedactWriter takes secrets out of a stream, wherever its writes cut it.
type RedactWriter struct {
	r    *Redactor
	w    io.Writer
	mu   sync.Mutex
	held string
}

func (w *RedactWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.pass(w.held+string(p), false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes what was held back: at the end, and before waiting for a person.
func (w *RedactWriter) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pass(w.held, true)
}

func (w *RedactWriter) pass(s string, atEnd bool) error {
	out, n := w.r.scan(s, atEnd)
	w.held = s[n:]
	if out == "" {
		return nil
	}
	_, err := io.WriteString(w.w, out)
	return err
}
