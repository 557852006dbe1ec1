package cli

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh/knownhosts"

	"liftalot/testenv/vps"
	"liftalot/testenv/vps/vpstest"
)

// A world is what one story has around it: servers on a network of their own,
// and the vendor's hosts.
type world struct {
	tb      testing.TB
	env     *vps.Env
	dir     string
	hosts   []*vps.Host
	environ []string // of commands
	secrets []string // that no file of ours may hold
	struck  func() int
	outside *outsider
}

// worldKey is where a script finds its world.
type worldKey struct{}

func of(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

// host finds a server of the story.
func (w *world) host(ts *testscript.TestScript, name string) *vps.Host {
	for _, h := range w.hosts {
		if h.Name == name {
			return h
		}
	}
	ts.Fatalf("no host %q is up", name)
	return nil
}

// worlds makes worlds, a few at a time: each server runs an engine, a database
// and a handful of processes.
type worlds struct{ slots chan struct{} }

// serversAtOnce is more than the cores of a small machine: servers also wait.
const serversAtOnce = 3

func newWorlds() *worlds {
	n, err := strconv.Atoi(os.Getenv("LIFTALOT_SERVERS"))
	if err != nil || n < 1 {
		n = serversAtOnce
	}
	return &worlds{slots: make(chan struct{}, n)}
}

func (w *worlds) setup(e *testscript.Env) error {
	tb := e.T().(testing.TB)
	select {
	case w.slots <- struct{}{}:
		tb.Cleanup(func() { <-w.slots })
	case <-tb.Context().Done():
		return tb.Context().Err()
	}
	env := vpstest.Open(tb)
	e.Vars = append(e.Vars, env.Environ()...)
	e.Values[worldKey{}] = &world{tb: tb, env: env, dir: e.WorkDir, environ: e.Vars, struck: func() int { return -1 }}
	return nil
}

// bootHost is: host NAME SCENARIO [user=USER] [compose=FILE].
func bootHost(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: host NAME SCENARIO [user=USER] [compose=FILE]")
	}
	w := of(ts)
	o := vps.BootOptions{Name: args[0], Scenario: args[1]}
	for key, value := range settings(ts, args[2:]) {
		switch key {
		case "user":
			o.User = value
		case "compose":
			o.ComposeFile = []byte(ts.ReadFile(value))
		default:
			ts.Fatalf("host: unknown setting %q", key)
		}
	}
	h := vpstest.BootIn(w.tb, w.env, o)
	w.hosts = append(w.hosts, h)
	w.secrets = append(w.secrets, h.SudoPassword)
	ts.Setenv("SUDO_PASSWORD", h.SudoPassword)
	ts.Setenv(o.Name, h.Addr)
	w.trust(ts, h)
	w.inventory(ts, nil)
}

// trust adds the keys of a server where liftalot looks for them.
func (w *world) trust(ts *testscript.TestScript, h *vps.Host) {
	at := knownhosts.Normalize(net.JoinHostPort(h.Addr, strconv.Itoa(h.Port)))
	var lines strings.Builder
	for _, key := range h.HostKeys {
		fmt.Fprintf(&lines, "%s %s\n", at, key)
	}
	state := filepath.Join(w.dir, ".liftalot")
	ts.Check(os.MkdirAll(state, 0o700))
	file, err := os.OpenFile(filepath.Join(state, "known_hosts"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	ts.Check(err)
	_, err = file.WriteString(lines.String())
	ts.Check(err)
	ts.Check(file.Close())
}

// writeInventory is: inventory [[HOST.]KEY=VALUE...]. A value is YAML.
func writeInventory(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("unsupported: ! inventory")
	}
	of(ts).inventory(ts, settings(ts, args))
}

func (w *world) inventory(ts *testscript.TestScript, extra map[string]string) {
	fingerprint, err := w.env.Fixture().KeyFingerprint(w.tb.Context())
	ts.Check(err)
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\ndefaults:\n  identity: %s\n  cosign_key_sha256: %s\nhosts:\n", w.env.KeyFile(), fingerprint)
	for _, h := range w.hosts {
		keys := map[string]string{"address": h.Addr, "port": strconv.Itoa(h.Port), "user": h.User, "sudo": sudoOf(h.User)}
		for key, value := range extra {
			host, own, ok := strings.Cut(key, ".")
			switch {
			case !ok:
				keys[key] = value
			case host == h.Name:
				keys[own] = value
			}
		}
		fmt.Fprintf(&b, "  %s:\n", h.Name)
		for key, value := range keys {
			fmt.Fprintf(&b, "    %s: %s\n", key, value)
		}
	}
	ts.Check(os.WriteFile(filepath.Join(w.dir, "inventory.yml"), []byte(b.String()), 0o600))
}

// sudoOf is how liftalot is told what a user needs to become root.
func sudoOf(user string) string {
	switch user {
	case vps.UserRoot:
		return "none"
	case vps.UserOps:
		return "env:SUDO_PASSWORD"
	}
	return "nopasswd"
}

// settings reads KEY=VALUE.
func settings(ts *testscript.TestScript, args []string) map[string]string {
	all := map[string]string{}
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok {
			ts.Fatalf("%q is not KEY=VALUE", arg)
		}
		all[key] = value
	}
	return all
}

func number(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		ts.Fatalf("%q is not a number", text)
	}
	return n
}
