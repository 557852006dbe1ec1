// Package dash is the /bin/sh of a simulated machine: POSIX sh, as much of it
// as scripts meet, with real processes behind it.
//
// Reading and word expansion are those of mvdan.cc/sh. Its interpreter is not
// used, because it is one process with three descriptors: what the scripts on
// trial do with descriptors 8 and 9, with signals in traps, with $!, wait and
// umask, is exactly what it leaves out.
//
// Built-in commands, options and operators that it does not know are noted with
// [machine.Proc.Unsimulated].
//
// [Parser.Program] is the shell as a program of a machine. Subshells, pipelines
// and commands in the background are processes of the machine; a command that
// is not built in is looked up along PATH.
package dash

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"liftalot/testenv/sim/machine"
)

// A Parser reads scripts and keeps the newest, so that most are read only once. It
// may be shared by machines.
type Parser struct {
	mu   sync.Mutex
	read map[string]parsed
}

type parsed struct {
	file *syntax.File
	err  error
}

func (c *Parser) parse(script string) (*syntax.File, error) {
	c.mu.Lock()
	got, ok := c.read[script]
	c.mu.Unlock()
	if ok {
		return got.file, got.err
	}
	file, err := parse(script)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read == nil {
		c.read = map[string]parsed{}
	}
	// Ours are some forty; those that a run writes with its own values in them would
	// fill the memory of whoever tries thousands of runs.
	const most = 96
	if len(c.read) == most {
		clear(c.read)
	}
	c.read[script] = parsed{file, err}
	return file, err
}

func parse(script string) (*syntax.File, error) {
	return syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(hidden(script)), "sh")
}

// Login is "sh -c COMMAND" for a command that came over the network. Every one is
// another, and none is kept.
func (c *Parser) Login(p *machine.Proc, command string) int {
	file, err := parse(command)
	return c.run(p, file, err, "sh", nil)
}

// Program is "sh -c SCRIPT [NAME [ARG...]]" and "sh FILE [ARG...]".
func (c *Parser) Program(p *machine.Proc, args []string) int {
	var script string
	name := "sh"
	args = args[1:]
	switch {
	case len(args) > 1 && args[0] == "-c":
		script, args = args[1], args[2:]
		if len(args) > 0 {
			name, args = args[0], args[1:]
		}
	case len(args) > 0 && !strings.HasPrefix(args[0], "-"):
		data, err := readFile(p, args[0])
		if err != nil {
			fmt.Fprintf(p.Stderr(), "sh: 0: cannot open %s\n", args[0])
			return 2
		}
		script, name, args = string(data), args[0], args[1:]
	default:
		return p.Unsimulated("sh", "%q", args)
	}
	file, err := c.parse(script)
	return c.run(p, file, err, name, args)
}

func (c *Parser) run(p *machine.Proc, file *syntax.File, err error, name string, args []string) int {
	if err != nil {
		fmt.Fprintf(p.Stderr(), "sh: %v\n", err)
		return 2
	}
	s := &shell{p: p, parser: c, name: name, params: args, vars: map[string]variable{}, funcs: map[string]*syntax.Stmt{}, traps: map[string]string{}, pid: p.PID}
	for k, v := range p.Env {
		s.vars[k] = variable{v, true}
	}
	s.vars["IFS"] = variable{" \t\n", false}
	return s.main(file.Stmts)
}

