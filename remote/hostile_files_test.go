package remote_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"liftalot/remote"
)

// The messages of SFTP, version 3.
const (
	fxInit     = 1
	fxVersion  = 2
	fxOpen     = 3
	fxClose    = 4
	fxRead     = 5
	fxWrite    = 6
	fxLstat    = 7
	fxFstat    = 8
	fxSetstat  = 9
	fxFsetstat = 10
	fxRemove   = 13
	fxRename   = 18
	fxExtended = 200
	fxStatus   = 101
	fxHandle   = 102
	fxData     = 103
	fxAttrs    = 105
)

// The statuses.
const (
	fxOK      = 0
	fxEOF     = 1
	fxAbsent  = 2
	fxDenied  = 3
	fxFailure = 4
)

// A peer is an SFTP server in the hands of a test: an honest one that holds one
// file, unless answer says otherwise for a message.
type peer struct {
	version string // what it says to begin with; empty: version 3 and what OpenSSH has
	look    string // what it says of the file; empty: the truth
	content []byte
	written []byte
	answer  func(p *peer, m message) (reply string, taken bool)
}

// A message is a request.
type message struct {
	kind byte
	id   string // as on the wire
	body []byte
}

func u32(n int) string { return string(binary.BigEndian.AppendUint32(nil, uint32(n))) }

func frame(payload string) string { return str(payload) }

func (m message) status(code int) string {
	return frame(string(rune(fxStatus)) + m.id + u32(code) + str("no") + str(""))
}

func (m message) says(code int, text string) string {
	return frame(string(rune(fxStatus)) + m.id + u32(code) + str(text) + str(""))
}

// of is a reply of some kind; kinds are below 128, which one byte holds.
func (m message) of(kind rune, body string) string { return frame(string(kind) + m.id + body) }

// arg is the first string of a request.
func (m message) arg() (arg string, rest []byte) {
	if len(m.body) < 4 {
		return "", nil
	}
	n := int(binary.BigEndian.Uint32(m.body))
	if n > len(m.body)-4 {
		return "", nil
	}
	return string(m.body[4 : 4+n]), m.body[4+n:]
}

// attributes are size, owner and mode.
func attributes(size int) string {
	return u32(7) + u32(0) + u32(size) + u32(0) + u32(0) + u32(0o100600)
}

func (p *peer) honest(m message) string {
	switch m.kind {
	case fxOpen:
		return m.of(fxHandle, str("h"))
	case fxRead:
		_, rest := m.arg()
		at, n := int(binary.BigEndian.Uint64(rest)), int(binary.BigEndian.Uint32(rest[8:]))
		data := p.content
		if p.written != nil {
			data = p.written
		}
		if at >= len(data) {
			return m.status(fxEOF)
		}
		return m.of(fxData, str(string(data[at:min(at+n, len(data))])))
	case fxWrite:
		_, rest := m.arg()
		p.written = append(p.written, rest[12:]...)
		return m.status(fxOK)
	case fxFstat, fxLstat:
		return m.of(fxAttrs, attributes(len(p.written)))
	}
	return m.status(fxOK)
}

// serve talks until the client leaves.
func (p *peer) serve(rw io.ReadWriter) {
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(rw, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head)-1)
		if _, err := io.ReadFull(rw, body); err != nil {
			return
		}
		if _, err := io.WriteString(rw, p.reply(head[4], body)); err != nil {
			return
		}
	}
}

func (p *peer) reply(kind byte, body []byte) string {
	if kind == fxInit {
		if p.version != "" {
			return p.version
		}
		return frame(string(rune(fxVersion)) + u32(3) + str("posix-rename@openssh.com") + str("1") + str("fsync@openssh.com") + str("1"))
	}
	m := message{kind: kind, id: string(body[:4]), body: body[4:]}
	if p.answer != nil {
		if reply, taken := p.answer(p, m); taken {
			return reply
		}
	}
	return p.honest(m)
}

const peerFile = "/etc/motd"

// command answers what the package asks a shell about files.
func (p *peer) command(s served) {
	s.begin()
	switch {
	case strings.Contains(s.exec, "sftp-server"):
		p.serve(s)
	case strings.Contains(s.exec, "readlink -f"):
		look := p.look
		if look == "" {
			look = fmt.Sprintf("81a4 1 0 0 %d\nplain\n%s\n", len(p.content), peerFile)
		}
		_, _ = io.WriteString(s, look)
	}
	s.end("0")
	s.exit(0)
}

