package machine

import (
	"fmt"
	"path"
	"strings"
	"time"
)

// populate makes the folders and files that every machine has.
func (m *Machine) populate() {
	for _, dir := range []string{
		"/etc/ssh/sshd_config.d", "/home", "/root", "/srv", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin",
		"/usr/lib/openssh", "/var/backups", "/var/lib", "/dev/shm", "/proc/sys/kernel/random", "/proc/sys/net/ipv6/conf/all",
		"/proc/net", "/run", "/tmp",
	} {
		m.MustMkdir(dir, 0o755, 0, 0)
	}
	for _, dir := range []string{"/dev", "/dev/shm", "/proc", "/run", "/tmp"} {
		n, _ := m.Lookup(dir)
		n.memory = true
	}
	for _, dir := range []string{"/dev/shm", "/tmp"} {
		n, _ := m.Lookup(dir)
		n.Mode = typeDir | 0o1777
	}
	root, _ := m.Lookup("/root")
	root.Mode = typeDir | 0o700
	for _, l := range []string{"bin", "sbin", "lib"} {
		n := m.newInode(typeLink|0o777, 0, 0)
		n.Target = "usr/" + l
		m.link(m.root, l, n)
	}
	dev, _ := m.Lookup("/dev")
	for name, d := range map[string]device{"null": null{}, "zero": zero{}, "urandom": new(random)} {
		n := m.newInode(typeChar|0o666, 0, 0)
		n.device, n.memory = d, true
		m.link(dev, name, n)
	}
	m.MustWrite("/etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nID=debian\n", 0o644, 0, 0)
	for name := range m.opt.Programs {
		dir := "/usr/bin"
		if name == "sftp-server" {
			dir = "/usr/lib/openssh"
		}
		m.MustWrite(path.Join(dir, name), "", 0o755, 0, 0)
	}
	m.populateProc()
}

func (m *Machine) populateProc() {
	for name, content := range map[string]func(*Proc) []byte{
		"/proc/sys/kernel/random/boot_id": func(*Proc) []byte { return []byte(m.bootID + "\n") },
		"/proc/meminfo":                   func(*Proc) []byte { return []byte("MemTotal:        2048000 kB\nMemFree:         1024000 kB\n") },
		"/proc/uptime": func(*Proc) []byte {
			up := m.clock.time().Sub(m.clock.booted).Seconds()
			return fmt.Appendf(nil, "%.2f %.2f\n", up, up)
		},
	} {
		n := m.MustWrite(name, "", 0o444, 0, 0)
		n.content = content
	}
}

func (m *Machine) procFolder() *Inode { return m.root.entries["proc"] }

// folder is a process's folder in /proc, of which there is one file.
func (p *Proc) folder() *Inode {
	dir := &Inode{Num: uint64(1<<32 + p.PID), Mode: typeDir | 0o555, UID: p.UID, GID: p.GID, entries: map[string]*Inode{}, memory: true}
	dir.entries["stat"] = &Inode{
		Num: uint64(1<<33 + p.PID), Mode: typeFile | 0o444, UID: p.UID, GID: p.GID, memory: true,
		content: func(*Proc) []byte { return []byte(p.statLine()) },
	}
	return dir
}

// statLine is /proc/PID/stat; field 22 is the start in hundredths of a second
// since boot.
func (p *Proc) statLine() string {
	ticks := int64(p.Began.Sub(p.M.clock.booted) / (10 * time.Millisecond))
	return fmt.Sprintf("%d (%s) S %d %d %d 0 -1 4194304 %s%d 0 0\n",
		p.PID, p.Name, p.PPID, p.PGID, p.SID, strings.Repeat("0 ", 12), ticks)
}

// MustMkdir makes a folder and those above it. For setting a machine up.
func (m *Machine) MustMkdir(name string, perm uint32, uid, gid int) *Inode {
	dir := m.root
	for el := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		next := dir.entries[el]
		if next == nil {
			next = m.newInode(typeDir|perm, uid, gid)
			next.memory = dir.memory
			m.link(dir, el, next)
		}
		dir = next
	}
	return dir
}

// MustWrite makes a file. For setting a machine up; it panics when it cannot.
func (m *Machine) MustWrite(name, data string, perm uint32, uid, gid int) *Inode {
	dir, err := m.Lookup(path.Dir(name))
	if err != nil {
		panic(fmt.Sprintf("set up %s: %v", name, err))
	}
	n := m.newInode(typeFile|perm, uid, gid)
	n.memory = dir.memory
	m.link(dir, path.Base(name), n)
	if err := m.setData(n, []byte(data)); err != nil {
		panic(fmt.Sprintf("set up %s: %v", name, err))
	}
	return n
}
