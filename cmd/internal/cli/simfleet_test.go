package cli

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"liftalot/plan"
	"liftalot/plan/release"
	"liftalot/remote"
	"liftalot/testenv/sim"
	"liftalot/testenv/sim/dash"
	"liftalot/testenv/sim/engine"
	"liftalot/testenv/sim/machine"
)

// A simFleet is a workstation with an inventory of simulated servers, and the
// release that they were recorded with. Commands run in this process, as Main
// runs them, but for the vendor's hosts: the release is given, and the registry
// says of its tags what was recorded.
type simFleet struct {
	t       *testing.T
	dir     string
	servers map[string]*sim.Server
	names   []string
	labels  map[string]string // a host's line in the inventory
	stdin   string
	keyFile string
	key     []byte
	offered func(*release.Release) // changes what the vendor's hosts would say
	drills  bool                   // what is not simulated is asked for: a drill is beyond these servers
}

// simHost is a server of a fleet.
type simHost struct {
	name   string
	staged bool // the updater's services are in its compose file already
	next   engine.App
	client string
}

func newSimFleet(t *testing.T, hosts ...simHost) *simFleet {
	t.Helper()
	f := &simFleet{t: t, dir: t.TempDir(), servers: map[string]*sim.Server{}, labels: map[string]string{}}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	must(t, err)
	f.keyFile = filepath.Join(f.dir, "key")
	must(t, os.WriteFile(f.keyFile, pem.EncodeToMemory(block), 0o600))
	key, err := ssh.NewPublicKey(public)
	must(t, err)
	f.key = key.Marshal()
	shell := new(dash.Parser)
	for _, h := range hosts {
		f.boot(shell, h)
	}
	f.writeInventory()
	return f
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (f *simFleet) boot(shell *dash.Parser, h simHost) {
	f.t.Helper()
	layout := sim.Public
	if h.staged {
		layout = sim.Staged
	}
	s, err := sim.NewServerOf(layout, sim.Options{Machine: machine.Options{Hostname: h.name}, Shell: shell}, h.next)
	must(f.t, err)
	f.t.Cleanup(func() {
		if err := s.Close(); !f.drills {
			must(f.t, err)
		}
	})
	s.Machine.AddUser(machine.User{Name: "root", Home: "/root", Keys: [][]byte{f.key}})
	must(f.t, remote.AddKnownHost(filepath.Join(f.dir, ".liftalot", "known_hosts"), s.Addr, s.Port, s.HostKey))
	f.servers[h.name] = s
	f.names = append(f.names, h.name)
	line := fmt.Sprintf("{address: %s, port: %d, user: root", s.Addr, s.Port)
	if h.client != "" {
		line += fmt.Sprintf(", labels: {client: %s}", h.client)
	}
	f.labels[h.name] = line + "}"
}

func (f *simFleet) inventory() string { return filepath.Join(f.dir, "inventory.yml") }

func (f *simFleet) writeInventory() {
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\ndefaults:\n  identity: %s\n  cosign_key_sha256: %s\nhosts:\n", f.keyFile, plan.Hash([]byte(vendorKey)))
	for _, name := range f.names {
		fmt.Fprintf(&b, "  %s: %s\n", name, f.labels[name])
	}
	must(f.t, os.WriteFile(f.inventory(), []byte(b.String()), 0o600))
}

// ran is what a command left on the screen, and its exit status.
type ran struct {
	code        int
	out, stderr string
}

// run runs a command line, with the vendor's answer at hand.
func (f *simFleet) run(args ...string) ran { return f.start(true, args) }

// runEmpty runs a command line that needs no host.
func (f *simFleet) runEmpty(args ...string) ran { return f.start(false, args) }

func (f *simFleet) start(offered bool, args []string) ran {
	f.t.Helper()
	var out, stderr bytes.Buffer
	a := newApp(Env{
		Stdin: strings.NewReader(f.stdin), Stdout: &out, Stderr: &stderr, Now: time.Now, Getenv: func(string) string { return "" },
		Vendor: &release.Client{Transport: recordedRegistry{f.t}, Pause: time.Nanosecond},
	})
	if offered {
		f.offer(a)
	}
	code := a.main(append([]string{"-i", f.inventory()}, args...))
	if cmd := commandOf(f.t, args); cmd.HasParent() && !mayExit(cmd, code) {
		f.t.Errorf("liftalot %s ended with %d, which the help of %q does not list", strings.Join(args, " "), code, cmd.CommandPath())
	}
	return ran{code, out.String(), stderr.String()}
}

// does runs a command line that must end with a status.
func (f *simFleet) does(code int, args ...string) ran {
	f.t.Helper()
	r := f.run(args...)
	if r.code != code {
		f.t.Fatalf("liftalot %s ended with %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, r.out, r.stderr)
	}
	return r
}

// offer gives an invocation the answer that the vendor's hosts would give it.
func (f *simFleet) offer(a *app) {
	f.t.Helper()
	a.flags.inventory = f.inventory()
	s, err := a.open(nil)
	must(f.t, err)
	t := s.target(s.hosts[0])
	defer t.close()
	found := a.lookups.get(t.release.lookupKey("linux/amd64"))
	found.once.Do(func() {
		found.release = recordedRelease(f.t)
		if f.offered != nil {
			f.offered(found.release)
		}
	})
}

const vendorKey = "-----BEGIN PUBLIC KEY-----\nsimulated\n-----END PUBLIC KEY-----\n"

func recordedRelease(t *testing.T) *release.Release {
	t.Helper()
	images, err := sim.ReleaseImages()
	must(t, err)
	image := func(service string) release.Image {
		repo, digest, _ := strings.Cut(images[service], "@")
		return release.Image{Repo: repo, Tag: "0.24.6", Digest: digest, PlatformDigest: digest, Signature: release.Signature{State: release.Verified}, Declared: true}
	}
	key := []byte(vendorKey)
	return &release.Release{
		Version: "0.24.6", Channel: "stable", Server: image("chatalot"), Updater: image("chatalot-updater"), Proxy: image("chatalot-socket-proxy"),
		KeyPEM: key, KeySHA256: plan.Hash(key), Manifest: release.Signature{State: release.Verified}, ManifestSHA256: plan.Hash(nil),
	}
}

// recordedRegistry answers for every tag with an index of all images of the
// recorded release.
type recordedRegistry struct{ t *testing.T }

func (r recordedRegistry) RoundTrip(req *http.Request) (*http.Response, error) {
	body, kind := []byte("{}"), "application/json"
	if strings.Contains(req.URL.Path, "/manifests/") {
		images, err := sim.ReleaseImages()
		if err != nil {
			return nil, err
		}
		var parts []map[string]any
		for _, service := range []string{"chatalot", "chatalot-updater", "chatalot-socket-proxy"} {
			_, digest, _ := strings.Cut(images[service], "@")
			parts = append(parts, map[string]any{
				"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 100,
				"platform": map[string]string{"os": "linux", "architecture": "amd64"},
			})
		}
		kind = "application/vnd.oci.image.index.v1+json"
		if body, err = json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": kind, "manifests": parts}); err != nil {
			return nil, err
		}
	}
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req, ContentLength: int64(len(body)),
		Header: http.Header{"Content-Type": {kind}, "Docker-Content-Digest": {"sha256:" + plan.Hash(body)}},
		Body:   io.NopCloser(bytes.NewReader(body)),
	}, nil
}

func matches(pattern, text string) bool {
	return regexp.MustCompile(`(?m)` + pattern).MatchString(text)
}
