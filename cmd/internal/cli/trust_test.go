package cli

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"

	"liftalot/remote"
)

// A gate is a jump host: it lets anybody in, and on to one address.
type gate struct {
	listener net.Listener
	key      ssh.PublicKey
	config   *ssh.ServerConfig
	serving  sync.WaitGroup
	logins   atomic.Int32
	toItself bool // it answers in the place of whatever is behind it
}

func newGate(t *testing.T) *gate {
	t.Helper()
	signer, _ := newKey(t)
	g := &gate{key: signer.PublicKey(), config: &ssh.ServerConfig{
		PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, nil },
	}}
	g.config.AddHostKey(signer)
	var err error
	g.listener, err = net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	g.serving.Go(g.accept)
	t.Cleanup(func() { g.listener.Close(); g.serving.Wait() })
	return g
}

func (g *gate) port() int { return g.listener.Addr().(*net.TCPAddr).Port }

func (g *gate) accept() {
	for {
		conn, err := g.listener.Accept()
		if err != nil {
			return
		}
		g.serving.Go(func() {
			defer conn.Close()
			_, channels, requests, err := ssh.NewServerConn(conn, g.config)
			if err != nil {
				return
			}
			g.logins.Add(1)
			g.serving.Go(func() { ssh.DiscardRequests(requests) })
			for offered := range channels {
				g.serving.Go(func() { g.forward(offered) })
			}
		})
	}
}

func (g *gate) forward(offered ssh.NewChannel) {
	var to struct {
		Host   string
		Port   uint32
		Origin string
		From   uint32
	}
	if offered.ChannelType() != "direct-tcpip" || ssh.Unmarshal(offered.ExtraData(), &to) != nil {
		_ = offered.Reject(ssh.UnknownChannelType, "a way on is all there is")
		return
	}
	address := net.JoinHostPort(to.Host, fmt.Sprint(to.Port))
	if g.toItself {
		address = g.listener.Addr().String()
	}
	there, err := net.Dial("tcp", address)
	if err != nil {
		_ = offered.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	defer there.Close()
	here, requests, err := offered.Accept()
	if err != nil {
		return
	}
	g.serving.Go(func() { ssh.DiscardRequests(requests) })
	g.serving.Go(func() { _, _ = io.Copy(there, here); there.Close() })
	_, _ = io.Copy(here, there)
	_ = here.Close()
}

// behind is a fleet of one host, initech, behind a gate that ssh_config calls
// bastion and known_hosts the-gate. Nobody has vouched for either.
type behind struct {
	*simFleet
	gate             *gate
	theGate, initech string // fingerprints
}

func newBehind(t *testing.T) *behind {
	t.Helper()
	b := &behind{simFleet: newSimFleet(t, simHost{name: "initech"}), gate: newGate(t)}
	b.theGate, b.initech = ssh.FingerprintSHA256(b.gate.key), ssh.FingerprintSHA256(b.servers["initech"].HostKey)
	b.labels["initech"] = strings.TrimSuffix(b.labels["initech"], "}") + ", jump: [ops@bastion]}"
	b.writeInventory()
	b.gate.isBastion(t, b.keyFile)
	must(t, os.Remove(b.known()))
	return b
}

// isBastion has ssh_config call the gate bastion, and known_hosts the-gate.
func (g *gate) isBastion(t *testing.T, keyFile string) {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	must(t, os.Mkdir(filepath.Join(home, ".ssh"), 0o700))
	text := fmt.Sprintf("Host bastion\n  HostName 127.0.0.1\n  Port %d\n  IdentityFile %s\n  HostKeyAlias The-Gate\n", g.port(), keyFile)
	must(t, os.WriteFile(filepath.Join(home, ".ssh", "config"), []byte(text), 0o600))
}

func (b *behind) known() string { return filepath.Join(b.dir, ".liftalot", "known_hosts") }

// knows says whose keys are remembered.
func (b *behind) knows(want ...string) {
	b.t.Helper()
	text, err := os.ReadFile(b.known())
	if err != nil && !os.IsNotExist(err) {
		b.t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(line, " ")
		if strings.HasPrefix(name, "[127.0.0.1]:") {
			name = "initech"
		}
		got = append(got, name)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		b.t.Errorf("known are %q, want %q", got, want)
	}
}

// trusts answers the questions of one trust.
func (b *behind) trusts(code int, answers string, args ...string) ran {
	b.t.Helper()
	b.stdin = answers
	defer func() { b.stdin = "" }()
	r := b.runEmpty(append([]string{"trust", "initech"}, args...)...)
	if r.code != code {
		b.t.Fatalf("trust %q ended with %d, want %d\n%s%s", args, r.code, code, r.out, r.stderr)
	}
	return r
}

func (b *behind) says(r ran, texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.out+r.stderr, text) {
			b.t.Errorf("it does not say %q:\n%s%s", text, r.out, r.stderr)
		}
	}
}

