package tools

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"liftalot/testenv/sim/machine"
)

func stat(c *call) int {
	got, ok := c.flags("L", "c")
	if !ok || got['c'] == "" {
		return c.unknown()
	}
	format := got['c']
	follow := got['L'] != ""
	for i := 0; i+1 < len(format); i++ {
		if format[i] == '%' && !strings.Contains("sfughaYn", format[i+1:i+2]) {
			return c.Unsimulated(c.name, "format %q", format)
		}
	}
	return c.each(func(name string) error {
		n, err := c.Lstat(name)
		if follow {
			n, err = c.Stat(name)
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(c.Stdout(), strings.NewReplacer(
			"%s", strconv.FormatInt(n.Size(), 10), "%f", strconv.FormatUint(uint64(n.Mode), 16),
			"%u", strconv.Itoa(n.UID), "%g", strconv.Itoa(n.GID), "%h", strconv.Itoa(max(1, n.Links)),
			"%a", strconv.FormatUint(uint64(n.Mode&0o7777), 8), "%Y", strconv.FormatInt(n.Modified.Unix(), 10), "%n", name,
		).Replace(format))
		return nil
	})
}

func readlink(c *call) int {
	got, ok := c.flags("f", "")
	if !ok {
		return 2
	}
	if len(c.args) != 1 {
		return c.unknown()
	}
	if got['f'] == "" {
		n, err := c.Lstat(c.args[0])
		if err != nil || !n.IsLink() {
			return 1
		}
		fmt.Fprintln(c.Stdout(), n.Target)
		return 0
	}
	real, err := c.RealPath(c.args[0])
	if err != nil {
		return 1
	}
	fmt.Fprintln(c.Stdout(), real)
	return 0
}

// walk shows everything below a path, so many folders deep, links followed; one that
// leads nowhere is shown itself.
func (c *call) walk(name string, depth int, show func(name string, n *machine.Inode)) {
	n, err := c.Stat(name)
	if err != nil {
		n, err = c.Lstat(name)
	}
	if err != nil {
		c.fail(name, err)
		return
	}
	show(name, n)
	if n.IsDir() && depth > 0 {
		for _, entry := range n.Names() {
			c.walk(path.Join(name, entry), depth-1, show)
		}
	}
}

// anyDepth is deeper than a path can be.
const anyDepth = 1 << 12

func du(c *call) int {
	if len(c.args) != 2 || c.args[0] != "-skL" {
		return c.unknown()
	}
	if _, err := c.Lstat(c.args[1]); err != nil {
		c.fail(c.args[1], err)
		return 1
	}
	var size int64
	c.walk(c.args[1], anyDepth, func(_ string, n *machine.Inode) { size += n.Size() })
	fmt.Fprintf(c.Stdout(), "%d\t%s\n", (size+1023)>>10, c.args[1])
	return c.status()
}

// find is find PATH -prune -mmin -N, find -L PATH [-maxdepth N], or
// find PATH -maxdepth N -type l, where no folder is reached through a link.
func find(c *call) int {
	depth := anyDepth
	if len(c.args) == 4 && c.args[0] == "-L" && c.args[2] == "-maxdepth" {
		depth, _ = strconv.Atoi(c.args[3])
		c.args = c.args[:2]
	}
	if len(c.args) == 5 && c.args[1] == "-maxdepth" && c.args[3] == "-type" && c.args[4] == "l" {
		depth, _ = strconv.Atoi(c.args[2])
		c.walk(c.args[0], depth, func(name string, _ *machine.Inode) {
			if n, err := c.Lstat(name); err == nil && n.IsLink() {
				fmt.Fprintln(c.Stdout(), name)
			}
		})
		return c.status()
	}
	if len(c.args) == 2 && c.args[0] == "-L" {
		c.walk(c.args[1], depth, func(name string, _ *machine.Inode) { fmt.Fprintln(c.Stdout(), name) })
		return c.status()
	}
	if len(c.args) != 4 || c.args[1] != "-prune" || c.args[2] != "-mmin" || !strings.HasPrefix(c.args[3], "-") {
		return c.unknown()
	}
	n, err := c.Lstat(c.args[0])
	if err != nil {
		c.fail(c.args[0], err)
		return 1
	}
	minutes, _ := strconv.Atoi(c.args[3][1:])
	if c.M.Now().Sub(n.Modified) < time.Duration(minutes)*time.Minute {
		fmt.Fprintln(c.Stdout(), c.args[0])
	}
	return 0
}

func df(c *call) int {
	got, ok := c.flags("Pki", "")
	if !ok {
		return 2
	}
	size, free := c.M.Space()
	return c.each(func(name string) error {
		if _, err := c.Stat(name); err != nil {
			return err
		}
		if got['i'] != "" {
			fmt.Fprintf(c.Stdout(), "Filesystem Inodes IUsed IFree IUse%% Mounted on\n/dev/vda 1000000 1000 999000 1%% /\n")
			return nil
		}
		fmt.Fprintf(c.Stdout(), "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda %d %d %d %d%% /\n",
			size>>10, (size-free)>>10, free>>10, (size-free)*100/size)
		return nil
	})
}

func synced(c *call) int {
	if _, ok := c.flags("", ""); !ok {
		return 2
	}
	return c.each(func(name string) error {
		_, err := c.Stat(name)
		return err
	})
}

func date(c *call) int {
	now := c.M.Now().UTC()
	switch strings.Join(c.args, " ") {
	case "+%s":
		fmt.Fprintln(c.Stdout(), now.Unix())
	case "+%Z":
		fmt.Fprintln(c.Stdout(), "UTC")
	default:
		return c.unknown()
	}
	return 0
}

func id(c *call) int {
	switch strings.Join(c.args, " ") {
	case "-u":
		fmt.Fprintln(c.Stdout(), c.UID)
	case "-un":
		u, ok := c.M.UserByID(c.UID)
		if !ok {
			return c.bad("cannot find name for user ID %d", c.UID)
		}
		fmt.Fprintln(c.Stdout(), u.Name)
	default:
		return c.unknown()
	}
	return 0
}

func uname(c *call) int {
	got, ok := c.flags("srmn", "")
	if !ok {
		return 2
	}
	var out []string
	for _, f := range []struct {
		flag byte
		text string
	}{{'s', "Linux"}, {'n', c.M.Hostname()}, {'r', "6.12.48+deb13-amd64"}, {'m', "x86_64"}} {
		if got[f.flag] != "" || len(got) == 0 && f.flag == 's' {
			out = append(out, f.text)
		}
	}
	fmt.Fprintln(c.Stdout(), strings.Join(out, " "))
	return 0
}

// ps is ps -e -o pid= -o ppid=.
func ps(c *call) int {
	if strings.Join(c.args, " ") != "-e -o pid= -o ppid=" {
		return c.unknown()
	}
	for _, p := range c.M.Processes() {
		fmt.Fprintf(c.Stdout(), "%d %d\n", p.PID, p.PPID)
	}
	return 0
}