func readFile(p *machine.Proc, name string) ([]byte, error) {
	fd, err := p.Open(name, machine.Read, 0, 10)
	if err != nil {
		return nil, err
	}
	defer p.Close(fd)
	var out []byte
	buf := make([]byte, 4096)
	for {
		n, err := p.ReadFD(fd, buf)
		out = append(out, buf[:n]...)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

type variable struct {
	value    string
	exported bool
}

// A shell is one shell process.
type shell struct {
	p      *machine.Proc
	parser *Parser
	pid    int // $$: of the shell, in its subshells too
	name   string
	params []string
	vars   map[string]variable
	funcs  map[string]*syntax.Stmt
	traps  map[string]string // by name of the signal, or EXIT

	errexit, nounset, noglob, noclobber bool

	status     int
	subst      int // status of the last command substitution
	background int // $!
	jobs       []*machine.Proc
	guarded    int // depth of conditions, in which errexit is off
	loops      int
	jump       jump
	steps      int
	trapping   bool
}

// A jump is a way out of what is being run.
type jump struct {
	kind  jumpKind
	depth int // of loops to leave
}

type jumpKind int

const (
	noJump jumpKind = iota
	jumpBreak
	jumpContinue
	jumpReturn
	jumpExit
)

// main runs statements to the end of the process, the EXIT trap included.
func (s *shell) main(stmts []*syntax.Stmt) int {
	s.stmts(stmts)
	return s.finish()
}

func (s *shell) finish() int {
	if action, ok := s.traps["EXIT"]; ok {
		delete(s.traps, "EXIT")
		status := s.status
		s.jump = jump{}
		s.eval(action)
		if s.jump.kind != jumpExit {
			s.status = status
		}
	}
	return s.status
}

// eval runs a text as if it stood here.
func (s *shell) eval(script string) {
	file, err := s.parser.parse(script)
	if err != nil {
		s.complain("%v", err)
		s.status = 2
		return
	}
	s.stmts(file.Stmts)
}

// interrupted runs the traps of signals that came.
func (s *shell) interrupted() {
	if s.trapping {
		return
	}
	for {
		sig, ok := s.p.Caught()
		if !ok || s.jump.kind == jumpExit {
			return
		}
		status := s.status
		s.trapping = true
		s.eval(s.traps[signalName(sig)])
		s.trapping = false
		if s.jump.kind != jumpExit {
			s.status = status
		}
	}
}

func signalName(sig machine.Signal) string {
	for _, n := range []string{"HUP", "INT", "QUIT", "PIPE", "TERM"} {
		if x, _ := machine.ParseSignal(n); x == sig {
			return n
		}
	}
	return "KILL"
}

func (s *shell) complain(format string, args ...any) {
	fmt.Fprintf(s.p.Stderr(), "%s: %s\n", s.name, fmt.Sprintf(format, args...))
}

// unsimulated notes what this shell does not know.
func (s *shell) unsimulated(format string, args ...any) int {
	return s.p.Unsimulated("sh", format, args...)
}

// fork is a copy of the shell in a process of its own.
func (s *shell) fork(p *machine.Proc) *shell {
	c := *s
	c.p = p
	c.params = slices.Clone(s.params)
	c.vars = maps.Clone(s.vars)
	c.funcs = maps.Clone(s.funcs)
	c.traps = map[string]string{}
	for name, action := range s.traps {
		if action == "" { // ignored signals stay ignored
			c.traps[name] = ""
		}
	}
	c.jobs, c.loops, c.jump, c.trapping = nil, 0, jump{}, false
	return &c
}

// spawn runs fn in a subshell. The files are taken from the caller's table
// after setup has changed it.
func (s *shell) spawn(fn func(c *shell)) *machine.Proc {
	return s.p.Start("sh", func(p *machine.Proc) int {
		c := s.fork(p)
		fn(c)
		return c.finish()
	})
}

// buffers are lent to substitutions, of which a script has hundreds.
var buffers = sync.Pool{New: func() any { return new([4096]byte) }}

// capture is a command substitution.
func (s *shell) capture(w io.Writer, cs *syntax.CmdSubst) error {
	r, wr := machine.Pipe()
	old := s.p.Replace(1, wr)
	child := s.spawn(func(c *shell) { c.last(cs.Stmts) })
	s.p.Drop(s.p.Replace(1, old))
	fd := s.p.Install(r, 10)
	defer s.p.Close(fd)
	var out bytes.Buffer
	buf := buffers.Get().(*[4096]byte)
	defer buffers.Put(buf)
	for {
		n, err := s.p.ReadFD(fd, buf[:])
		out.Write(buf[:n])
		if err == io.EOF {
			break
		}
	}
	s.subst, _ = s.p.Await(child, false)
	s.status = s.subst
	_, err := w.Write(bytes.ReplaceAll(out.Bytes(), []byte{0}, nil))
	return err
}

// config is what word expansion needs.
func (s *shell) config() *expand.Config {
	cfg := &expand.Config{Env: environ{s}, CmdSubst: s.capture, NoUnset: s.nounset}
	if !s.noglob {
		cfg.ReadDir2 = s.readDir
	}
	return cfg
}