// The hint of a host behind a jump host that nobody knows leads to a host that is
// known.
func TestTrustGoesAlongTheWay(t *testing.T) {
	b := newBehind(t)
	b.says(b.does(exitHostKey, "check", "initech"),
		"initech: bastion: host key of the-gate is unknown: got ssh-ed25519 "+b.theGate,
		`hint: bastion is the jump host on the way: "liftalot trust initech" asks about it first`)
	r := b.trusts(exitDone, "y\ny\n")
	b.says(r, "bastion  ssh-ed25519 "+b.theGate, "Is that the key of the jump host bastion, on the way to initech?", "initech  ssh-ed25519 "+b.initech, "Is that what the client says")
	if want := "bastion  trusted, on the way to initech\ninitech  trusted\n"; r.out != want {
		t.Errorf("got %q, want %q", r.out, want)
	}
	b.knows("the-gate", "initech")
	b.does(exitDone, "check", "initech")
	if r := b.trusts(exitDone, "y\n"); strings.Contains(r.stderr, "jump host") {
		t.Errorf("a jump host that is known is asked about:\n%s", r.stderr)
	}
}

func TestD6WhoIsTrustedIsNotAskedAbout(t *testing.T) {
	b := newBehind(t)
	b.trusts(exitDone, "", "--yes")
	for _, args := range [][]string{nil, {"--yes"}} {
		if r := b.trusts(exitDone, "", args...); r.out != "initech  already trusted\n" {
			t.Errorf("%q: %q", args, r.out)
		}
	}
	b.says(b.trusts(exitHostKey, "", "--fingerprint", "SHA256:"+strings.Repeat("A", 43)), "which was not given")
}

// A fingerprint that is pasted in place of a yes is compared, as ssh does it; so is a whole
// line of ssh-keygen -lf.
func TestTrustComparesAPastedFingerprint(t *testing.T) {
	b := newBehind(t)
	r := b.trusts(exitDone, "256 "+b.theGate+" root@gate (ED25519)\n"+b.initech+"\n")
	b.says(r, "on the way to initech? [y/N/fingerprint] ")
	b.knows("the-gate", "initech")
	must(t, os.Remove(b.known()))
	b.says(b.trusts(exitHostKey, "y\n"+b.theGate+"\n"), "got ssh-ed25519 "+b.initech+", which was not given", "hint: nothing of it was remembered")
	b.knows("the-gate")
	b.says(b.trusts(exitCancelled, "SHA256:short\nn\n"), "Please answer y, n or with the fingerprint. [y/N/fingerprint] ")
	b.knows("the-gate")
}

// What is not agreed to is not remembered, and the way ends there.
func TestTrustStopsOnTheWay(t *testing.T) {
	b := newBehind(t)
	if r := b.trusts(exitCancelled, "n\n"); strings.Contains(r.stderr, b.initech) {
		t.Errorf("the host was looked at through a jump host that is not trusted:\n%s", r.stderr)
	}
	b.knows()
	b.says(b.trusts(exitUsage, ""), "say --fingerprint SHA256:… with what the client gave you, or --yes")
	b.says(b.trusts(exitUsage, "y\ny\n", "--json"), "has no JSON document")
	b.knows()
	b.trusts(exitCancelled, "y\nn\n")
	b.knows("the-gate")
	must(t, os.Remove(b.known()))
	b.trusts(exitDone, "", "--yes")
	b.knows("the-gate", "initech")
}

