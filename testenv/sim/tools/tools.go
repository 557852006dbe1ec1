// Package tools holds the small programs of a simulated machine: coreutils,
// sed, grep, tar and their like, as far as scripts on trial use them.
//
// Each does what its manual says for the options that are used, and refuses any
// other with status 2, so that a script that starts to use one is noticed and
// not misled.
package tools

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"liftalot/testenv/sim/dash"
	"liftalot/testenv/sim/machine"
)

// Programs are the tools by name.
func Programs() map[string]machine.Program {
	all := map[string]machine.Program{}
	for name, run := range map[string]func(*call) int{
		"cat": cat, "head": head, "tail": tail, "wc": wc, "tr": tr, "cut": cut, "sort": sorted, "od": od, "yes": yes,
		"grep": grep, "sed": sed, "cmp": compare, "sha256sum": sha256sum, "awk": awk,
		"cp": cp, "mv": mv, "rm": rm, "mkdir": mkdir, "rmdir": rmdir, "ln": ln, "touch": touch, "mkfifo": mkfifo,
		"chmod": chmod, "chown": chown, "mktemp": mktemp, "tar": tarred, "ls": ls,
		"stat": stat, "readlink": readlink, "find": find, "du": du, "df": df, "sync": synced,
		"date": date, "id": id, "uname": uname, "ps": ps, "useradd": (*call).unknown,
		"sleep": sleep, "setsid": setsid, "nohup": nohup, "env": env, "flock": flock, "sudo": sudo,
		"true": func(*call) int { return 0 }, "false": func(*call) int { return 1 },
	} {
		all[name] = func(p *machine.Proc, args []string) int { return run(&call{Proc: p, name: args[0], args: args[1:]}) }
	}
	return all
}

// A call is one run of a tool.
type call struct {
	*machine.Proc
	name   string
	args   []string
	failed bool
}

// unknown is use that is not simulated.
func (c *call) unknown() int { return c.Unsimulated(c.name, "%q", c.args) }

// bad is wrong use.
func (c *call) bad(format string, args ...any) int {
	fmt.Fprintf(c.Stderr(), "%s: %s\n", c.name, fmt.Sprintf(format, args...))
	return 2
}

// fail reports an error about one operand and goes on.
func (c *call) fail(what string, err error) {
	fmt.Fprintf(c.Stderr(), "%s: %s: %s\n", c.name, what, dash.Reason(err))
	c.failed = true
}

func (c *call) status() int {
	if c.failed {
		return 1
	}
	return 0
}

// flags takes options from the front. Letters in with take a value.
func (c *call) flags(plain, with string) (map[byte]string, bool) {
	got := map[byte]string{}
	for len(c.args) > 0 {
		a := c.args[0]
		if a == "--" {
			c.args = c.args[1:]
			return got, true
		}
		if len(a) < 2 || a[0] != '-' {
			return got, true
		}
		c.args = c.args[1:]
		for i := 1; i < len(a); i++ {
			switch {
			case strings.IndexByte(plain, a[i]) >= 0:
				got[a[i]] = "yes"
			case strings.IndexByte(with, a[i]) >= 0:
				value := a[i+1:]
				if value == "" {
					if len(c.args) == 0 {
						c.Unsimulated(c.name, "option -%c without a value", a[i])
						return nil, false
					}
					value, c.args = c.args[0], c.args[1:]
				}
				got[a[i]] = value
				i = len(a)
			default:
				c.Unsimulated(c.name, "option %s", a)
				return nil, false
			}
		}
	}
	return got, true
}

// open opens a file for reading; "-" is standard input.
func (c *call) open(name string) (io.Reader, func(), error) {
	if name == "-" {
		return c.Stdin(), func() {}, nil
	}
	fd, err := c.Open(name, machine.Read, 0, 3)
	if err != nil {
		return nil, nil, err
	}
	return reader{c.Proc, fd}, func() { c.Close(fd) }, nil
}

type reader struct {
	p  *machine.Proc
	fd int
}

func (r reader) Read(b []byte) (int, error) { return r.p.ReadFD(r.fd, b) }

// inputs runs fn over each operand, or standard input without any.
func (c *call) inputs(fn func(name string, r io.Reader) error) int {
	names := c.args
	if len(names) == 0 {
		names = []string{"-"}
	}
	for _, name := range names {
		r, done, err := c.open(name)
		if err == nil {
			err = fn(name, r)
			done()
		}
		if err != nil {
			c.fail(name, err)
		}
	}
	return c.status()
}

// write makes or replaces a file's content.
func (c *call) write(name string, data []byte, perm uint32) error {
	fd, err := c.Open(name, machine.Write|machine.Create|machine.Trunc, perm, 3)
	if err != nil {
		return err
	}
	defer c.Close(fd)
	_, err = c.WriteFD(fd, data)
	return err
}

// into is the operand's place when the last one is a folder.
func (c *call) into(to, from string) string {
	if n, err := c.Stat(to); err == nil && n.IsDir() {
		return path.Join(to, path.Base(from))
	}
	return to
}

// each runs fn over the operands.
func (c *call) each(fn func(name string) error) int {
	for _, name := range c.args {
		if err := fn(name); err != nil {
			c.fail(name, err)
		}
	}
	return c.status()
}

