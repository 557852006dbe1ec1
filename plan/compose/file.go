package compose

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// A File is one compose file: its bytes, where things are in them, and what
// they mean. A File never changes.
type File struct {
	name string
	text
	root     *node
	services *node
	closed   *RefusalError // why no edit finds a place in it, nil where one may
	value    *value
	uses     map[*node]int // aliases per anchored node
	style    style
}

// Parse reads a compose file. name is for messages, and to see that an `extends`
// of a file means this one. An error is a [*RefusalError].
func Parse(name string, src []byte) (*File, error) {
	f, err := parse(name, bytes.Clone(src))
	if err != nil {
		err.File = name
		return nil, err
	}
	return f, nil
}

// parse keeps src, which nobody may change after.
func parse(name string, src []byte) (*File, *RefusalError) {
	if err := checkBytes(src); err != nil {
		return nil, err
	}
	root, err := decode(src)
	if errors.Is(err, errSecondDocument) {
		return nil, refuse(0, ManyDocuments, "keep one", "the file holds more than one YAML document")
	}
	if err != nil {
		line, reason := splitSyntaxError(err)
		return nil, refuse(line, Syntax, "`docker compose config` shows it too", "%s", reason)
	}
	f := &File{name: name, text: newText(src), root: root}
	if root.Kind != mappingNode {
		return nil, refuse(root.Line, Layout, "", "the file is not a mapping")
	}
	f.services, f.closed = servicesOf(root)
	if n := f.loneTag(root); n != nil {
		return nil, refuse(n.Line, Syntax, "take it out", "a `!` that names no tag")
	}
	v, uses, refusal := resolve(root)
	if refusal != nil {
		return nil, refusal
	}
	f.value, f.uses, f.style = v, uses, styleOf(f.text, root)
	return f, nil
}

// servicesOf finds the section that edits go to. Where they could not go, the file is
// still good to be read: an override in brackets, or of networks alone, takes no edit.
func servicesOf(root *node) (*node, *RefusalError) {
	const byHand = "JSON and other files in brackets have to be edited by hand"
	_, services := field(root, "services")
	switch {
	case services == nil:
		return &node{Kind: mappingNode, Line: root.Line}, refuse(root.Line, Layout, "", "the file has no `services:`")
	case isFlow(root):
		return services, refuse(root.Line, Layout, byHand, "the file is not a mapping written line by line")
	case services.Kind == mappingNode && isFlow(services):
		return services, refuse(services.Line, Layout, byHand, "`services:` is not a mapping written line by line")
	case services.Kind != mappingNode || len(services.Content) == 0:
		return services, refuse(services.Line, Layout, "", "`services:` is not a mapping written line by line")
	}
	return services, nil
}

// loneTag finds a `!` in the place of a value. The parser takes it for nothing
// and says that the value begins there, which is not where an entry could go.
func (f *File) loneTag(n *node) *node {
	if isNull(n) && n.Value == "" {
		at := f.start(n)
		if at < len(f.src) && f.src[at] == '!' && (at+1 == len(f.src) || bytes.IndexByte([]byte(" \t\r\n,]}"), f.src[at+1]) >= 0) {
			return n
		}
	}
	for _, c := range n.Content {
		if found := f.loneTag(c); found != nil {
			return found
		}
	}
	return nil
}

// A sign is a character that a parser and an editor count differently.
type sign struct {
	bytes  []byte
	kind   Kind
	reason string
}

func forbidden() []sign {
	const ends = "YAML ends a line there and editors do not"
	return []sign{
		{[]byte{0}, NotText, "a NUL byte"},
		{[]byte("\u0085"), LineEnd, "the character U+0085: " + ends},
		{[]byte("\u2028"), LineEnd, "the character U+2028: " + ends},
		{[]byte("\u2029"), LineEnd, "the character U+2029: " + ends},
	}
}

func checkBytes(src []byte) *RefusalError {
	if len(src) > maxSize {
		return refuse(0, TooLarge, "", "%d bytes are more than the %d a compose file may have", len(src), maxSize)
	}
	if marks := countMarks(src); marks > maxMarks {
		return refuse(0, TooLarge, "", "the file has room for more than %d values", maxMarks)
	}
	lineAt := func(at int) int { return 1 + bytes.Count(src[:at], []byte{'\n'}) }
	if !utf8.Valid(src) {
		at := 0
		for {
			r, size := utf8.DecodeRune(src[at:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			at += size
		}
		return refuse(lineAt(at), NotText, "save it as UTF-8", "the file is not UTF-8")
	}
	for _, s := range forbidden() {
		if at := bytes.Index(src, s.bytes); at >= 0 {
			return refuse(lineAt(at), s.kind, "replace it", "%s", s.reason)
		}
	}
	for at := 0; ; at++ {
		cr := bytes.IndexByte(src[at:], '\r')
		if cr < 0 {
			return nil
		}
		if at += cr; at+1 == len(src) || src[at+1] != '\n' {
			return refuse(lineAt(at), LineEnd, "replace it",
				"a carriage return without a line feed: YAML ends a line there and editors do not")
		}
	}
}

// countMarks counts the characters that may begin a value. It bounds the memory
// the parser takes, before it takes it.
func countMarks(src []byte) int {
	n := 0
	for _, mark := range []byte("\n,:[{") {
		n += bytes.Count(src, []byte{mark})
	}
	return n
}

// Name returns the name given to [Parse].
func (f *File) Name() string { return f.name }

// Bytes returns the file as it was read.
func (f *File) Bytes() []byte { return bytes.Clone(f.src) }

// Services returns the names of the file's services, in its order.
func (f *File) Services() []string { return f.TopLevel("services") }

// TopLevel returns the names of the entries of a top-level section, such as
// networks, in the file's order.
func (f *File) TopLevel(section string) []string {
	_, m := field(f.root, section)
	if m != nil && m.Kind == aliasNode {
		m = m.Alias
	}
	if m == nil || m.Kind != mappingNode {
		return nil
	}
	var names []string
	for i := 0; i+1 < len(m.Content); i += 2 {
		if k := m.Content[i]; !isMergeKey(k) {
			names = append(names, k.Value)
		}
	}
	return names
}

// fail completes a refusal of an edit of f.
func (f *File) fail(err error) *RefusalError {
	var r *RefusalError
	if !errors.As(err, &r) {
		r = refuse(0, KeyStyle, "", "%s", err)
	}
	out := *r
	out.File = f.name
	return &out
}