// A jump host that ssh knows already, by its alias, is not asked about.
func TestTrustThroughAJumpHostThatIsKnown(t *testing.T) {
	b := newBehind(t)
	home, err := os.UserHomeDir()
	must(t, err)
	must(t, remote.AddKnownHost(filepath.Join(home, ".ssh", "known_hosts"), "the-gate", 22, b.gate.key))
	b.says(b.does(exitHostKey, "check", "initech"), "hint: compare the fingerprint with the client's, then: liftalot trust initech --fingerprint "+b.initech)
	b.trusts(exitDone, "", "--fingerprint", b.initech)
	b.knows("initech")
	b.does(exitDone, "check", "initech")
}

// Each hint, typed as it stands, is a step further.
func TestFingerprintsAlongTheWay(t *testing.T) {
	b := newBehind(t)
	b.says(b.trusts(exitHostKey, "", "--fingerprint", b.initech),
		fmt.Sprintf("hint: bastion is the jump host on the way: compare its fingerprint too, then: liftalot trust initech --fingerprint %s --fingerprint %s", b.theGate, b.initech))
	b.knows()
	b.trusts(exitDone, "", "--fingerprint", b.theGate, "--fingerprint", b.initech)
	b.knows("the-gate", "initech")
	must(t, os.Remove(b.known()))
	b.trusts(exitDone, "", "--fingerprint", b.initech, "--fingerprint", strings.TrimPrefix(b.theGate, "SHA256:")+"= ") // the order and the form do not matter
	must(t, os.Remove(b.known()))
	b.says(b.trusts(exitHostKey, "", "--fingerprint", b.theGate),
		"bastion  trusted", "hint: compare the fingerprint with the client's, then: liftalot trust initech --fingerprint "+b.initech)
	b.knows("the-gate")
	b.says(b.trusts(exitHostKey, "", "--fingerprint", "SHA256:"+strings.Repeat("A", 43)), "which was not given", "hint: nothing of it was remembered")
	b.knows("the-gate")
	b.trusts(exitDone, "", "--fingerprint", b.initech)
	b.knows("the-gate", "initech")
}

// The fingerprint of a jump host vouches for it and not for what it says is behind it.
func TestAJumpHostDoesNotPassForTheHost(t *testing.T) {
	b := newBehind(t)
	b.gate.toItself = true
	b.trusts(exitHostKey, "", "--fingerprint", b.theGate)
	b.knows("the-gate")
	// Nor where it is known already, and its fingerprint is given again.
	b.trusts(exitHostKey, "", "--fingerprint", b.theGate, "--fingerprint", b.initech)
	b.knows("the-gate")
	b.gate.toItself = false
	b.trusts(exitDone, "", "--fingerprint", b.theGate, "--fingerprint", b.initech)
	b.knows("the-gate", "initech")
}

// Another key than the known one is refused on the way, whoever says yes.
func TestTrustRefusesAChangedJumpHost(t *testing.T) {
	b := newBehind(t)
	home, err := os.UserHomeDir()
	must(t, err)
	theirs := filepath.Join(home, ".ssh", "known_hosts")
	other, _ := newKey(t)
	for text, want := range map[string]string{
		"the-gate " + string(ssh.MarshalAuthorizedKey(other.PublicKey())): "host key of the-gate is changed",
		"@revoked * " + string(ssh.MarshalAuthorizedKey(b.gate.key)):      "host key of the-gate is revoked",
	} {
		must(t, os.WriteFile(theirs, []byte(text), 0o600))
		for _, args := range [][]string{{"--yes"}, {"--fingerprint", b.theGate, "--fingerprint", b.initech}} {
			b.says(b.trusts(exitHostKey, "y\ny\n", args...), want, theirs+":1")
			b.knows()
		}
	}
}
