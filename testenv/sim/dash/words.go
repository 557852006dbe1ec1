package dash

import (
	"io/fs"
	"strconv"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"liftalot/testenv/sim/machine"
)

// environ lets expansion see and set the shell's variables.
type environ struct{ s *shell }

// Get is a variable or a special parameter.
func (e environ) Get(name string) expand.Variable {
	s := e.s
	text := func(v string) expand.Variable { return expand.Variable{Set: true, Kind: expand.String, Str: v} }
	switch name {
	case "@", "*":
		return expand.Variable{Set: true, Kind: expand.Indexed, List: s.params}
	case "#":
		return text(strconv.Itoa(len(s.params)))
	case "?":
		return text(strconv.Itoa(s.status))
	case "$":
		return text(strconv.Itoa(s.pid))
	case "PPID":
		return text(strconv.Itoa(s.p.PPID))
	case "-":
		s.unsimulated("$-")
		return text("")
	case "!":
		if s.background == 0 {
			return expand.Variable{}
		}
		return text(strconv.Itoa(s.background))
	case "0":
		return text(s.name)
	case "PWD":
		return text(s.p.Cwd)
	}
	if name != "" && name[0] >= '0' && name[0] <= '9' {
		n, err := strconv.Atoi(name)
		if err != nil || n > len(s.params) {
			return expand.Variable{}
		}
		return text(s.params[n-1])
	}
	if v, ok := s.vars[name]; ok {
		return expand.Variable{Set: true, Exported: v.exported, Kind: expand.String, Str: v.value}
	}
	return expand.Variable{}
}

// Set sets a variable, as ${x:=y} and arithmetic do.
func (e environ) Set(name string, v expand.Variable) error {
	e.s.set(name, v.Str)
	return nil
}

// Each goes over all variables.
func (e environ) Each(fn func(string, expand.Variable) bool) {
	for name := range e.s.vars {
		if !fn(name, e.Get(name)) {
			return
		}
	}
}

func (s *shell) set(name, value string) {
	old := s.vars[name]
	s.vars[name] = variable{value, old.exported}
	if old.exported {
		s.p.Env[name] = value
	}
	if name == "PATH" {
		s.p.Env[name] = value
	}
}

// readDir lists a folder for globs.
func (s *shell) readDir(name string) ([]fs.DirEntry, error) {
	n, err := s.p.Stat(name)
	if err != nil {
		return nil, err
	}
	if !n.IsDir() {
		return nil, fs.ErrInvalid
	}
	var all []fs.DirEntry
	for _, e := range n.Names() {
		all = append(all, dirEntry{e, n.Entry(e)})
	}
	return all, nil
}

type dirEntry struct {
	name string
	node *machine.Inode
}

func (d dirEntry) Name() string               { return d.name }
func (d dirEntry) IsDir() bool                { return d.node.IsDir() }
func (d dirEntry) Type() fs.FileMode          { return d.node.FileMode().Type() }
func (d dirEntry) Info() (fs.FileInfo, error) { return nil, fs.ErrInvalid }

// fields expands words. An expansion that fails ends the shell, as POSIX wants.
func (s *shell) fields(words ...*syntax.Word) ([]string, bool) {
	if out, ok := plain(words); ok {
		return out, true
	}
	out, err := expand.Fields(s.config(), words...)
	for i := range out {
		out[i] = shown(out[i])
	}
	return out, s.expanded(err)
}

func (s *shell) literal(w *syntax.Word) (string, bool) {
	if w == nil {
		return "", true
	}
	if text, ok := verbatim(w); ok {
		return text, true
	}
	out, err := expand.Literal(s.config(), w)
	return shown(out), s.expanded(err)
}

// plain are words that need no expansion, as most do.
func plain(words []*syntax.Word) ([]string, bool) {
	for _, w := range words {
		if _, ok := verbatim(w); !ok {
			return nil, false
		}
	}
	out := make([]string, len(words))
	for i, w := range words {
		out[i], _ = verbatim(w)
	}
	return out, true
}

// verbatim is a word that is what it means.
func verbatim(w *syntax.Word) (string, bool) {
	if len(w.Parts) != 1 {
		return "", false
	}
	switch p := w.Parts[0].(type) {
	case *syntax.Lit:
		return shown(p.Value), !strings.ContainsAny(p.Value, `\*?[~{`)
	case *syntax.SglQuoted:
		return shown(p.Value), !p.Dollar
	}
	return "", false
}

// A script is bytes to a shell and UTF-8 to the parser. Bytes that are not
// UTF-8 wait in a private range while the parser looks.
const privateBytes = 0xF700

func hidden(script string) string {
	if utf8.ValidString(script) {
		return script
	}
	var b strings.Builder
	for i, r := range script {
		if r == utf8.RuneError && !strings.HasPrefix(script[i:], string(utf8.RuneError)) {
			r = privateBytes + rune(script[i])
		}
		b.WriteRune(r)
	}
	return b.String()
}

func shown(word string) string {
	if !strings.Contains(word, "\xef\x9c") && !strings.Contains(word, "\xef\x9f") && !strings.Contains(word, "\xef\x9e") && !strings.Contains(word, "\xef\x9d") {
		return word
	}
	var b strings.Builder
	for i, r := range word {
		switch {
		case r >= privateBytes && r < privateBytes+256:
			b.WriteByte(byte(r - privateBytes))
		case r == utf8.RuneError && !strings.HasPrefix(word[i:], string(utf8.RuneError)):
			b.WriteByte(word[i])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func (s *shell) expanded(err error) bool {
	if err == nil {
		return true
	}
	s.complain("%v", err)
	s.status = 2
	s.jump = jump{kind: jumpExit}
	return false
}

// assign carries out assignments and returns what to put back for those that
// are for one command only.
func (s *shell) assign(all []*syntax.Assign) (restore func(), ok bool) {
	if len(all) == 0 {
		return func() {}, true
	}
	old := map[string]variable{}
	had := map[string]bool{}
	for _, a := range all {
		value, ok := s.literal(a.Value)
		if !ok {
			return func() {}, false
		}
		name := a.Name.Value
		if _, seen := old[name]; !seen {
			old[name], had[name] = s.vars[name], false
			if _, set := s.vars[name]; set {
				had[name] = true
			}
		}
		s.set(name, value)
	}
	return func() {
		for name, v := range old {
			if had[name] {
				s.set(name, v.value)
			} else {
				delete(s.vars, name)
			}
		}
	}, true
}

// readFields splits a line that read has read.
func (s *shell) readFields(line string, names []string, raw bool) {
	parts := expand.ReadFields(s.config(), line, len(names), raw)
	for i, name := range names {
		value := ""
		if i < len(parts) {
			value = parts[i]
		}
		s.set(name, value)
	}
}
