package tools

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"liftalot/testenv/sim/machine"
)

func cp(c *call) int {
	got, ok := c.flags("apfRrL", "")
	if !ok || len(c.args) != 2 {
		return c.unknown()
	}
	from, to := c.args[0], c.into(c.args[1], c.args[0])
	keep, deep := got['a'] != "" || got['p'] != "", got['a'] != "" || got['R'] != "" || got['r'] != ""
	if err := c.copy(from, to, keep, deep, deep && got['L'] == ""); err != nil {
		c.fail(from, err)
	}
	return c.status()
}

// copy copies a file, with keep its owner and mode too, with deep folders, and with
// links those as they are.
func (c *call) copy(from, to string, keep, deep, links bool) error {
	n, err := c.Lstat(from)
	if err == nil && n.IsLink() && !links {
		n, err = c.Stat(from)
	}
	if err != nil {
		return err
	}
	switch {
	case n.IsLink():
		return c.Symlink(n.Target, to)
	case n.IsDir() && !deep:
		return syscall.EISDIR
	case n.IsDir():
		if err := c.Mkdir(to, 0o700); err != nil {
			return err
		}
		for _, name := range n.Names() {
			if err := c.copy(path.Join(from, name), path.Join(to, name), keep, deep, links); err != nil {
				c.fail(path.Join(from, name), err)
			}
		}
	default:
		r, done, err := c.open(from)
		if err != nil {
			return err
		}
		data, err := readAll(r)
		done()
		if err != nil {
			return err
		}
		if err := c.write(to, data, n.Mode&0o777); err != nil {
			return err
		}
	}
	if !keep {
		return nil
	}
	made, err := c.Stat(to)
	if err != nil {
		return err
	}
	if err := c.Chown(made, n.UID, n.GID); err != nil {
		return err
	}
	made.Modified = n.Modified
	return c.Chmod(made, n.Mode)
}

func mv(c *call) int {
	if _, ok := c.flags("f", ""); !ok || len(c.args) != 2 {
		return c.unknown()
	}
	if err := c.Rename(c.args[0], c.into(c.args[1], c.args[0]), true); err != nil {
		c.fail("cannot move "+c.args[0], err)
	}
	return c.status()
}

func rm(c *call) int {
	got, ok := c.flags("rf", "")
	if !ok {
		return 2
	}
	return c.each(func(name string) error {
		n, err := c.Lstat(name)
		if err == nil {
			if n.IsDir() && got['r'] != "" {
				err = c.removeAll(name)
			} else {
				err = c.Unlink(name)
			}
		}
		if got['f'] != "" && machine.IsNotExist(err) {
			return nil
		}
		return err
	})
}

func (c *call) removeAll(name string) error {
	n, err := c.Lstat(name)
	if err != nil {
		return err
	}
	if !n.IsDir() {
		return c.Unlink(name)
	}
	for _, e := range n.Names() {
		if err := c.removeAll(path.Join(name, e)); err != nil {
			return err
		}
	}
	return c.Rmdir(name)
}

func mkdir(c *call) int {
	got, ok := c.flags("p", "m")
	if !ok {
		return 2
	}
	mode := uint64(0)
	if got['m'] != "" {
		var err error
		if mode, err = strconv.ParseUint(got['m'], 8, 32); err != nil || got['p'] != "" {
			return c.unknown()
		}
	}
	return c.each(func(name string) error {
		if got['p'] != "" {
			return c.mkdirAll(name)
		}
		if err := c.Mkdir(name, 0o777); err != nil || got['m'] == "" {
			return err
		}
		n, err := c.Stat(name)
		if err != nil {
			return err
		}
		return c.Chmod(n, uint32(mode))
	})
}

func (c *call) mkdirAll(name string) error {
	at := ""
	if strings.HasPrefix(name, "/") {
		at = "/"
	}
	for el := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		at = path.Join(at, el)
		if n, err := c.Stat(at); err == nil && n.IsDir() {
			continue
		}
		if err := c.Mkdir(at, 0o777); err != nil {
			return err
		}
	}
	return nil
}

func rmdir(c *call) int {
	if _, ok := c.flags("", ""); !ok {
		return 2
	}
	return c.each(c.Rmdir)
}

func ln(c *call) int {
	got, ok := c.flags("s", "")
	if !ok {
		return 2
	}
	if len(c.args) != 2 {
		return c.unknown()
	}
	make := c.Link
	if got['s'] != "" {
		make = c.Symlink
	}
	if err := make(c.args[0], c.into(c.args[1], c.args[0])); err != nil {
		c.fail(c.args[1], err)
	}
	return c.status()
}

