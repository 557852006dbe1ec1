package cli

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"liftalot/plan/release"
	"liftalot/remote"
)

// A liar is a host that lets its operator in and answers every command with the
// same bytes, well wrapped.
type liar struct {
	listener net.Listener
	config   *ssh.ServerConfig
	answer   string
	status   int
	told     chan string // set: it asks for sudo's password, again and again, and says here what it got
	serving  sync.WaitGroup
}

func newLiar(t *testing.T, answer string, status int) (l *liar, inventory string) {
	t.Helper()
	dir := t.TempDir()
	host, _ := newKey(t)
	client, text := newKey(t)
	l = &liar{answer: answer, status: status, config: &ssh.ServerConfig{
		ServerVersion: "SSH-2.0-" + strings.Map(func(r rune) rune { // what x/crypto lets a server say
			if r < 0x20 || r > 0x7e {
				return '?'
			}
			return r
		}, answer[:min(len(answer), 100)]),
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if !bytes.Equal(key.Marshal(), client.PublicKey().Marshal()) {
				return nil, io.ErrUnexpectedEOF
			}
			return nil, nil
		},
		BannerCallback: func(ssh.ConnMetadata) string { return answer },
	}}
	l.config.AddHostKey(host)
	var err error
	if l.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	l.serving.Go(l.accept)
	t.Cleanup(func() { l.listener.Close(); l.serving.Wait() })
	port := l.listener.Addr().(*net.TCPAddr).Port
	if err := remote.AddKnownHost(filepath.Join(dir, ".liftalot", "known_hosts"), "127.0.0.1", port, host.PublicKey()); err != nil {
		t.Fatal(err)
	}
	key, inventory := filepath.Join(dir, "key"), filepath.Join(dir, "inventory.yml")
	for name, data := range map[string]string{
		key:       text,
		inventory: fmt.Sprintf("version: 1\nhosts:\n  web1: {address: 127.0.0.1, port: %d, user: root, identity: %s}\n", port, key),
	} {
		if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return l, inventory
}

func newKey(t *testing.T) (ssh.Signer, string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, string(pem.EncodeToMemory(block))
}

func (l *liar) accept() {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.serving.Go(func() {
			defer conn.Close()
			_, channels, requests, err := ssh.NewServerConn(conn, l.config)
			if err != nil {
				return
			}
			l.serving.Go(func() { ssh.DiscardRequests(requests) })
			for offered := range channels {
				if ch, requests, err := offered.Accept(); err == nil {
					l.serving.Go(func() { l.session(ch, requests) })
				}
			}
		})
	}
}

var ourMark = regexp.MustCompile(`mark=[0-9a-f]{32}=`)

func (l *liar) session(ch ssh.Channel, requests <-chan *ssh.Request) {
	for req := range requests {
		_ = req.Reply(req.Type == "exec", nil)
		mark := ourMark.FindString(string(req.Payload))
		if req.Type != "exec" || mark == "" {
			continue
		}
		if l.told != nil {
			fmt.Fprintf(ch.Stderr(), "%sp", mark)
			line, _ := bufio.NewReader(ch).ReadString('\n')
			l.told <- line
			fmt.Fprintf(ch.Stderr(), "Sorry, try again.\n%sp", mark)
			continue
		}
		for _, w := range []io.Writer{ch, ch.Stderr()} {
			fmt.Fprintf(w, "%s%sb%s%se%d.", l.answer, mark, l.answer, mark, l.status)
		}
		_ = ch.Close()
	}
}

// A host that answers everything with an attack gets a sentence, a status of
// the table, and not one byte of the attack onto the terminal or out of the
// state folder.
func TestAHostThatOnlyLies(t *testing.T) {
	known := []int{exitCheck, exitLocked, exitAuth, exitHostKey, exitUnreachable, exitInternal, exitUsage}
	for i, attack := range attacks() {
		t.Run(fmt.Sprintf("%02d", i), func(t *testing.T) {
			t.Parallel()
			for _, command := range [][]string{{"check"}, {"plan", "--json"}, {"verify"}, {"unlock", "--yes", "web1"}, {"trust", "--yes", "web1"}} {
				_, inventory := newLiar(t, attack, i%2*7)
				var out, errs bytes.Buffer
				home := t.TempDir()
				code := Main(append([]string{"--inventory", inventory, "--timeout", "30s"}, command...), Env{
					Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Now: time.Now,
					Getenv: func(string) string { return "" }, Vendor: new(release.Client),
				})
				for stream, text := range map[string]string{"stdout": out.String(), "stderr": errs.String()} {
					if bad := intruder(text); bad != "" {
						t.Errorf("%s: %q reaches %s", command[0], bad, stream)
					}
				}
				if code != exitDone && !slices.Contains(known, code) {
					t.Errorf("%s ends with %d:\n%s", command[0], code, errs.String())
				}
				if command[0] == "check" && (code == exitDone || code == exitInternal) {
					t.Errorf("the lies are believed, or not understood: status %d\n%s", code, errs.String())
				}
				if slices.Contains(command, "--json") && !json.Valid(out.Bytes()) {
					t.Errorf("%s: what is printed is no JSON: %q", command[0], out.String())
				}
				if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
					t.Errorf("left behind: %v, %v", left, err)
				}
				if entries, err := os.ReadDir(filepath.Dir(inventory)); err != nil || len(entries) != 3 {
					t.Errorf("beside the inventory: %v, %v", entries, err)
				}
			}
		})
	}
}

// A host that asks for a password gets its own and not another host's (row F77),
// and none when it does not ask by our own mark.
func TestEachHostGetsItsOwnPassword(t *testing.T) {
	secrets := map[string]string{"acme": "Kanarienvogel-A", "globex": "Kanarienvogel-B"}
	var text strings.Builder
	text.WriteString("version: 1\nhosts:\n")
	liars := map[string]*liar{}
	dir := t.TempDir()
	var known []byte
	for _, name := range []string{"acme", "globex"} {
		l, inventory := newLiar(t, "x", 0)
		l.told = make(chan string, 8)
		liars[name] = l
		lines, err := os.ReadFile(filepath.Join(filepath.Dir(inventory), ".liftalot", "known_hosts"))
		if err != nil {
			t.Fatal(err)
		}
		known = append(known, lines...)
		fmt.Fprintf(&text, "  %s: {address: 127.0.0.1, port: %d, user: ops, sudo: \"env:%s\", identity: %s}\n",
			name, l.listener.Addr().(*net.TCPAddr).Port, strings.ToUpper(name), filepath.Join(filepath.Dir(inventory), "key"))
	}
	if err := os.Mkdir(filepath.Join(dir, ".liftalot"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"inventory.yml": []byte(text.String()), ".liftalot/known_hosts": known} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	code := Main([]string{"--inventory", filepath.Join(dir, "inventory.yml"), "--timeout", "30s", "check"}, Env{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Now: time.Now,
		Getenv: func(name string) string { return secrets[strings.ToLower(name)] }, Vendor: new(release.Client),
	})
	if code != exitAuth {
		t.Errorf("status %d:\n%s", code, errs.String())
	}
	for name, l := range liars {
		close(l.told)
		n := 0
		for got := range l.told {
			if n++; got != secrets[name]+"\n" {
				t.Errorf("host %s was told %q", name, got)
			}
		}
		if n != 1 {
			t.Errorf("host %s was told a password %d times:\n%s", name, n, errs.String())
		}
	}
	for _, secret := range secrets {
		if strings.Contains(out.String()+errs.String(), secret) {
			t.Error("a password was printed")
		}
	}
}
