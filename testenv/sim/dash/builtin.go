package dash

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"liftalot/testenv/sim/machine"
)

// builtin finds a built-in command. It is no table, because some of them run
// others and such a table would need itself to be made.
func builtin(name string) (run func(s *shell, args []string) int, ok bool) {
	switch name {
	case ":", "true":
		return (*shell).yes, true
	case "false":
		return (*shell).no, true
	case "[":
		return (*shell).bracket, true
	case "test":
		return (*shell).test, true
	case "echo":
		return (*shell).echo, true
	case "printf":
		return (*shell).printf, true
	case "read":
		return (*shell).read, true
	case "cd":
		return (*shell).cd, true
	case "pwd":
		return (*shell).pwd, true
	case "set":
		return (*shell).setOptions, true
	case "shift":
		return (*shell).shift, true
	case "unset":
		return (*shell).unset, true
	case "export":
		return (*shell).export, true
	case "umask":
		return (*shell).umask, true
	case "trap":
		return (*shell).trap, true
	case "wait":
		return (*shell).waitFor, true
	case "kill":
		return (*shell).kill, true
	case "command":
		return (*shell).commandV, true
	case "eval":
		return (*shell).evalArgs, true
	case "exit":
		return (*shell).exit, true
	case "return":
		return (*shell).returns, true
	case "break", "continue":
		return (*shell).breaks, true
	}
	return nil, false
}

func (s *shell) yes([]string) int { return 0 }

func (s *shell) no([]string) int { return 1 }

func (s *shell) evalArgs(args []string) int {
	s.status = 0
	s.eval(strings.Join(args[1:], " "))
	return s.status
}

func (s *shell) cd(args []string) int {
	args = slices.DeleteFunc(slices.Clone(args[1:]), func(a string) bool { return a == "--" })
	if len(args) != 1 || strings.HasPrefix(args[0], "-") {
		return s.unsimulated("cd %q", args)
	}
	to := args[0]
	n, err := s.p.Stat(to)
	if err != nil || !n.IsDir() {
		s.complain("1: cd: can't cd to %s", to)
		return 2
	}
	s.p.Cwd, _ = s.p.RealPath(to)
	return 0
}

func (s *shell) pwd([]string) int {
	_, _ = io.WriteString(s.p.Stdout(), s.p.Cwd+"\n")
	return 0
}

func (s *shell) setOptions(args []string) int {
	for i := 1; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			s.params = args[i+1:]
			return 0
		}
		if len(a) < 2 || a[0] != '-' && a[0] != '+' {
			s.params = args[i:]
			return 0
		}
		for _, c := range a[1:] {
			on := a[0] == '-'
			switch c {
			case 'e':
				s.errexit = on
			case 'u':
				s.nounset = on
			case 'f':
				s.noglob = on
			case 'C':
				s.noclobber = on
			default:
				return s.unsimulated("set -%c", c)
			}
		}
	}
	return 0
}

func (s *shell) shift(args []string) int {
	n := 1
	if len(args) > 1 {
		n, _ = strconv.Atoi(args[1])
	}
	if n > len(s.params) {
		s.complain("1: shift: can't shift that many")
		s.jump = jump{kind: jumpExit}
		return 2
	}
	s.params = s.params[n:]
	return 0
}

func (s *shell) unset(args []string) int {
	for _, name := range args[1:] {
		if strings.HasPrefix(name, "-") {
			return s.unsimulated("unset %s", name)
		}
		delete(s.vars, name)
		delete(s.p.Env, name)
	}
	return 0
}

func (s *shell) export(args []string) int {
	for _, a := range args[1:] {
		if strings.HasPrefix(a, "-") {
			return s.unsimulated("export %s", a)
		}
		name, value, set := strings.Cut(a, "=")
		if set {
			s.set(name, value)
		}
		v := s.vars[name]
		v.exported = true
		s.vars[name] = v
		s.p.Env[name] = v.value
	}
	return 0
}

func (s *shell) umask(args []string) int {
	if len(args) == 1 {
		return s.say(fmt.Sprintf("%04o\n", s.p.Umask))
	}
	n, err := strconv.ParseUint(strings.Join(args[1:], " "), 8, 32)
	if err != nil {
		return s.unsimulated("%q", args)
	}
	s.p.Umask = uint32(n)
	return 0
}

