package tools

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// buffers are lent to who copies: programs start by the thousand.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// copyOut copies until the end; what cannot be written is an error too.
func copyOut(w io.Writer, r io.Reader) error {
	b := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(b)
	buf := b[:]
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if _, werr := w.Write(buf[:n]); werr != nil {
				return werr
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func readAll(r io.Reader) ([]byte, error) {
	var b bytes.Buffer
	err := copyOut(&b, r)
	return b.Bytes(), err
}

func cat(c *call) int {
	if _, ok := c.flags("", ""); !ok {
		return 2
	}
	return c.inputs(func(_ string, r io.Reader) error { return copyOut(c.Stdout(), r) })
}

// number is the value of an option, without one the other; -1 is a form that is not
// simulated.
func (c *call) number(value, otherwise string) int {
	n, err := strconv.Atoi(cmp.Or(value, otherwise))
	if err != nil || n < 0 {
		c.Unsimulated(c.name, "the number %q", value)
		return -1
	}
	return n
}

func head(c *call) int {
	got, ok := c.flags("", "cn")
	if !ok {
		return 2
	}
	left, n := c.number(got['c'], "0"), c.number(got['n'], "10")
	if left < 0 || n < 0 {
		return 2
	}
	return c.inputs(func(_ string, r io.Reader) error {
		if got['c'] != "" {
			return copyOut(c.Stdout(), io.LimitReader(r, int64(left)))
		}
		return copyOut(c.Stdout(), &firstLines{r, n})
	})
}

// firstLines reads no more than so many lines: whoever writes them may never end.
type firstLines struct {
	r    io.Reader
	left int
}

func (f *firstLines) Read(b []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	n, err := f.r.Read(b)
	for i, c := range b[:n] {
		if c == '\n' {
			if f.left--; f.left == 0 {
				return i + 1, err
			}
		}
	}
	return n, err
}

func tail(c *call) int {
	got, ok := c.flags("", "cn")
	if !ok {
		return 2
	}
	from, behind := strings.CutPrefix(got['c'], "+")
	size, n := c.number(from, "0"), c.number(got['n'], "10")
	if size < 0 || n < 0 {
		return 2
	}
	return c.inputs(func(_ string, r io.Reader) error {
		data, err := readAll(r)
		switch {
		case behind:
			data = data[min(len(data), max(0, size-1)):]
		case got['c'] != "":
			data = data[max(0, len(data)-size):]
		default:
			lines := bytes.SplitAfter(data, []byte("\n"))
			if len(lines[len(lines)-1]) == 0 {
				lines = lines[:len(lines)-1]
			}
			data = bytes.Join(lines[max(0, len(lines)-n):], nil)
		}
		_, werr := c.Stdout().Write(data)
		return errors.Join(err, werr)
	})
}

func wc(c *call) int {
	got, ok := c.flags("lc", "")
	if !ok {
		return 2
	}
	if len(got) != 1 || len(c.args) > 1 {
		return c.unknown()
	}
	return c.inputs(func(name string, r io.Reader) error {
		data, err := readAll(r)
		n := len(data)
		if got['l'] != "" {
			n = bytes.Count(data, []byte("\n"))
		}
		if name == "-" {
			fmt.Fprintf(c.Stdout(), "%d\n", n)
		} else {
			fmt.Fprintf(c.Stdout(), "%d %s\n", n, name)
		}
		return err
	})
}

// charset expands what tr calls a set.
func charset(s string) []byte {
	var out []byte
	for i := 0; i < len(s); i++ {
		b := s[i]
		if b == '\\' && i+1 < len(s) {
			i++
			switch s[i] {
			case 'n':
				b = '\n'
			case 't':
				b = '\t'
			case 'r':
				b = '\r'
			case '0':
				b = 0
			default:
				b = s[i]
			}
		}
		if i+2 < len(s) && s[i+1] == '-' {
			for x := int(b); x <= int(s[i+2]); x++ {
				out = append(out, byte(x))
			}
			i += 2
			continue
		}
		out = append(out, b)
	}
	return out
}

func tr(c *call) int {
	got, ok := c.flags("ds", "")
	if !ok {
		return 2
	}
	if len(c.args) == 0 || len(c.args)+len(got) != 2 || strings.Contains(c.args[0], "[:") {
		return c.unknown() // one set with an option, two without
	}
	from := charset(c.args[0])
	var to []byte
	if len(c.args) > 1 {
		to = charset(c.args[1])
	}
	c.args = nil
	return c.inputs(func(_ string, r io.Reader) error {
		data, err := readAll(r)
		var out []byte
		for _, b := range data {
			i := bytes.IndexByte(from, b)
			switch {
			case i < 0:
			case got['d'] != "":
				continue
			case got['s'] != "" && len(to) == 0:
				if len(out) > 0 && out[len(out)-1] == b {
					continue
				}
			case len(to) > 0:
				b = to[min(i, len(to)-1)]
			}
			out = append(out, b)
		}
		_, werr := c.Stdout().Write(out)
		return errors.Join(err, werr)
	})
}

// lines runs fn over each line and prints what it returns. A last line without an end
// gets none from sed, and one from the others.
func (c *call) lines(fn func(line string) (string, bool)) int {
	return c.inputs(func(_ string, r io.Reader) error {
		data, err := readAll(r)
		var b strings.Builder
		for line := range strings.Lines(string(data)) {
			text, whole := strings.CutSuffix(line, "\n")
			if out, ok := fn(text); ok {
				b.WriteString(out)
				if whole || c.name != "sed" {
					b.WriteByte('\n')
				}
			}
		}
		_, werr := io.WriteString(c.Stdout(), b.String())
		return errors.Join(err, werr)
	})
}

// A span is one item of the lists of cut, from 1 on; to is 0 for the end.
type span struct{ from, to int }

func spans(list string) (all []span, ok bool) {
	for item := range strings.SplitSeq(list, ",") {
		from, to, ranged := strings.Cut(item, "-")
		n, err := strconv.Atoi(from)
		if err != nil || n < 1 {
			return nil, false
		}
		s := span{n, n}
		if ranged {
			if s.to, err = strconv.Atoi(cmp.Or(to, "0")); err != nil {
				return nil, false
			}
		}
		all = append(all, s)
	}
	return all, true
}

func has(all []span, n int) bool {
	return slices.ContainsFunc(all, func(s span) bool { return n >= s.from && (s.to == 0 || n <= s.to) })
}

// cut is cut -c LIST, of bytes, and cut [-d C] -f LIST.
func cut(c *call) int {
	got, ok := c.flags("", "dfc")
	if !ok {
		return 2
	}
	all, ok := spans(got['c'] + got['f'])
	if !ok || got['c'] != "" && len(got) > 1 {
		return c.Unsimulated(c.name, "the list %v", got)
	}
	sep := cmp.Or(got['d'], "\t")
	return c.lines(func(l string) (string, bool) {
		var out []string
		switch {
		case got['c'] != "":
			for i := range len(l) {
				if has(all, i+1) {
					out = append(out, l[i:i+1])
				}
			}
			return strings.Join(out, ""), true
		case !strings.Contains(l, sep):
			return l, true
		}
		for i, f := range strings.Split(l, sep) {
			if has(all, i+1) {
				out = append(out, f)
			}
		}
		return strings.Join(out, sep), true
	})
}

func sorted(c *call) int {
	got, ok := c.flags("u", "")
	if !ok {
		return 2
	}
	var all []string
	status := c.inputs(func(_ string, r io.Reader) error {
		data, err := readAll(r)
		if len(data) > 0 {
			all = append(all, strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")...)
		}
		return err
	})
	slices.Sort(all)
	if got['u'] != "" {
		all = slices.Compact(all)
	}
	for _, l := range all {
		fmt.Fprintln(c.Stdout(), l)
	}
	return status
}

func od(c *call) int {
	got, ok := c.flags("", "ANt")
	if !ok || got['A'] != "n" || got['t'] != "x1" {
		return c.unknown()
	}
	n, _ := strconv.Atoi(got['N'])
	return c.inputs(func(_ string, r io.Reader) error {
		data, err := readAll(io.LimitReader(r, int64(n)))
		if err != nil {
			return err
		}
		for len(data) > 0 {
			row := data[:min(16, len(data))]
			data = data[len(row):]
			for _, b := range row {
				fmt.Fprintf(c.Stdout(), " %02x", b)
			}
			fmt.Fprintln(c.Stdout())
		}
		return nil
	})
}

func yes(c *call) int {
	for {
		if _, err := c.Stdout().Write([]byte(strings.Repeat("y\n", 4096))); err != nil {
			return 1
		}
	}
}

func grep(c *call) int {
	got, ok := c.flags("qExFvc", "f")
	if !ok || len(c.args) == 0 && got['f'] == "" {
		return 2
	}
	var patterns []string
	if file := got['f']; file != "" {
		r, done, err := c.open(file)
		if err != nil {
			return c.bad("%v", err)
		}
		data, err := readAll(r)
		done()
		if err != nil {
			return c.bad("%v", err)
		}
		if len(data) > 0 {
			patterns = strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
		}
	} else {
		patterns, c.args = c.args[:1], c.args[1:]
	}
	var all []string
	for _, pat := range patterns {
		switch {
		case got['F'] != "":
			pat = regexp.QuoteMeta(pat)
		case got['E'] == "":
			pat = basic(pat)
		}
		if got['x'] != "" {
			pat = "^(?:" + pat + ")$"
		}
		all = append(all, pat)
	}
	if len(all) == 0 {
		all = []string{`[^\s\S]`} // no pattern matches nothing
	}
	rx, err := regexp.Compile(strings.Join(all, "|"))
	if err != nil {
		return c.bad("%v", err)
	}
	found := 0
	status := c.lines(func(l string) (string, bool) {
		match := rx.MatchString(l) != (got['v'] != "")
		if match {
			found++
		}
		return l, match && got['q']+got['c'] == ""
	})
	if got['c'] != "" {
		fmt.Fprintln(c.Stdout(), found)
	}
	switch {
	case status != 0:
		return 2
	case found > 0:
		return 0
	}
	return 1
}

// basic turns a basic regular expression into Go's.
func basic(s string) string {
	s = strings.NewReplacer("[[:space:]]", `\s`, "[^[:space:]]", `\S`).Replace(s)
	var b strings.Builder
	class := false
	for i := 0; i < len(s); i++ {
		switch {
		case class:
			if s[i] == '\\' {
				b.WriteByte('\\') // a backslash is itself there
			}
			b.WriteByte(s[i])
			class = s[i] != ']'
		case s[i] == '[':
			class = true
			b.WriteByte(s[i])
			if i+1 < len(s) && s[i+1] == '^' {
				i++
				b.WriteByte('^')
			}
		case s[i] == '\\' && i+1 < len(s) && strings.IndexByte("(){}", s[i+1]) >= 0:
			i++
			b.WriteByte(s[i])
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte('\\')
			b.WriteByte(s[i])
		case strings.IndexByte("(){}+?|", s[i]) >= 0:
			b.WriteByte('\\')
			b.WriteByte(s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func compare(c *call) int {
	if _, ok := c.flags("s", ""); !ok || len(c.args) != 2 {
		return 2
	}
	var data [2][]byte
	for i, name := range c.args {
		r, done, err := c.open(name)
		if err != nil {
			return 2
		}
		data[i], err = readAll(r)
		done()
		if err != nil {
			return 2
		}
	}
	if !bytes.Equal(data[0], data[1]) {
		return 1
	}
	return 0
}

func sha256sum(c *call) int {
	if _, ok := c.flags("", ""); !ok {
		return 2
	}
	return c.inputs(func(name string, r io.Reader) error {
		data, err := readAll(r)
		if err == nil {
			fmt.Fprintf(c.Stdout(), "%x  %s\n", sha256.Sum256(data), name)
		}
		return err
	})
}

// awkProgram is the one form that is simulated: a column that equals a
// variable, another one printed.
var awkProgram = regexp.MustCompile(`^\$(\d+) == (\w+) \{ print \$(\d+) \}$`)

func awk(c *call) int {
	got, ok := c.flags("", "v")
	if !ok || len(c.args) == 0 {
		return 2
	}
	m := awkProgram.FindStringSubmatch(c.args[0])
	name, value, _ := strings.Cut(got['v'], "=")
	if m == nil || m[2] != name {
		return c.unknown()
	}
	c.args = c.args[1:]
	key, _ := strconv.Atoi(m[1])
	out, _ := strconv.Atoi(m[3])
	return c.lines(func(l string) (string, bool) {
		f := strings.Fields(l)
		if len(f) < max(key, out) || f[key-1] != value {
			return "", false
		}
		return f[out-1], true
	})
}
