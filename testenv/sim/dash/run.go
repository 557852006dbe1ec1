package dash

import (
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/pattern"
	"mvdan.cc/sh/v3/syntax"

	"regexp"

	"liftalot/testenv/sim/machine"
)

// stmts runs statements until one of them jumps.
func (s *shell) stmts(all []*syntax.Stmt) {
	for _, st := range all {
		s.stmt(st)
		s.interrupted()
		if s.jump.kind != noJump {
			return
		}
	}
}

// last runs the statements of a subshell. A single command takes the process
// over, as if by exec.
func (s *shell) last(all []*syntax.Stmt) {
	if len(all) == 1 && !all[0].Background && !all[0].Negated {
		switch cmd := all[0].Cmd.(type) {
		case *syntax.CallExpr:
			if len(s.traps) == 0 {
				s.call(cmd, all[0].Redirs, true)
				return
			}
		case *syntax.Subshell: // one process is enough for both
			before, ok := s.replace(all[0].Redirs)
			for _, b := range before {
				s.p.Drop(b.file) // or a pipe that was left would never be at its end
			}
			if !ok {
				s.status = 2
				return
			}
			s.last(cmd.Stmts)
			return
		}
	}
	s.stmts(all)
}

func (s *shell) stmt(st *syntax.Stmt) {
	if s.steps++; s.steps%256 == 0 {
		s.p.Yield() // a loop must not keep the others from the processor for ever
	}
	if st.Background {
		s.start(st)
		return
	}
	if st.Negated {
		s.guarded++
	}
	switch cmd := st.Cmd.(type) {
	case *syntax.CallExpr:
		s.call(cmd, st.Redirs, false)
	default:
		s.compound(cmd, st.Redirs)
	}
	if st.Negated {
		s.guarded--
		s.status = not(s.status)
	} else {
		s.checkErrexit(st.Cmd)
	}
}

func (s *shell) compound(cmd syntax.Command, redirs []*syntax.Redirect) {
	undo, ok := s.redirect(redirs)
	defer undo()
	if !ok {
		s.status = 2
		return
	}
	s.command(cmd)
}

func not(status int) int {
	if status == 0 {
		return 1
	}
	return 0
}

// checkErrexit ends the shell after a failure under set -e. Lists judge their
// own last command.
func (s *shell) checkErrexit(cmd syntax.Command) {
	if s.status == 0 || !s.errexit || s.guarded > 0 || s.jump.kind != noJump {
		return
	}
	switch c := cmd.(type) {
	case *syntax.CallExpr, *syntax.Subshell:
	case *syntax.BinaryCmd:
		if c.Op != syntax.Pipe {
			return
		}
	default:
		return
	}
	s.jump = jump{kind: jumpExit}
}

// start runs a statement in the background.
func (s *shell) start(st *syntax.Stmt) {
	fg := *st
	fg.Background = false
	child := s.spawn(func(c *shell) {
		if fd, err := c.p.Open("/dev/null", machine.Read, 0, 10); err == nil {
			_ = c.p.Dup(fd, 0)
			c.p.Close(fd)
		}
		c.p.Ignore(machine.SIGINT)
		c.p.Ignore(machine.SIGQUIT)
		c.last([]*syntax.Stmt{&fg})
	})
	s.background = child.PID
	s.jobs = append(s.jobs, child)
	s.status = 0
	s.p.Yield()
}

func (s *shell) command(cmd syntax.Command) {
	switch c := cmd.(type) {
	case nil:
		s.status = 0
	case *syntax.Block:
		s.stmts(c.Stmts)
	case *syntax.Subshell:
		s.wait(s.spawn(func(sub *shell) { sub.last(c.Stmts) }))
	case *syntax.BinaryCmd:
		s.binary(c)
	case *syntax.IfClause:
		s.ifClause(c)
	case *syntax.WhileClause:
		s.while(c)
	case *syntax.ForClause:
		s.forClause(c)
	case *syntax.CaseClause:
		s.caseClause(c)
	case *syntax.FuncDecl:
		s.funcs[c.Name.Value] = c.Body
		s.status = 0
	default:
		s.status = s.unsimulated("%T", c)
	}
}

func (s *shell) wait(child *machine.Proc) { s.status, _ = s.p.Await(child, false) }

