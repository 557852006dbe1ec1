package tools

import (
	"regexp"
	"strconv"
	"strings"
)

// A sedCommand is one command of a program, for lines from an address on to another.
type sedCommand struct {
	from, to *sedAddress // nil is every line; to alone is never set
	verb     byte        // s, p or d
	rx       *regexp.Regexp
	with     string
	global   bool
	print    bool

	within bool
}

// A sedAddress is a line by its number or by what it looks like.
type sedAddress struct {
	line int
	rx   *regexp.Regexp
}

func (a *sedAddress) is(n int, line string) bool {
	if a.rx != nil {
		return a.rx.MatchString(line)
	}
	return n == a.line
}

// applies reports whether a command is for a line.
func (s *sedCommand) applies(n int, line string) bool {
	switch {
	case s.from == nil:
		return true
	case s.to == nil:
		return s.from.is(n, line)
	case s.within:
		s.within = !s.to.is(n, line)
		return true
	case s.from.is(n, line):
		s.within = true
		return true
	}
	return false
}

// sed is the commands s, p and d, with a line, a pattern or a range of them before them,
// in one program or several behind -e, with or without -n.
func sed(c *call) int {
	quiet, programs := false, []string{}
	for len(c.args) > 0 && strings.HasPrefix(c.args[0], "-") {
		switch {
		case c.args[0] == "-n":
			quiet = true
		case c.args[0] == "-e" && len(c.args) > 1:
			programs = append(programs, c.args[1])
			c.args = c.args[1:]
		default:
			return c.unknown()
		}
		c.args = c.args[1:]
	}
	if len(programs) == 0 {
		if len(c.args) == 0 {
			return c.unknown()
		}
		programs, c.args = c.args[:1], c.args[1:]
	}
	var all []*sedCommand
	for _, p := range programs {
		for one := range strings.SplitSeq(p, "; ") {
			command, ok := parseSed(one)
			if !ok {
				return c.Unsimulated("sed", "program %q", p)
			}
			all = append(all, command)
		}
	}
	n := 0
	status := c.lines(func(l string) (string, bool) {
		n++
		show := !quiet
		for _, s := range all {
			if !s.applies(n, l) {
				continue
			}
			switch s.verb {
			case 'd':
				return "", false
			case 'p':
				show = true
			case 's':
				var changed bool
				if l, changed = s.replace(l); changed && s.print {
					show = true
				}
			}
		}
		return l, show
	})
	return 2 * status // for a file that is not there
}

func (s *sedCommand) replace(l string) (string, bool) {
	at := s.rx.FindStringSubmatchIndex(l)
	switch {
	case at == nil:
		return l, false
	case s.global:
		return s.rx.ReplaceAllString(l, s.with), true
	}
	return l[:at[0]] + string(s.rx.ExpandString(nil, s.with, l, at)) + l[at[1]:], true
}

// parseSed reads one command. A "p" on a line that is shown anyway would show it twice:
// that is not simulated, and nobody asks for it.
func parseSed(prog string) (*sedCommand, bool) {
	s := &sedCommand{}
	var ok bool
	if s.from, prog, ok = sedAddressed(prog); !ok {
		return nil, false
	}
	if rest, ranged := strings.CutPrefix(prog, ","); ranged {
		if s.to, prog, ok = sedAddressed(rest); !ok || s.to == nil {
			return nil, false
		}
	}
	if prog == "p" || prog == "d" {
		s.verb = prog[0]
		return s, true
	}
	parts := splitSed(prog)
	if len(parts) != 4 || parts[0] != "s" || strings.Trim(parts[3], "gp") != "" {
		return nil, false
	}
	rx, err := regexp.Compile(basic(parts[1]))
	if err != nil {
		return nil, false
	}
	s.verb, s.rx = 's', rx
	s.with = strings.NewReplacer(`$`, `$$`, `\1`, `${1}`, `\2`, `${2}`, `\n`, "\n", `\\`, `\`, `\&`, `&`, `&`, `${0}`, `\`, ``).Replace(parts[2])
	s.global, s.print = strings.Contains(parts[3], "g"), strings.Contains(parts[3], "p")
	return s, true
}

// sedAddressed takes an address from the front, if there is one.
func sedAddressed(prog string) (*sedAddress, string, bool) {
	end := 0
	for end < len(prog) && prog[end] >= '0' && prog[end] <= '9' {
		end++
	}
	if n, err := strconv.Atoi(prog[:end]); err == nil {
		return &sedAddress{line: n}, prog[end:], true
	}
	if !strings.HasPrefix(prog, "/") {
		return nil, prog, true
	}
	pattern, rest, ok := strings.Cut(prog[1:], "/")
	if !ok {
		return nil, prog, false
	}
	rx, err := regexp.Compile(basic(pattern))
	return &sedAddress{rx: rx}, rest, err == nil
}

func splitSed(prog string) []string {
	if len(prog) < 2 {
		return nil
	}
	sep := prog[1]
	parts := []string{prog[:1], ""}
	for i := 2; i < len(prog); i++ {
		switch {
		case prog[i] == '\\' && i+1 < len(prog) && prog[i+1] == sep:
			parts[len(parts)-1] += string(sep)
			i++
		case prog[i] == '\\' && i+1 < len(prog):
			parts[len(parts)-1] += prog[i : i+2]
			i++
		case prog[i] == sep:
			parts = append(parts, "")
		default:
			parts[len(parts)-1] += prog[i : i+1]
		}
	}
	return parts
}