// exec gives the process to another program.
func (c *call) exec(args []string) int {
	file, ok := c.Find(args[0])
	if !ok {
		fmt.Fprintf(c.Stderr(), "%s: failed to run command '%s': No such file or directory\n", c.name, args[0])
		return 127
	}
	run, ok := c.Program(file)
	if !ok {
		return 126
	}
	c.Name = args[0]
	return run(c.Proc, args)
}

func sleep(c *call) int {
	if len(c.args) != 1 {
		return c.unknown()
	}
	seconds, err := strconv.ParseFloat(c.args[0], 64)
	if err != nil {
		c.bad("invalid time interval '%s'", c.args[0])
		return 1
	}
	c.Sleep(time.Duration(seconds * float64(time.Second)))
	return 0
}

func setsid(c *call) int {
	if len(c.args) == 0 || strings.HasPrefix(c.args[0], "-") {
		return c.unknown()
	}
	c.SID, c.PGID = c.PID, c.PID
	return c.exec(c.args)
}

func nohup(c *call) int {
	c.Ignore(machine.SIGHUP)
	return c.exec(c.args)
}

func env(c *call) int {
	if len(c.args) > 0 && strings.HasPrefix(c.args[0], "-") {
		return c.unknown()
	}
	for len(c.args) > 0 {
		name, value, ok := strings.Cut(c.args[0], "=")
		if !ok {
			return c.exec(c.args)
		}
		c.Env[name] = value
		c.args = c.args[1:]
	}
	for name, value := range c.Env {
		fmt.Fprintf(c.Stdout(), "%s=%s\n", name, value)
	}
	return 0
}

// flock takes a lock on a descriptor, or on a file for a command. Waiting is not simulated.
func flock(c *call) int {
	got, ok := c.flags("nsx", "")
	if !ok {
		return 64
	}
	if len(c.args) == 0 {
		return c.unknown()
	}
	fd, err := strconv.Atoi(c.args[0])
	if err != nil {
		if fd, err = c.Open(c.args[0], machine.Read|machine.Create, 0o666, 3); err != nil {
			return c.bad("cannot open lock file %s: %s", c.args[0], dash.Reason(err))
		}
	}
	locked, err := c.Lock(fd, got['s'] != "")
	switch {
	case err != nil:
		c.bad("%d: %s", fd, dash.Reason(err))
		return 65
	case !locked && got['n'] == "":
		return c.Unsimulated(c.name, "waiting for a lock")
	case !locked:
		return 1
	case len(c.args) > 1:
		return c.exec(c.args[1:])
	}
	return 0
}

// sudo asks for the password as sudo -S does: on standard error, once for each
// of three tries.
func sudo(c *call) int {
	prompt, asks := "[sudo] password: ", true
	for len(c.args) > 0 && strings.HasPrefix(c.args[0], "-") {
		a := c.args[0]
		c.args = c.args[1:]
		switch a {
		case "-n":
			asks = false
		case "-S":
		case "-p":
			prompt, c.args = c.args[0], c.args[1:]
		case "--":
			return c.asRoot(prompt, asks)
		default:
			return c.Unsimulated(c.name, "option %s", a)
		}
	}
	return c.asRoot(prompt, asks)
}

func (c *call) asRoot(prompt string, asks bool) int {
	u, _ := c.M.User(c.Login)
	say := func(text string) { _, _ = io.WriteString(c.Stderr(), text) }
	switch {
	case c.UID == 0 || u.Sudo == machine.SudoFreely:
	case !asks && u.Sudo == machine.SudoPassword:
		say("sudo: a password is required\n")
		return 1
	case !asks:
		say(u.Name + " is not in the sudoers file.\n")
		return 1
	default:
		if !c.password(u, prompt, say) {
			return 1
		}
		if u.Sudo == machine.SudoNever {
			say(u.Name + " is not in the sudoers file.\n")
			return 1
		}
	}
	c.UID, c.GID = 0, 0
	for name := range c.Env {
		if !slices.Contains([]string{"LC_ALL", "TERM"}, name) {
			delete(c.Env, name)
		}
	}
	c.Env["HOME"], c.Env["USER"], c.Env["LOGNAME"], c.Env["SUDO_USER"] = "/root", "root", "root", u.Name
	c.Env["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	return c.exec(c.args)
}

func (c *call) password(u machine.User, prompt string, say func(string)) bool {
	const tries = 3
	for range tries {
		say(prompt)
		line, ok := c.line()
		if !ok {
			say("sudo: no password was provided\nsudo: a password is required\n")
			return false
		}
		if line == u.Password {
			return true
		}
		say("Sorry, try again.\n")
	}
	say(fmt.Sprintf("sudo: %d incorrect password attempts\n", tries))
	return false
}

// line reads up to a line end and no further.
func (c *call) line() (string, bool) {
	var line []byte
	b := make([]byte, 1)
	for {
		if n, err := c.ReadFD(0, b); n == 0 && err != nil {
			return "", false
		}
		if b[0] == '\n' {
			return string(line), true
		}
		line = append(line, b[0])
	}
}