func (s *shell) trap(args []string) int {
	if len(args) < 3 {
		return s.unsimulated("%q", args)
	}
	action := args[1]
	for _, name := range args[2:] {
		name = strings.TrimPrefix(name, "SIG")
		if name == "0" {
			name = "EXIT"
		}
		if name == "EXIT" {
			s.traps[name] = action
			if action == "-" || action == "" {
				delete(s.traps, name)
			}
			continue
		}
		sig, ok := machine.ParseSignal(name)
		if !ok || sig == 0 {
			s.complain("1: trap: %s: bad trap", name)
			return 1
		}
		s.traps[name] = action
		switch action {
		case "-":
			delete(s.traps, name)
			s.p.Default(sig)
		case "":
			s.p.Ignore(sig)
		default:
			s.p.Catch(sig)
		}
	}
	return 0
}

// waitFor is wait: for one process of ours, or for all of them.
func (s *shell) waitFor(args []string) int {
	jobs := s.jobs
	if len(args) > 2 {
		return s.unsimulated("%q", args)
	}
	if len(args) > 1 {
		pid, _ := strconv.Atoi(args[1])
		i := slices.IndexFunc(s.jobs, func(p *machine.Proc) bool { return p.PID == pid })
		if i < 0 {
			return 127
		}
		jobs = s.jobs[i : i+1]
	}
	status := 0
	for _, job := range jobs {
		got, ok := s.p.Await(job, true)
		if !ok {
			return 128 + int(machine.SIGTERM)
		}
		if len(args) > 1 {
			status = got
		}
	}
	return status
}

func (s *shell) kill(args []string) int {
	sig := machine.SIGTERM
	args = args[1:]
	if len(args) > 0 && args[0] == "-s" && len(args) > 1 {
		args = append([]string{"-" + args[1]}, args[2:]...)
	}
	if len(args) > 1 && strings.HasPrefix(args[0], "-") {
		got, ok := machine.ParseSignal(args[0][1:])
		if !ok {
			s.complain("1: kill: Illegal signal %s", args[0])
			return 2
		}
		sig, args = got, args[1:]
	}
	status := 0
	for _, a := range args {
		pid, err := strconv.Atoi(a)
		if err != nil {
			s.complain("1: kill: Illegal number: %s", a)
			return 2
		}
		if !s.p.Kill(pid, sig) {
			s.complain("1: kill: No such process")
			status = 1
		}
	}
	return status
}

// commandV is command -v NAME.
func (s *shell) commandV(args []string) int {
	if len(args) < 3 || args[1] != "-v" {
		return s.unsimulated("%q", args)
	}
	status := 127
	for _, name := range args[2:] {
		if _, ok := builtin(name); ok || s.funcs[name] != nil {
			_, _ = io.WriteString(s.p.Stdout(), name+"\n")
			status = 0
		} else if file, ok := s.p.Find(name); ok {
			_, _ = io.WriteString(s.p.Stdout(), file+"\n")
			status = 0
		}
	}
	return status
}

func (s *shell) exit(args []string) int {
	s.jump = jump{kind: jumpExit}
	return s.argument(args, s.status)
}

func (s *shell) returns(args []string) int {
	s.jump = jump{kind: jumpReturn}
	return s.argument(args, s.status)
}

func (s *shell) argument(args []string, otherwise int) int {
	if len(args) > 1 {
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return 2
		}
		return n & 0xff
	}
	return otherwise
}

func (s *shell) breaks(args []string) int {
	kind := jumpBreak
	if args[0] == "continue" {
		kind = jumpContinue
	}
	if s.loops > 0 {
		s.jump = jump{kind: kind, depth: max(1, s.argument(args, 1))}
	}
	return 0
}

// read reads a line byte by byte, so that the next reader finds the rest.
func (s *shell) read(args []string) int {
	raw := false
	args = args[1:]
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if args[0] != "-r" {
			return s.unsimulated("read %s", args[0])
		}
		raw, args = true, args[1:]
	}
	var line []byte
	b := make([]byte, 1)
	status := 0
	for {
		n, err := s.p.ReadFD(0, b)
		if n == 0 && err != nil {
			if err == io.EOF {
				status = 1
				break
			}
			s.interrupted()
			if s.jump.kind != noJump {
				return s.status
			}
			if s.p.File(0) == nil {
				status = 1
				break
			}
			continue
		}
		if b[0] == '\n' {
			break
		}
		line = append(line, b[0])
	}
	for _, name := range args {
		if !syntax.ValidName(name) {
			s.complain("1: read: %s: bad variable name", name)
			return 2
		}
	}
	s.readFields(string(line), args, raw)
	return status
}