func (s *shell) binary(c *syntax.BinaryCmd) {
	if c.Op == syntax.Pipe {
		s.pipeline(c)
		return
	}
	s.guarded++
	s.stmt(c.X)
	s.guarded--
	s.interrupted()
	if s.jump.kind != noJump || (s.status == 0) != (c.Op == syntax.AndStmt) {
		return
	}
	s.stmt(c.Y)
}

// pipeline runs its commands at the same time, the last one too in a process of
// its own.
func (s *shell) pipeline(c *syntax.BinaryCmd) {
	var stmts []*syntax.Stmt
	for x := c; ; {
		stmts = append([]*syntax.Stmt{x.Y}, stmts...)
		if left, ok := x.X.Cmd.(*syntax.BinaryCmd); ok && left.Op == syntax.Pipe && len(x.X.Redirs) == 0 {
			x = left
			continue
		}
		stmts = append([]*syntax.Stmt{x.X}, stmts...)
		break
	}
	var children []*machine.Proc
	var in *machine.File
	for i, st := range stmts {
		oldIn, oldOut := s.p.File(0), s.p.File(1)
		var next *machine.File
		if in != nil {
			s.p.Replace(0, in)
		}
		if i < len(stmts)-1 {
			r, w := machine.Pipe()
			next = r
			s.p.Replace(1, w)
		}
		// The reading end must not live on in this child, or nobody would be
		// told when the reader is gone: it is in no descriptor yet.
		children = append(children, s.spawn(func(sub *shell) { sub.last([]*syntax.Stmt{st}) }))
		if in != nil {
			s.p.Drop(s.p.Replace(0, oldIn))
		}
		if next != nil {
			s.p.Drop(s.p.Replace(1, oldOut))
		}
		in = next
	}
	for _, child := range children {
		s.wait(child)
	}
}

func (s *shell) ifClause(c *syntax.IfClause) {
	for ; c != nil; c = c.Else {
		if len(c.Cond) > 0 {
			if !s.condition(c.Cond) {
				if s.jump.kind != noJump {
					return
				}
				continue
			}
		}
		s.stmts(c.Then)
		return
	}
	s.status = 0
}

func (s *shell) condition(stmts []*syntax.Stmt) bool {
	s.guarded++
	s.stmts(stmts)
	s.guarded--
	return s.status == 0 && s.jump.kind == noJump
}

func (s *shell) while(c *syntax.WhileClause) {
	s.loops++
	defer func() { s.loops-- }()
	status := 0
	for {
		ok := s.condition(c.Cond)
		if s.jump.kind != noJump {
			if s.leave() {
				return
			}
			continue
		}
		if ok == c.Until {
			break
		}
		s.stmts(c.Do)
		status = s.status
		if s.jump.kind != noJump && s.leave() {
			return
		}
	}
	s.status = status
}

// leave handles a jump inside a loop's body and says whether the loop ends.
func (s *shell) leave() bool {
	switch s.jump.kind {
	case jumpBreak, jumpContinue:
		if s.jump.depth > 1 && s.loops > 1 {
			s.jump.depth--
			return true
		}
		again := s.jump.kind == jumpContinue
		s.jump = jump{}
		return !again
	}
	return true
}

func (s *shell) forClause(c *syntax.ForClause) {
	iter := c.Loop.(*syntax.WordIter) // POSIX has no other
	var ok bool
	items := append([]string(nil), s.params...)
	if iter.InPos.IsValid() {
		if items, ok = s.fields(iter.Items...); !ok {
			return
		}
	}
	s.loops++
	defer func() { s.loops-- }()
	s.status = 0
	for _, item := range items {
		s.set(iter.Name.Value, item)
		s.stmts(c.Do)
		if s.jump.kind != noJump && s.leave() {
			return
		}
	}
}

func (s *shell) caseClause(c *syntax.CaseClause) {
	word, ok := s.literal(c.Word)
	if !ok {
		return
	}
	s.status = 0
	for _, item := range c.Items {
		for _, pat := range item.Patterns {
			text, err := expand.Pattern(s.config(), pat)
			if !s.expanded(err) {
				return
			}
			if matches(text, word) {
				s.stmts(item.Stmts)
				return
			}
		}
	}
}

func matches(pat, word string) bool {
	expr, err := pattern.Regexp(pat, pattern.EntireString)
	if err != nil {
		return pat == word
	}
	rx, err := regexp.Compile(expr)
	return err == nil && rx.MatchString(word)
}