func readIt(ctx context.Context, c *remote.Client) error {
	f, err := c.ReadFile(ctx, peerFile, 1<<20)
	if err == nil && string(f.Data) != "welcome" {
		return fmt.Errorf("read %.100q", f.Data)
	}
	return err
}

func writeIt(ctx context.Context, c *remote.Client) error {
	return c.WriteFile(ctx, peerFile, []byte("good-bye"), remote.WriteOptions{ExpectSHA256: remote.AnyContent, UID: -1, GID: -1})
}

// hostileFiles misbehave when files are asked for.
func hostileFiles() []behaviour {
	var all []behaviour
	for _, c := range []struct {
		name string
		do   func(context.Context, *remote.Client) error
		peer peer
		want string

		silent bool // and is left alone after a second
	}{
		{"reads: an honest server", readIt, peer{}, "done", false},
		{"reads: a byte at a time", readIt, on(fxRead, func(p *peer, m message) string {
			_, rest := m.arg()
			at := int(binary.BigEndian.Uint64(rest))
			if at >= len(p.content) {
				return m.status(fxEOF)
			}
			return m.of(fxData, str(string(p.content[at:at+1])))
		}), "done", false},
		{"reads: what looks like one of our marks", func(ctx context.Context, c *remote.Client) error {
			f, err := c.ReadFile(ctx, peerFile, 1<<20)
			if err == nil && string(f.Data) != "mark=ma" {
				return fmt.Errorf("read %q", f.Data)
			}
			return err
		}, on(fxRead, func(p *peer, m message) string {
			p.content = []byte("mark=ma")
			return p.honest(m)
		}), "done", false},
		{"reads: without end", readIt, on(fxRead, func(_ *peer, m message) string { return m.of(fxData, str(strings.Repeat("x", 32<<10))) }), "too large", false},
		{"reads: no bytes without end", readIt, on(fxRead, func(_ *peer, m message) string { return m.of(fxData, str("")) }), "not started", true},
		{"reads: more than was asked for", readIt, on(fxRead, func(_ *peer, m message) string { return m.of(fxData, str(strings.Repeat("x", 200<<10))) }), "too large", false},
		{"reads: data longer than its packet", readIt, on(fxRead, func(_ *peer, m message) string { return m.of(fxData, "\xff\xff\xff\xffx") }), "not started", false},
		{"reads: less than the size", readIt, peer{look: "81a4 1 0 0 4096\nplain\n" + peerFile + "\n"}, "not started", false},
		{"reads: more than the size", readIt, peer{look: "81a4 1 0 0 3\nplain\n" + peerFile + "\n"}, "not started", false},
		{"reads: a size below nothing", readIt, peer{look: "81a4 1 0 0 -7\nplain\n" + peerFile + "\n"}, "not started", false},
		{"reads: a size of 2^62", readIt, peer{look: "81a4 1 0 0 4611686018427387904\nplain\n" + peerFile + "\n"}, "too large", false},
		{"reads: a folder", readIt, peer{look: "41ed 1 0 0 7\nplain\n" + peerFile + "\n"}, "not started", false},
		{"reads: a device", readIt, peer{look: "21b6 1 0 0 7\nplain\n" + peerFile + "\n"}, "not started", false},
		{"reads: a link that leads nowhere", readIt, on(fxOpen, func(_ *peer, m message) string { return m.status(fxAbsent) }), "absent", false},
		{"reads: links in a circle", readIt, on(fxOpen, func(_ *peer, m message) string { return m.says(fxFailure, "Too many levels of symbolic links") }), "not started", false},
		{"reads: refused", readIt, on(fxOpen, func(_ *peer, m message) string { return m.status(fxDenied) }), "forbidden", false},
		{"reads: refused with escapes", readIt, on(fxOpen, func(_ *peer, m message) string { return m.says(fxFailure, escapes) }), "not started", false},
		{"reads: refused at length", readIt, on(fxOpen, func(_ *peer, m message) string { return m.says(fxFailure, strings.Repeat("no ", 60<<10)) }), "not started", false},
		{"reads: a status nobody knows", readIt, on(fxOpen, func(_ *peer, m message) string { return m.status(4711) }), "not started", false},
		{"reads: a handle of 200 KiB", readIt, on(fxOpen, func(_ *peer, m message) string { return m.of(fxHandle, str(strings.Repeat("h", 200<<10))) }), "done", false},
		{"reads: another answer than was asked for", readIt, on(fxOpen, func(_ *peer, m message) string { return m.of(fxAttrs, attributes(7)) }), "not started", false},
		{"reads: the answer to nobody's question", readIt, on(fxOpen, func(_ *peer, m message) string {
			return frame(string(rune(fxHandle)) + "\xff\xff\xff\xff" + str("h"))
		}), "not started", true},
		{"reads: every answer twice", readIt, on(fxOpen, func(_ *peer, m message) string {
			return m.of(fxHandle, str("h")) + m.of(fxHandle, str("h"))
		}), "not started", false},
		{"reads: a packet of 4 GiB", readIt, on(fxOpen, func(*peer, message) string { return "\xff\xff\xff\xff" }), "not started", false},
		{"reads: a packet of nothing", readIt, on(fxOpen, func(*peer, message) string { return u32(0) }), "not started", true},
		{"reads: half a packet", readIt, on(fxRead, func(*peer, message) string { return "\x00\x00\x00\x20\x67" }), "not started", true},
		{"reads: no answer", readIt, on(fxOpen, func(*peer, message) string { return "" }), "not started", true},
		{"starts: a version nobody knows", readIt, peer{version: frame(string(rune(fxVersion)) + u32(77))}, "not started", false},
		{"starts: extensions longer than their packet", readIt, peer{version: frame(string(rune(fxVersion)) + u32(3) + "\xff\xff\xff\xffx")}, "not started", false},
		{"starts: ten thousand extensions", readIt, peer{version: frame(string(rune(fxVersion)) + u32(3) + strings.Repeat(str("x")+str("1"), 10000))}, "done", false},
		{"starts: something else", readIt, peer{version: "This account is not available.\n"}, "not started", false},
		{"writes: an honest server", writeIt, peer{}, "done", false},
		{"writes: cannot create", writeIt, on(fxOpen, func(_ *peer, m message) string { return m.status(fxDenied) }), "forbidden", false},
		{"writes: cannot write", writeIt, on(fxWrite, func(_ *peer, m message) string { return m.says(fxFailure, "No space left on device") }), "not started", false},
		{"writes: cannot change the mode", writeIt, on(fxFsetstat, func(_ *peer, m message) string { return m.status(fxDenied) }), "forbidden", false},
		{"writes: cannot flush", writeIt, on(fxExtended, func(_ *peer, m message) string { return m.status(fxFailure) }), "not started", false},
		{"writes: cannot close", writeIt, on(fxClose, func(_ *peer, m message) string { return m.status(fxFailure) }), "not started", false},
		{"writes: cannot rename", writeIt, renaming(func(_ *peer, m message) string { return m.status(fxFailure) }), "not started", false},
		{"writes: says nothing of the rename", writeIt, renaming(func(*peer, message) string { return "" }), "unknown", true},
		{"writes: breaks in the rename", writeIt, renaming(func(*peer, message) string { return "\xff\xff\xff\xff" }), "unknown", false},
		{"writes: attributes without end", writeIt, on(fxFstat, func(_ *peer, m message) string {
			return m.of(fxAttrs, "\x80\x00\x00\x00\xff\xff\xff\xff")
		}), "not started", false},
		{"writes: holds other bytes", writeIt, on(fxRead, func(_ *peer, m message) string {
			if _, rest := m.arg(); binary.BigEndian.Uint64(rest) > 0 {
				return m.status(fxEOF)
			}
			return m.of(fxData, str("good-byE"))
		}), "not started", false},
		{"writes: loses half", writeIt, on(fxWrite, func(p *peer, m message) string { p.written = []byte("good"); return m.status(fxOK) }), "not started", false},
	} {
		do := c.do
		if c.silent {
			do = func(ctx context.Context, client *remote.Client) error {
				ctx, cancel := context.WithTimeout(ctx, 4*short)
				defer cancel()
				return c.do(ctx, client)
			}
		}
		all = append(all, behaviour{name: c.name, do: do, want: c.want, timely: !c.silent, set: func(f *faulty) {
			p := c.peer
			p.content = []byte("welcome")
			f.onExec = p.command
		}})
	}
	return all
}

// on is a peer that answers one kind of message so.
func on(kind byte, answer func(p *peer, m message) string) peer {
	return peer{answer: func(p *peer, m message) (string, bool) {
		if m.kind != kind {
			return "", false
		}
		return answer(p, m), true
	}}
}

// renaming is on, for the rename that replaces.
func renaming(answer func(p *peer, m message) string) peer {
	return on(fxExtended, func(p *peer, m message) string {
		if bytes.Contains(m.body, []byte("posix-rename")) {
			return answer(p, m)
		}
		return m.status(fxOK)
	})
}
