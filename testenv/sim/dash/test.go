package dash

import (
	"io"
	"strconv"
	"strings"
)

func (s *shell) bracket(args []string) int {
	if args[len(args)-1] != "]" {
		s.complain("1: [: missing ]")
		return 2
	}
	return s.test(args[:len(args)-1])
}

// test is the command of that name, by the number of its arguments as POSIX has
// it, with -a and -o between.
func (s *shell) test(args []string) int {
	args = args[1:]
	for _, op := range []string{"-o", "-a"} {
		for i := 1; i < len(args)-1 && len(args) > 3; i++ {
			if args[i] != op {
				continue
			}
			left, right := s.test(append([]string{"test"}, args[:i]...)), s.test(append([]string{"test"}, args[i+1:]...))
			if op == "-o" && (left == 0 || right == 0) || op == "-a" && left == 0 && right == 0 {
				return 0
			}
			return 1
		}
	}
	ok, valid := s.judge(args)
	switch {
	case !valid:
		s.complain("1: [: unexpected operator")
		return 2
	case ok:
		return 0
	}
	return 1
}

func (s *shell) judge(args []string) (ok, valid bool) {
	switch {
	case len(args) == 0:
		return false, true
	case len(args) == 3 && args[0] != "!" || len(args) == 3 && isBinary(args[1]):
		return s.compare(args[0], args[1], args[2])
	case args[0] == "!" && len(args) > 1:
		ok, valid = s.judge(args[1:])
		return !ok, valid
	case len(args) == 1:
		return args[0] != "", true
	case len(args) == 2:
		return s.unary(args[0], args[1])
	}
	return false, false
}

func isBinary(op string) bool {
	switch op {
	case "=", "!=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge":
		return true
	}
	return false
}

func (s *shell) compare(a, op, b string) (ok, valid bool) {
	switch op {
	case "=":
		return a == b, true
	case "!=":
		return a != b, true
	}
	if !isBinary(op) {
		s.unsimulated("the test operator %q", op)
		return false, false
	}
	x, err1 := strconv.ParseInt(strings.TrimSpace(a), 10, 64)
	y, err2 := strconv.ParseInt(strings.TrimSpace(b), 10, 64)
	if err1 != nil || err2 != nil {
		return false, false
	}
	switch op {
	case "-eq":
		return x == y, true
	case "-ne":
		return x != y, true
	case "-lt":
		return x < y, true
	case "-le":
		return x <= y, true
	case "-gt":
		return x > y, true
	case "-ge":
		return x >= y, true
	}
	return false, false
}

func (s *shell) unary(op, arg string) (ok, valid bool) {
	switch op {
	case "-n":
		return arg != "", true
	case "-z":
		return arg == "", true
	case "-t", "-S":
		return false, true // nothing here has a terminal or a socket
	case "-L", "-h":
		n, err := s.p.Lstat(arg)
		return err == nil && n.IsLink(), true
	case "-r":
		return s.p.Access(arg, 4), true
	case "-w":
		return s.p.Access(arg, 2), true
	case "-x":
		return s.p.Access(arg, 1), true
	}
	n, err := s.p.Stat(arg)
	switch op {
	case "-e":
		return err == nil, true
	case "-f":
		return err == nil && n.IsFile(), true
	case "-d":
		return err == nil && n.IsDir(), true
	case "-p":
		return err == nil && n.IsPipe(), true
	case "-s":
		return err == nil && n.Size() > 0, true
	}
	s.unsimulated("the test operator %q", op)
	return false, false
}

// echo is dash's, which gives backslashes their meaning.
func (s *shell) echo(args []string) int {
	args = args[1:]
	end := "\n"
	if len(args) > 0 && args[0] == "-n" {
		args, end = args[1:], ""
	}
	text, stop := unescape(strings.Join(args, " "), true)
	if stop {
		end = ""
	}
	return s.say(text + end)
}

func (s *shell) say(text string) int {
	if _, err := io.WriteString(s.p.Stdout(), text); err != nil {
		s.complain("1: echo: I/O error")
		return 1
	}
	return 0
}

// unescape gives backslashes their meaning; \c, for echo, ends the output.
func unescape(text string, echo bool) (out string, stop bool) {
	if !strings.Contains(text, `\`) {
		return text, false
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		switch c := text[i]; c {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case '\\':
			b.WriteByte('\\')
		case 'c':
			if echo {
				return b.String(), true
			}
			b.WriteString(`\c`)
		case '0', '1', '2', '3', '4', '5', '6', '7':
			j := i
			if echo && c == '0' {
				j++
			}
			end := j
			for end < len(text) && end < j+3 && text[end] >= '0' && text[end] <= '7' {
				end++
			}
			n, _ := strconv.ParseUint("0"+text[j:end], 8, 16)
			b.WriteByte(byte(n))
			i = end - 1
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
	return b.String(), false
}

// printf writes its format again for as long as there are arguments.
func (s *shell) printf(args []string) int {
	if len(args) > 1 && args[1] == "--" {
		args = append(args[:1:1], args[2:]...)
	}
	if len(args) < 2 {
		s.complain("1: printf: usage: printf format [arg ...]")
		return 2
	}
	format, _ := unescape(args[1], false)
	args = args[2:]
	var b strings.Builder
	for {
		used := s.format(&b, format, &args)
		if len(args) == 0 || !used {
			break
		}
	}
	return s.say(b.String())
}

// format writes the format once and says whether it took an argument.
func (s *shell) format(b *strings.Builder, format string, args *[]string) (used bool) {
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		end := i + 1
		for end < len(format) && strings.IndexByte("-+ 0#.123456789", format[end]) >= 0 {
			end++
		}
		if end == len(format) {
			b.WriteString(format[i:])
			return used
		}
		spec, verb := format[i+1:end], format[end]
		i = end
		if verb == '%' {
			b.WriteByte('%')
			continue
		}
		arg := ""
		used = true
		if len(*args) > 0 {
			arg, *args = (*args)[0], (*args)[1:]
		}
		if !strings.ContainsRune("sdcb", rune(verb)) || strings.Trim(spec, "-0123456789.") != "" {
			s.unsimulated("printf format %q", format)
		}
		b.WriteString(pad(spec, verb, arg))
	}
	return used
}

func pad(spec string, verb byte, arg string) string {
	widthText, precision, hasPrecision := strings.Cut(spec, ".")
	left := strings.HasPrefix(widthText, "-")
	zeros := strings.HasPrefix(widthText, "0")
	width, _ := strconv.Atoi(strings.TrimLeft(widthText, "-+ #0"))
	switch verb {
	case 'd':
		n, _ := strconv.ParseInt(arg, 0, 64)
		arg = strconv.FormatInt(n, 10)
	case 'c':
		arg = arg[:min(1, len(arg))]
	case 'b':
		arg, _ = unescape(arg, true)
	}
	if n, err := strconv.Atoi(precision); hasPrecision && err == nil && verb == 's' {
		arg = arg[:min(n, len(arg))]
	}
	fill := strings.Repeat(" ", max(0, width-len(arg)))
	switch {
	case left:
		return arg + fill
	case zeros && verb != 's':
		return strings.Repeat("0", len(fill)) + arg
	}
	return fill + arg
}
