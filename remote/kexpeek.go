package remote

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// errNotStrict ends a handshake in which chacha20-poly1305 would be used with a host that
// does not know strict key exchange: packets could be taken out unnoticed (CVE-2023-48795).
var errNotStrict = errors.New("chacha20-poly1305 without strict key exchange")

// A kexPeek reads along with what a host says first, which nothing hides: its version and
// what it offers. The library negotiates by itself and cannot be told to insist on strict
// key exchange.
type kexPeek struct {
	net.Conn
	ciphers []string // that we offer
	head    []byte   // what has come so far; nil when enough was seen
	refused error

	turnedAway bool // the connection ended before the host told its version
}

const (
	maxKexHead      = 64 << 10
	msgKexInit      = 20 // RFC 4253, section 7.1
	strictServer    = "kex-strict-s-v00@openssh.com"
	kexCookieLength = 16
)

func newKexPeek(conn net.Conn, ciphers []string) *kexPeek {
	return &kexPeek{Conn: conn, ciphers: ciphers, head: []byte{}}
}

func (k *kexPeek) Read(p []byte) (int, error) {
	if k.refused != nil {
		return 0, k.refused
	}
	n, err := k.Conn.Read(p)
	if k.head == nil {
		return n, err
	}
	k.head = append(k.head, p[:n]...)
	k.turnedAway = err != nil && !bytes.HasPrefix(k.head, []byte("SSH-")) && !bytes.Contains(k.head, []byte("\nSSH-"))
	lists, whole := kexLists(k.head)
	if whole = whole || len(k.head) > maxKexHead; whole {
		k.head = nil
	}
	if whole && isWeak(lists, k.ciphers) {
		k.refused = errNotStrict
		return 0, k.refused
	}
	return n, err
}

// said is what the host has said instead of its version: foreign, bounded.
func (k *kexPeek) said() string {
	return strings.TrimSpace(string(k.head[:min(len(k.head), maxReason)]))
}

// isWeak reports whether the first cipher of ours that a host offers is one that needs strict
// key exchange, and the host does not have it. A host that begins with something else says
// nothing about that: the library leaves out a packet to be ignored that somebody on the way
// has put before the list, which is how the attack begins.
func isWeak(lists [][]string, ours []string) bool {
	if len(lists) < 4 {
		return slices.Contains(ours, ssh.CipherChaCha20Poly1305)
	}
	if slices.Contains(lists[0], strictServer) {
		return false
	}
	for _, direction := range lists[2:4] {
		i := slices.IndexFunc(ours, func(c string) bool { return slices.Contains(direction, c) })
		if i >= 0 && ours[i] == ssh.CipherChaCha20Poly1305 {
			return true
		}
	}
	return false
}

// kexLists returns the lists of names in the first packet of a host, in the order of RFC
// 4253, once all of it is there. What is no such packet is whole and has none.
func kexLists(head []byte) (lists [][]string, whole bool) {
	for { // lines before the version, which ends the text
		line, rest, ok := bytes.Cut(head, []byte("\n"))
		if !ok {
			return nil, false
		}
		head = rest
		if bytes.HasPrefix(line, []byte("SSH-")) {
			break
		}
	}
	if len(head) < 6 {
		return nil, false
	}
	length := binary.BigEndian.Uint32(head)
	if length > maxKexHead || head[5] != msgKexInit {
		return nil, true
	}
	if uint32(len(head)-4) < length {
		return nil, false
	}
	names := head[6 : 4+length]
	if len(names) < kexCookieLength {
		return nil, true
	}
	for names = names[kexCookieLength:]; len(lists) < 8 && len(names) >= 4; {
		n := binary.BigEndian.Uint32(names)
		if uint32(len(names)-4) < n {
			break
		}
		lists = append(lists, strings.Split(string(names[4:4+n]), ","))
		names = names[4+n:]
	}
	return lists, true
}
