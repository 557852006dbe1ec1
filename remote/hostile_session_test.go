package remote_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"liftalot/remote"
)

// answers is a server that answers every command so.
func answers(answer func(f *faulty, s served)) func(*faulty) {
	return func(f *faulty) { f.onExec = func(s served) { answer(f, s) } }
}

// with runs a command that is made differently, and looks at its result.
func with(change func(*remote.Command), check func(remote.Result) error) func(context.Context, *remote.Client) error {
	return func(ctx context.Context, c *remote.Client) error {
		cmd := remote.Command{Name: "step", Script: "true", Timeout: short}
		if change != nil {
			change(&cmd)
		}
		res, err := c.Run(ctx, cmd)
		if check != nil {
			if wrong := check(res); wrong != nil {
				return wrong
			}
		}
		return err
	}
}

func output(want string) func(remote.Result) error {
	return func(res remote.Result) error {
		if string(res.Stdout) != want {
			return fmt.Errorf("the output is %.80q, want %.80q", res.Stdout, want)
		}
		return nil
	}
}

// hostileSessions misbehave when they are asked to do something.
func hostileSessions() []behaviour {
	return append(hostileOutputs(), hostileChannels()...)
}

func hostileOutputs() []behaviour {
	return []behaviour{
		{name: "output without end", set: answers(func(_ *faulty, s served) { s.begin(); flood(s, "x") }), do: with(nil, nil), want: "unknown"},
		{name: "complaints without end", set: answers(func(_ *faulty, s served) { s.begin(); flood(s.Stderr(), "x") }), do: with(nil, nil), want: "unknown"},
		{name: "noise without end and no beginning", set: answers(func(f *faulty, s served) {
			_ = s.req.Reply(true, nil)
			f.serving.Go(func() { flood(s.Stderr(), "x") })
			flood(s, "x")
		}), do: with(nil, nil), want: "unknown"},
		{name: "one line without end", set: answers(func(_ *faulty, s served) { s.begin(); flood(s, "x") }),
			do: with(func(c *remote.Command) {
				c.OnLine = func(_ int, line string) {
					if len(line) > 4<<10 {
						panic("a line of more than 4 KiB")
					}
				}
			}, nil), want: "unknown"},
		{name: "bytes that are no text", set: answers(func(_ *faulty, s served) { s.begin(); _, _ = io.WriteString(s, escapes); s.end("0") }),
			do: with(nil, output(escapes)), want: "done"},
		{name: "the marks of another command", set: answers(func(_ *faulty, s served) {
			s.begin()
			_, _ = io.WriteString(s, "mark="+strings.Repeat("0", 32)+"=e0.")
			s.exit(0)
		}), do: with(nil, nil), want: "unknown"},
		{name: "a closing mark without an end", set: answers(func(_ *faulty, s served) {
			s.begin()
			_, _ = io.WriteString(s, s.mark()+"e")
			flood(s, "0")
		}), do: with(nil, nil), want: "unknown"},
		{name: "a thousand opening marks", set: answers(func(_ *faulty, s served) {
			s.begin()
			_, _ = io.WriteString(s, strings.Repeat(s.mark()+"b", 1000))
			s.end("0")
		}), want: "done"},
		{name: "two endings", set: answers(func(_ *faulty, s served) { s.begin(); s.end("0"); s.end("9"); s.exit(9) }), want: "done"},
		{name: "an ending of 999", set: answers(func(_ *faulty, s served) { s.begin(); s.end("999"); s.exit(0) }), want: "exit"},
		{name: "an ending on one stream only", set: answers(func(_ *faulty, s served) {
			s.begin()
			_, _ = io.WriteString(s, s.mark()+"e0.")
		}), do: with(nil, nil), want: "unknown"},
		{name: "faked prompts without end", set: answers(func(_ *faulty, s served) { _ = s.req.Reply(true, nil); flood(s.Stderr(), s.mark()+"p") }),
			cfg: func(c *remote.Config) {
				c.User, c.Sudo = "ann", remote.Sudo{Mode: remote.SudoPassword, Password: secret("pw")}
			}, do: with(func(c *remote.Command) { c.Root = true }, nil), want: "sudo"},
		{name: "takes no input", set: answers(func(_ *faulty, s served) { s.begin() }),
			do: with(func(c *remote.Command) { c.Stdin = bytes.NewReader(make([]byte, 8<<20)) }, nil), want: "unknown"},
		{name: "our side takes no more", set: answers(func(_ *faulty, s served) { s.begin(); flood(s, "x") }),
			do: with(func(c *remote.Command) { c.Stdout = full{} }, nil), want: "unknown"},
		{name: "extended data of a kind nobody knows", set: answers(func(_ *faulty, s served) {
			s.begin()
			if ext, ok := s.Channel.(interface{ Extended(uint32) io.ReadWriter }); ok {
				_, _ = ext.Extended(99).Write(make([]byte, 64<<10))
			}
			s.end("0")
		}), want: "done"},
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func hostileChannels() []behaviour {
	status := func(payload string) func(*faulty) {
		return answers(func(_ *faulty, s served) {
			_ = s.req.Reply(true, nil)
			_, _ = s.SendRequest("exit-status", false, []byte(payload))
			_ = s.Close()
		})
	}
	onConn := func(do func(conn ssh.Conn)) func(*faulty) {
		return func(f *faulty) { f.onConn = func(conn ssh.Conn) { f.serving.Go(func() { do(conn) }) } }
	}
	return []behaviour{
		{name: "no session is opened", set: func(f *faulty) { f.refuse = true }, want: "not started"},
		{name: "the request is never answered", set: answers(func(*faulty, served) {}), want: "unknown"},
		{name: "answers and ends before it was asked", set: answers(func(_ *faulty, s served) { s.begin(); s.end("0"); s.exit(0); _ = s.Close() }), want: "done"},
		{name: "an exit status of no bytes", set: status(""), want: "unknown"},
		{name: "an exit status of a megabyte", set: status(strings.Repeat("\x00", 30<<10)), want: "unknown"},
		{name: "a status and nothing that ran", set: status("\x00\x00\x00\x00"), want: "not started"},
		{name: "killed by a signal of escapes", set: answers(func(_ *faulty, s served) {
			s.begin()
			_, _ = s.SendRequest("exit-signal", false, ssh.Marshal(struct {
				Signal     string
				Core       bool
				Error, Tag string
			}{escapes, true, escapes, escapes}))
			_ = s.Close()
		}), want: "unknown"},
		{name: "requests on the channel without end", set: answers(func(_ *faulty, s served) {
			s.begin()
			for i := range 20000 {
				if _, err := s.SendRequest(fmt.Sprintf("x%d@example.org", i), false, []byte(escapes)); err != nil {
					return
				}
			}
			s.end("0")
		}), want: "done"},
		{name: "requests that want an answer", set: answers(func(_ *faulty, s served) {
			s.begin()
			for range 50 {
				if ok, err := s.SendRequest("shell", true, nil); ok || err != nil {
					return
				}
			}
			s.end("0")
		}), want: "done"},
		{name: "global requests without end", set: onConn(func(conn ssh.Conn) {
			for range 20000 {
				if _, _, err := conn.SendRequest("hostkeys-00@openssh.com", false, []byte(escapes)); err != nil {
					return
				}
			}
		}), want: "done"},
		{name: "global requests that want an answer", set: onConn(func(conn ssh.Conn) {
			for range 200 {
				if ok, _, err := conn.SendRequest("tcpip-forward", true, []byte(escapes)); ok || err != nil {
					return
				}
			}
		}), want: "done"},
		{name: "opens channels to us", set: onConn(func(conn ssh.Conn) {
			for _, kind := range []string{"auth-agent@openssh.com", "forwarded-tcpip", "x11", "session", "direct-tcpip", escapes} {
				if ch, _, err := conn.OpenChannel(kind, []byte(escapes)); err == nil {
					_ = ch.Close()
					_ = conn.Close() // the command fails: it was let in
				}
			}
		}), want: "done"},
		{name: "opens a thousand channels to us", set: onConn(func(conn ssh.Conn) {
			for range 1000 {
				if ch, _, err := conn.OpenChannel("x11", nil); err == nil {
					_ = ch.Close()
					_ = conn.Close()
				}
			}
		}), want: "done"},
		{name: "new keys all the time", set: func(f *faulty) {
			f.config.RekeyThreshold = 256
			f.onExec = func(s served) { s.begin(); _, _ = s.Write(make([]byte, 64<<10)); s.end("0"); s.exit(0) }
		}, do: with(func(c *remote.Command) { c.Timeout = 10 * time.Second }, nil), want: "done"},
		{name: "goes silent in a command", set: func(f *faulty) {
			begun := make(chan struct{})
			f.onExec = func(s served) { s.begin(); close(begun) }
			f.t.Cleanup(f.stallAfter(begun))
		}, cfg: func(c *remote.Config) { c.KeepAlive = short }, do: with(func(c *remote.Command) { c.Timeout = 10 * time.Second }, nil), want: "unknown"},
		{name: "hangs up in a command", set: answers(func(f *faulty, s served) { s.begin(); f.cut() }), want: "unknown"},
		{name: "lies about a file", set: answers(func(_ *faulty, s served) {
			s.begin()
			_, _ = io.WriteString(s, "81a4 -1 0 0 99999999999999999999\nplain\n"+escapes+"\n")
			s.end("0")
			s.exit(0)
		}), do: func(ctx context.Context, c *remote.Client) error {
			_, err := c.Lstat(ctx, "/etc/hostname")
			if errors.Is(err, os.ErrNotExist) {
				return errors.New("it is said to be absent")
			}
			return err
		}, want: "not started"},
	}
}