func touch(c *call) int {
	got, ok := c.flags("c", "d")
	if !ok {
		return 2
	}
	at := c.M.Now()
	if when := got['d']; when != "" {
		n, err := strconv.Atoi(strings.TrimSuffix(when, " minutes ago"))
		if err != nil {
			return c.unknown()
		}
		at = at.Add(-time.Duration(n) * time.Minute)
	}
	return c.each(func(name string) error {
		n, err := c.Stat(name)
		if machine.IsNotExist(err) {
			if got['c'] != "" {
				return nil
			}
			fd, err := c.Open(name, machine.Write|machine.Create, 0o666, 3)
			if err != nil {
				return err
			}
			c.Close(fd)
			n, err = c.Stat(name)
			if err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
		n.Modified = at
		return nil
	})
}

func mkfifo(c *call) int {
	if _, ok := c.flags("", ""); !ok {
		return 2
	}
	return c.each(c.Mkfifo)
}

func chmod(c *call) int {
	if _, ok := c.flags("", ""); !ok || len(c.args) == 0 {
		return 2
	}
	bits, err := strconv.ParseUint(c.args[0], 8, 32)
	if err != nil {
		return c.unknown()
	}
	c.args = c.args[1:]
	return c.each(func(name string) error {
		n, err := c.Stat(name)
		if err != nil {
			return err
		}
		return c.Chmod(n, uint32(bits))
	})
}

func chown(c *call) int {
	if _, ok := c.flags("", ""); !ok || len(c.args) == 0 {
		return 2
	}
	uid, gid := -1, -1
	u, g, hasGroup := strings.Cut(c.args[0], ":")
	var err1, err2 error
	if u != "" {
		uid, err1 = strconv.Atoi(u)
	}
	if hasGroup && g != "" {
		gid, err2 = strconv.Atoi(g)
	}
	if err1 != nil || err2 != nil {
		return c.unknown()
	}
	c.args = c.args[1:]
	return c.each(func(name string) error {
		n, err := c.Stat(name)
		if err != nil {
			return err
		}
		return c.Chown(n, uid, gid)
	})
}

func mktemp(c *call) int {
	got, ok := c.flags("d", "")
	if !ok || len(c.args) != 1 || !strings.HasSuffix(c.args[0], "XXXXXX") {
		return c.unknown()
	}
	base := strings.TrimSuffix(c.args[0], "XXXXXX")
	for i := c.PID; ; i++ {
		name := fmt.Sprintf("%s%06d", base, i)
		var err error
		if got['d'] != "" {
			err = c.Mkdir(name, 0o700)
		} else {
			var fd int
			if fd, err = c.Open(name, machine.Write|machine.Create|machine.Excl, 0o600, 3); err == nil {
				c.Close(fd)
			}
		}
		switch {
		case err == nil:
			fmt.Fprintln(c.Stdout(), name)
			return 0
		case err != syscall.EEXIST:
			c.fail("failed to create "+c.args[0], err)
			return 1
		}
	}
}

// tarred is tar -cf ARCHIVE -C FOLDER NAME.
func tarred(c *call) int {
	got, ok := c.flags("ch", "fC")
	if !ok || got['c'] == "" || got['C'] == "" || len(c.args) != 1 {
		return c.unknown()
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := c.pack(w, got['C'], c.args[0], got['h'] != ""); err != nil {
		c.fail(c.args[0], err)
		return 2
	}
	_ = w.Close()
	if err := c.write(got['f'], b.Bytes(), 0o666); err != nil {
		c.fail(got['f'], err)
		return 2
	}
	return 0
}

// pack writes a file or folder, and what links lead to where they are followed.
func (c *call) pack(w *tar.Writer, dir, name string, follow bool) error {
	look := c.Lstat
	if follow {
		look = c.Stat
	}
	n, err := look(path.Join(dir, name))
	if err != nil {
		return err
	}
	h := &tar.Header{Name: name, Mode: int64(n.Mode & 0o7777), Uid: n.UID, Gid: n.GID, ModTime: n.Modified, Typeflag: tar.TypeReg, Size: n.Size()}
	if n.IsDir() {
		h.Name, h.Typeflag, h.Size = name+"/", tar.TypeDir, 0
	}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	if n.IsFile() {
		_, err = w.Write(n.Data)
		return err
	}
	for _, e := range n.Names() {
		if err := c.pack(w, dir, path.Join(name, e), follow); err != nil {
			return err
		}
	}
	return nil
}

// ls lists names that are no folders, and the folders after them.
func ls(c *call) int {
	got, ok := c.flags("Ad", "")
	if !ok {
		return 2
	}
	if len(c.args) == 0 {
		c.args = []string{"."}
	}
	slices.Sort(c.args)
	var folders []string
	said := ""
	c.each(func(name string) error {
		n, err := c.Lstat(name)
		if err == nil && n.IsLink() && got['d'] == "" {
			n, err = c.Stat(name)
		}
		switch {
		case err != nil:
			return err
		case n.IsDir() && got['d'] == "":
			folders = append(folders, name)
		default:
			said += name + "\n"
		}
		return nil
	})
	for _, name := range folders {
		if len(c.args) > 1 {
			if said != "" {
				said += "\n"
			}
			said += name + ":\n"
		}
		n, _ := c.Stat(name) // it was there
		for _, e := range n.Names() {
			if got['A'] != "" || !strings.HasPrefix(e, ".") {
				said += e + "\n"
			}
		}
	}
	_, _ = io.WriteString(c.Stdout(), said)
	return 2 * c.status()
}
