package remote_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"liftalot/remote"
)

const escapes = "\x1b]52;c;aGFjaw==\x07\x1b[2J\u202e\x9b31m\r\x00\xff"

func quick(c *remote.Config) { c.HandshakeTimeout = short }

// says is a server that says a text, then does as told.
func says(text string, then func(net.Conn)) func(*faulty) {
	return func(f *faulty) {
		f.onTCP = func(conn net.Conn) bool {
			_, _ = io.WriteString(conn, text)
			if then != nil {
				then(conn)
			}
			return true
		}
	}
}

// listen takes what comes until the client leaves.
func listen(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// without end repeats a text as fast as it is taken.
func repeat(text string) func(net.Conn) {
	return func(conn net.Conn) {
		chunk := []byte(strings.Repeat(text, 1+(32<<10)/len(text)))
		for {
			if _, err := conn.Write(chunk); err != nil {
				return
			}
		}
	}
}

// plain is an SSH packet before encryption.
func plain(payload string) string {
	pad := 8 - (5+len(payload))%8
	if pad < 4 {
		pad += 8
	}
	packet := binary.BigEndian.AppendUint32(nil, uint32(1+len(payload)+pad))
	packet = append(packet, byte(pad))
	packet = append(packet, payload...)
	return string(append(packet, make([]byte, pad)...))
}

// str is a string of the SSH protocol.
func str(s string) string { return string(binary.BigEndian.AppendUint32(nil, uint32(len(s)))) + s }

const hello = "SSH-2.0-x\r\n"

// offer is a server's list of algorithms, with one of each that we take.
func offer() string {
	msg := "\x14" + strings.Repeat("c", 16)
	for _, list := range []string{
		"curve25519-sha256", "ssh-ed25519", "aes128-gcm@openssh.com", "aes128-gcm@openssh.com",
		"hmac-sha2-256-etm@openssh.com", "hmac-sha2-256-etm@openssh.com", "none", "none", "", "",
	} {
		msg += str(list)
	}
	return msg + "\x00\x00\x00\x00\x00"
}

// hostileTransports misbehave before anyone has proved who he is.
func hostileTransports() []behaviour {
	return []behaviour{
		{name: "never says a word", set: says("", listen), cfg: quick, want: "unreachable"},
		{name: "hangs up", set: says("", nil), want: "turned away"},
		{name: "lines before the banner without end", set: says("", repeat("welcome\r\n")), cfg: quick, want: "unreachable"},
		{name: "a banner without end", set: says("SSH-2.0-", repeat("x")), cfg: quick, want: "unreachable"},
		{name: "a banner of escapes", set: says("SSH-2.0-"+escapes+"\r\n", nil), want: "unreachable"},
		{name: "the old protocol", set: says("SSH-1.5-x\r\n", listen), cfg: quick, want: "unreachable"},
		{name: "a web server", set: says("HTTP/1.1 200 OK\r\n\r\n<script>", nil), want: "turned away"},
		{name: "one byte at a time", set: func(f *faulty) {
			f.onTCP = func(conn net.Conn) bool {
				f.handshake(drip{conn})
				return true
			}
		}, want: "done"},
		{name: "a slow drip", set: says("", func(conn net.Conn) {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for range tick.C {
				if _, err := io.WriteString(conn, "x"); err != nil {
					return
				}
			}
		}), cfg: quick, want: "unreachable"},
		{name: "a packet of 4 GiB", set: says(hello+"\xff\xff\xff\xff\x04", repeat("\x14")), cfg: quick, want: "unreachable"},
		{name: "a packet of nothing", set: says(hello+"\x00\x00\x00\x00", listen), cfg: quick, want: "unreachable"},
		{name: "padding longer than the packet", set: says(hello+"\x00\x00\x00\x0c\xff"+strings.Repeat("x", 11), listen), cfg: quick, want: "unreachable"},
		{name: "no common algorithm", set: says(hello+plain("\x14"+strings.Repeat("c", 16)+strings.Repeat(str("none"), 10)+"\x00\x00\x00\x00\x00"), listen), want: "algorithms"},
		{name: "a list of algorithms longer than its packet", set: says(hello+plain("\x14"+strings.Repeat("c", 16)+"\xff\xff\xff\xffx"), listen), want: "unreachable"},
		{name: "stops in the key exchange", set: says(hello+plain(offer()), listen), cfg: quick, want: "unreachable"},
		{name: "ignored packets without end", set: says(hello, repeat(plain("\x02"+str("x")))), cfg: quick, want: "unreachable"},
		{name: "ignored packets in the key exchange", set: says(hello+plain(offer()), repeat(plain("\x02"+str("x")))), cfg: quick, want: "unreachable"},
		{name: "says good-bye with escapes", set: says(hello+plain("\x01\x00\x00\x00\x02"+str(escapes)+str("")), listen), want: "unreachable"},
		{name: "says good-bye at length", set: says(hello+plain("\x01\x00\x00\x00\x02"+str(strings.Repeat("bye ", 8000))+str("")), listen), want: "unreachable"},
		{name: "another key at the second connection", set: func(f *faulty) {
			f.onExec = func(s served) { s.begin(); s.end("0"); s.exit(0); f.cut() }
			other, first := newSigner(f.t, ""), true
			f.onTCP = func(conn net.Conn) bool {
				if !first {
					f.config = &ssh.ServerConfig{NoClientAuth: true}
					f.config.AddHostKey(other)
				}
				first = false
				return false
			}
		}, do: func(ctx context.Context, c *remote.Client) error {
			if err := aCommand(time.Second)(ctx, c); err != nil {
				return err
			}
			for { // until the cut has been noticed
				if err := aCommand(time.Second)(ctx, c); err != nil && !errors.Is(err, remote.ErrUnknownOutcome) {
					return err
				}
				if ctx.Err() != nil {
					return ctx.Err()
				}
			}
		}, want: "host key"},
	}
}

// drip writes one byte at a time.
type drip struct{ net.Conn }

func (d drip) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := d.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// hostileLogins misbehave in the login.
func hostileLogins() []behaviour {
	callback := func(change func(*ssh.ServerConfig)) func(*faulty) {
		return func(f *faulty) { change(f.config) }
	}
	no := func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, errors.New("no") }
	return []behaviour{
		{name: "a banner of escapes in the login", set: callback(func(c *ssh.ServerConfig) {
			c.BannerCallback = func(ssh.ConnMetadata) string { return strings.Repeat(escapes, 4000) }
		}), want: "done"},
		{name: "no key will do", set: callback(func(c *ssh.ServerConfig) { c.PublicKeyCallback = no }), want: "login"},
		{name: "questions without end", set: callback(func(c *ssh.ServerConfig) {
			c.PublicKeyCallback = nil
			c.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
				for {
					if _, err := ask("", escapes, []string{"password:"}, []bool{true}); err != nil {
						return nil, err
					}
				}
			}
		}), want: "login"},
		{name: "a password is asked for", set: callback(func(c *ssh.ServerConfig) {
			c.PublicKeyCallback = no
			c.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, nil }
		}), want: "login"},
		{name: "one more proof is always needed", set: callback(func(c *ssh.ServerConfig) {
			var more func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error)
			more = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
				return nil, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{PublicKeyCallback: more}}
			}
			c.PublicKeyCallback = more
		}), want: "login"},
		{name: "stops in the login", set: callback(func(c *ssh.ServerConfig) {
			c.PublicKeyCallback = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
				<-time.After(3 * short)
				return nil, errors.New("too late")
			}
		}), do: func(ctx context.Context, c *remote.Client) error {
			ctx, cancel := context.WithTimeout(ctx, 2*short)
			defer cancel()
			return c.Connect(ctx)
		}, want: "not started"},
	}
}

// flood writes junk for as long as anyone takes it.
func flood(w io.Writer, junk string) {
	chunk := bytes.Repeat([]byte(junk), 1+(32<<10)/len(junk))
	for {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}
