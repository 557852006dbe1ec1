package dash

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"liftalot/testenv/sim/machine"
)

// specials are the built-in commands whose assignments last and whose errors
// end the shell.
var specials = []string{":", ".", "break", "continue", "eval", "exec", "exit", "export", "return", "set", "shift", "trap", "unset"}

// call runs a simple command. With over it takes the process over when it is
// not built in.
func (s *shell) call(c *syntax.CallExpr, redirs []*syntax.Redirect, over bool) {
	s.subst = 0
	args, ok := s.fields(c.Args...)
	if !ok {
		return
	}
	if len(args) == 0 {
		undo, ok := s.redirect(redirs)
		undo()
		if !ok {
			s.status = 2
			return
		}
		if _, ok = s.assign(c.Assigns); ok { // which may still want $?
			s.status = s.subst
		}
		return
	}
	if args[0] == "exec" && s.funcs["exec"] == nil {
		s.exec(args[1:], c.Assigns, redirs)
		return
	}
	undo, ok := s.redirect(redirs)
	defer undo()
	if !ok {
		s.status = 2
		if slices.Contains(specials, args[0]) {
			s.jump = jump{kind: jumpExit}
		}
		return
	}
	restore, ok := s.assign(c.Assigns)
	if !ok {
		return
	}
	if !slices.Contains(specials, args[0]) || len(c.Assigns) == 0 {
		defer restore()
	}
	if body := s.funcs[args[0]]; body != nil {
		s.function(body, args[1:])
		return
	}
	if run, ok := builtin(args[0]); ok {
		s.status = run(s, args)
		return
	}
	s.external(args, c.Assigns, over)
}

func (s *shell) function(body *syntax.Stmt, args []string) {
	params, loops := s.params, s.loops
	s.params, s.loops = args, 0
	s.stmt(body)
	s.params, s.loops = params, loops
	if s.jump.kind == jumpReturn {
		s.jump = jump{}
	}
}

// external runs a program.
func (s *shell) external(args []string, assigns []*syntax.Assign, over bool) {
	file, ok := s.p.Find(args[0])
	if _, err := s.p.Stat(args[0]); !ok && strings.Contains(args[0], "/") && err == nil {
		s.complain("1: %s: Permission denied", args[0])
		s.status = 126
		return
	}
	if !ok {
		if s.p.OnHost() && !strings.Contains(args[0], "/") {
			s.unsimulated("the command %s", args[0]) // a container may well lack it
		}
		s.complain("1: %s: not found", args[0])
		s.status = 127
		return
	}
	run, ok := s.p.Program(file)
	if !ok {
		s.complain("1: %s: Exec format error", args[0])
		s.status = 126
		return
	}
	env := func(p *machine.Proc) {
		p.Name = args[0]
		for _, a := range assigns {
			p.Env[a.Name.Value] = s.vars[a.Name.Value].value
		}
		for name := range s.traps { // caught signals are not inherited by an exec
			if sig, ok := machine.ParseSignal(name); ok && s.traps[name] != "" {
				p.Default(sig)
			}
		}
	}
	if over {
		env(s.p)
		s.status = run(s.p, args)
		return
	}
	child := s.p.Start(args[0], func(p *machine.Proc) int {
		env(p)
		return run(p, args)
	})
	s.wait(child)
}

// exec changes the shell's own descriptors, or gives the process to a program.
func (s *shell) exec(args []string, assigns []*syntax.Assign, redirs []*syntax.Redirect) {
	before, ok := s.replace(redirs)
	for _, b := range before {
		s.p.Drop(b.file)
	}
	if !ok {
		s.status = 2
		s.jump = jump{kind: jumpExit}
		return
	}
	if len(args) == 0 {
		s.status = 0
		return
	}
	if _, ok := s.assign(assigns); !ok {
		return
	}
	s.external(args, assigns, true)
	delete(s.traps, "EXIT")
	s.jump = jump{kind: jumpExit}
}

// A replaced is what was at a descriptor before a redirection.
type replaced struct {
	fd   int
	file *machine.File
}

// redirect changes descriptors and returns how to put them back.
func (s *shell) redirect(all []*syntax.Redirect) (undo func(), ok bool) {
	before, ok := s.replace(all)
	return func() {
		for _, b := range slices.Backward(before) {
			s.p.Drop(s.p.Replace(b.fd, b.file))
		}
	}, ok
}

func (s *shell) replace(all []*syntax.Redirect) (before []replaced, ok bool) {
	for _, r := range all {
		fd, f, err := s.open(r)
		if err != nil {
			if s.jump.kind == noJump {
				s.complain("1: %v", err)
			}
			return before, false
		}
		before = append(before, replaced{fd, s.p.Replace(fd, f)})
	}
	return before, true
}

// open makes the open file of one redirection; nil closes the descriptor.
func (s *shell) open(r *syntax.Redirect) (fd int, f *machine.File, err error) {
	fd = 1
	switch r.Op {
	case syntax.RdrIn, syntax.DplIn, syntax.Hdoc:
		fd = 0
	}
	if r.N != nil {
		fd, _ = strconv.Atoi(r.N.Value)
	}
	if r.Op == syntax.Hdoc {
		text, ok := s.document(r)
		if !ok {
			return fd, nil, errors.New("here-document")
		}
		rd, w := machine.Pipe()
		tmp := s.p.Install(w, 10)
		_, err := s.p.WriteFD(tmp, []byte(text))
		s.p.Close(tmp)
		return fd, rd, err
	}
	word, ok := s.literal(r.Word)
	if !ok {
		return fd, nil, errors.New("bad word")
	}
	if r.Op == syntax.DplIn || r.Op == syntax.DplOut {
		if word == "-" {
			return fd, nil, nil
		}
		from, err := strconv.Atoi(word)
		if err != nil || s.p.File(from) == nil {
			return fd, nil, fmt.Errorf("%s: Bad file descriptor", word)
		}
		return fd, s.p.File(from).Share(), nil
	}
	var flags int
	switch r.Op {
	case syntax.RdrIn:
		flags = machine.Read
	case syntax.RdrOut:
		flags = machine.Write | machine.Create | machine.Trunc
	case syntax.AppOut:
		flags = machine.Append | machine.Create
	default:
		s.unsimulated("the redirection %s", r.Op)
		return fd, nil, fmt.Errorf("redirection %s", r.Op)
	}
	if r.Op == syntax.RdrOut && s.noclobber {
		if n, err := s.p.Stat(word); err != nil || n.IsFile() {
			flags |= machine.Excl
		}
	}
	tmp, err := s.p.Open(word, flags, 0o666, 10)
	if err != nil {
		what := "cannot create"
		if flags&machine.Read != 0 {
			what = "cannot open"
		}
		return fd, nil, fmt.Errorf("%s %s: %s", what, word, Reason(err))
	}
	return fd, s.p.Replace(tmp, nil), nil
}

func (s *shell) document(r *syntax.Redirect) (string, bool) {
	var text string
	ok := true
	if r.Hdoc != nil {
		var err error
		text, err = expand.Document(s.config(), r.Hdoc)
		text, ok = shown(text), s.expanded(err)
	}
	return text, ok
}

// Reason is an error in the words of libc.
func Reason(err error) string {
	var no syscall.Errno
	if !errors.As(err, &no) {
		return err.Error()
	}
	text := no.Error()
	return string(text[0]-'a'+'A') + text[1:]
}
