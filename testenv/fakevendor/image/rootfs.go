package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"strings"

	"liftalot/testenv/fakes"
)

// An entry is one file, folder or link of a root file system.
type entry struct {
	name string // without a slash in front
	mode int64
	uid  int // the group has the same number
	data []byte
	dir  bool
	link string // symbolic, when not empty
}

func dir(name string, mode int64, uid int) entry {
	return entry{name: name + "/", mode: mode, uid: uid, dir: true}
}

func file(name string, mode int64, data []byte) entry {
	return entry{name: name, mode: mode, data: data}
}

func link(name, target string) entry {
	return entry{name: name, mode: 0o777, link: target}
}

// applets are the commands of busybox that people and health checks type.
const applets = "[ ash cat chmod cp date df du echo env false find grep head hostname id ip kill ls " +
	"mkdir mv nc nslookup pgrep ping printf ps pwd rm sed sh sha256sum sleep sort stat tail tar test " +
	"touch tr true uname vi wc wget which whoami xargs"

const passwd = `root:x:0:0:root:/root:/bin/sh
chatalot:x:999:999::/app:/bin/sh
chatalot-updater:x:1001:1001::/var/lib/chatalot-updater:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
`

const group = `root:x:0:
chatalot:x:999:
chatalot-updater:x:1001:
nogroup:x:65534:
`

// programPath is where an image keeps the stand-in.
const programPath = "usr/local/bin/standin"

// baseEntries is what every image holds.
func (b *Builder) baseEntries() []entry {
	list := []entry{
		dir("bin", 0o755, 0),
		dir("etc", 0o755, 0),
		dir("etc/chatalot", 0o755, 0),
		dir("etc/ssl", 0o755, 0),
		dir("etc/ssl/certs", 0o755, 0),
		dir("root", 0o700, 0),
		dir("run", 0o755, 0),
		dir("tmp", 0o1777, 0),
		dir("usr", 0o755, 0),
		dir("usr/bin", 0o755, 0),
		dir("usr/local", 0o755, 0),
		dir("usr/local/bin", 0o755, 0),
		dir("var", 0o755, 0),
		link("var/run", "../run"),
		file("etc/passwd", 0o644, []byte(passwd)),
		file("etc/group", 0o644, []byte(group)),
		file("etc/nsswitch.conf", 0o644, []byte("hosts: files dns\n")),
		file("etc/ssl/certs/ca-certificates.crt", 0o644, b.ca),
		file("bin/busybox", 0o755, b.busybox),
	}
	for applet := range strings.FieldsSeq(applets) {
		list = append(list, link("bin/"+applet, "busybox"))
	}
	return list
}

func (b *Builder) programEntries() []entry {
	return []entry{file(programPath, 0o755, b.program)}
}

// ownEntries is what one image holds more: its settings, the names it is
// called by, and folders a fresh volume takes its owner from.
func ownEntries(kind Kind, c fakes.Config) ([]entry, error) {
	settings, err := c.JSON()
	if err != nil {
		return nil, err
	}
	list := []entry{file(strings.TrimPrefix(fakes.Path, "/"), 0o644, settings)}
	switch kind {
	case Server:
		return append(list,
			link("usr/local/bin/chatalot-server", "standin"),
			link("usr/bin/curl", "../local/bin/standin"),
			dir("app", 0o755, fakes.ServerUID),
			dir("app/data", 0o755, fakes.ServerUID),
			dir("app/data/files", 0o755, fakes.ServerUID),
			dir("app/static", 0o755, 0),
		), nil
	case Updater:
		return append(list,
			link("usr/local/bin/chatalot-updater", "standin"),
			link("usr/bin/curl", "../local/bin/standin"),
			dir("var/lib", 0o755, 0),
			dir("var/lib/chatalot-updater", 0o700, fakes.UpdaterUID),
			dir("var/backups", 0o755, 0),
			dir("var/backups/chatalot", 0o700, fakes.UpdaterUID),
		), nil
	case SocketProxy:
		return append(list,
			link("usr/local/bin/docker-socket-proxy", "standin"),
			dir("usr/local/etc", 0o755, 0),
			dir("usr/local/etc/haproxy", 0o755, 0),
		), nil
	}
	return nil, fmt.Errorf("unknown image %q", kind)
}

// writeTar packs the entries, with one fixed time for all.
func writeTar(entries []entry) ([]byte, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		h := &tar.Header{
			Name: e.name, Mode: e.mode, Uid: e.uid, Gid: e.uid,
			Size: int64(len(e.data)), ModTime: built(), Typeflag: tar.TypeReg,
		}
		switch {
		case e.dir:
			h.Typeflag = tar.TypeDir
		case e.link != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.link
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("pack %s: %w", e.name, err)
		}
		if _, err := w.Write(e.data); err != nil {
			return nil, fmt.Errorf("pack %s: %w", e.name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return buf.Bytes(), nil
}
