package cli

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"liftalot/inventory"
	"liftalot/plan"
	"liftalot/plan/release"
	"liftalot/testenv/fakes"
	"liftalot/testenv/fakevendor"
	"liftalot/testenv/sim/engine"
)

// What was signed once stops when it is not, on this machine, for any host, until a
// person accepts it by name.
func TestR16WhatWasSignedOnceStopsWithoutIt(t *testing.T) {
	for name, c := range map[string]struct {
		next fakevendor.Release
		says string
	}{
		"the manifest":     {fakevendor.Release{ManifestSignature: fakevendor.Missing}, `the manifest of channel "stable": it has no signature`},
		"of a later one":   {fakevendor.Release{Version: "0.24.8", ManifestSignature: fakevendor.Missing}, "it has no signature"},
		"the images":       {fakevendor.Release{ImageSignature: fakevendor.Missing}, "the server image"},
		"the socket proxy": {fakevendor.Release{UnsignedProxy: true}, "the socket proxy image"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, "  web2: {address: 192.0.2.2}\n")
			show := func(r fakevendor.Release) error {
				if r.Version == "" {
					r.Version = "0.24.7"
				}
				_, err := d.vendor.SetRelease(t.Context(), r)
				must(t, err)
				_, err = d.ask(t)
				return err
			}
			must(t, show(fakevendor.Release{}))
			code, said := d.ends(show(c.next))
			if code != exitTrust || !strings.Contains(said, c.says) || !strings.Contains(said, "allow: [lost-signature]") {
				t.Errorf("status %d:\n%s", code, said)
			}
			d.change(func(h *inventory.Host) { h.Allow = []string{"lost-signature"} })
			must(t, show(c.next))
			d.change(func(h *inventory.Host) { h.Allow = nil })
			if code, _ := d.ends(show(c.next)); code != exitTrust {
				t.Errorf("what one host accepts is accepted for another: status %d", code)
			}
			must(t, show(fakevendor.Release{Version: "0.24.9"}))
		})
	}
}

// What nothing vouches for is not remembered for having been shown.
func TestR16WhatIsOnlyShownBlocksNothing(t *testing.T) {
	d := newDesk(t, "")
	for _, r := range []fakevendor.Release{
		{Version: "999.0.0", ManifestSignature: fakevendor.Missing, ImageSignature: fakevendor.Missing},
		{Version: "0.24.7", ManifestSignature: fakevendor.Missing, ImageSignature: fakevendor.Missing},
		{Version: "0.24.6"},
	} {
		_, err := d.vendor.SetRelease(t.Context(), r)
		must(t, err)
		if _, err := d.ask(t); err != nil {
			t.Errorf("%s: %v", r.Version, err)
		}
	}
}

// After an upgrade it is: the next host does not get something older, or something else
// of the same name. An upgrade that was rolled back is none.
func TestWhatWasInstalledIsRemembered(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"}, simHost{name: "b", next: engine.App{Mode: engine.Crash}})
	f.offered = func(r *release.Release) {
		r.ManifestHost, r.Manifest.State = release.DefaultManifestHost, release.NotSigned
		for _, i := range []*release.Image{&r.Server, &r.Updater, &r.Proxy} {
			i.Signature.State = release.NotSigned
		}
	}
	open := func() *session {
		a := newApp(Env{Stdin: strings.NewReader(""), Stdout: new(strings.Builder), Stderr: new(strings.Builder), Now: time.Now, Getenv: func(string) string { return "" }})
		a.flags.inventory = f.inventory()
		s, err := a.open(nil)
		must(t, err)
		return s
	}
	remembered := func() *release.Memory {
		m, err := open().state.memory()
		must(t, err)
		return m
	}
	const stable = release.DefaultManifestHost + " stable"
	f.does(exitDone, "plan")
	f.does(exitRolledBack, "apply", "--yes", "b")
	if m := remembered(); len(m.Channels)+len(m.Images) > 0 {
		t.Errorf("after an upgrade that was rolled back: %+v", m)
	}
	f.does(exitDone, "apply", "--yes", "a")
	m := remembered()
	if got := m.Channels[stable]; got.Installed.Version != "0.24.6" || !got.SignedAt.IsZero() {
		t.Errorf("the channel: %+v", got)
	}
	if len(m.Images) != 3 || len(m.Signed) > 0 {
		t.Errorf("the images: %+v, signed %+v", m.Images, m.Signed)
	}
	for tag, known := range m.Images {
		if known.Proof != release.Installed {
			t.Errorf("%s: %+v", tag, known)
		}
	}
	f.does(exitDone, "rollback", "--yes", "a")
	must(t, open().state.remember(func(m *release.Memory) { // as if another host had got another one
		for tag, known := range m.Images {
			if strings.Contains(tag, "docker-socket-proxy") {
				known.Digest = "sha256:" + strings.Repeat("1", 64)
				m.Images[tag] = known
			}
		}
	}))
	f.does(exitDone, "plan", "b")
	if r := f.does(exitTrust, "apply", "--yes", "b"); !strings.Contains(r.stderr, "the socket proxy image") {
		t.Errorf("said:\n%s", r.stderr)
	}
}

// Two hosts of one invocation get the same images, however different what they ask for.
func TestHostsOfOneInvocationGetTheSameImages(t *testing.T) {
	d := newDesk(t, "")
	unsigned := fakevendor.Release{Version: "0.24.7", UnsignedProxy: true}
	_, err := d.vendor.SetRelease(t.Context(), unsigned)
	must(t, err)
	facts := &plan.Facts{}
	facts.Docker.Arch = "amd64"
	_, err = d.release.Resolve(t.Context(), facts)
	must(t, err)
	unsigned.ProxyBehaviour = fakes.Slow
	_, err = d.vendor.SetRelease(t.Context(), unsigned)
	must(t, err)
	d.change(func(h *inventory.Host) { h.Allow = []string{"old-migrations"} }) // another question to the same vendor
	_, err = d.release.Resolve(t.Context(), facts)
	if code, said := d.ends(err); code != exitTrust || !strings.Contains(said, "docker-socket-proxy:0.3.0") || !strings.Contains(said, "a moment ago") {
		t.Errorf("status %d:\n%s", code, said)
	}
	if _, err := d.ask(t); err != nil {
		t.Errorf("another invocation, which warns: %v", err)
	}
}

// A plan is held against what other hosts have shown since.
func TestAPlanIsHeldAgainstWhatWasLearnedSince(t *testing.T) {
	d := newDesk(t, "")
	_, err := d.vendor.SetRelease(t.Context(), fakevendor.Release{Version: "0.24.7", UnsignedProxy: true, ManifestSignature: fakevendor.Missing})
	must(t, err)
	rel, err := d.ask(t)
	must(t, err)
	p := &plan.Plan{ID: "a", Kind: plan.Upgrade, Release: rel, Steps: []plan.Step{{ID: "x"}}}
	must(t, d.server(nil).Trusted(p, nil))
	_, err = d.vendor.SetRelease(t.Context(), fakevendor.Release{Version: "0.24.7"})
	must(t, err)
	_, err = d.ask(t)
	must(t, err)
	if code, said := d.ends(d.server(nil).Trusted(p, nil)); code != exitTrust || !strings.Contains(said, "the manifest of channel") || !strings.Contains(said, "plan anew: liftalot plan web1") {
		t.Errorf("status %d:\n%s", code, said)
	}
	d.change(func(h *inventory.Host) { h.Allow = []string{"lost-signature"} })
	must(t, d.server(nil).Trusted(p, nil))
}

// The file of before did not say what vouched for a release, so none of it counts
// against what is signed. One that cannot be read stops: without it nobody would see
// that a signature is gone.
func TestTheFileOfWhatIsRemembered(t *testing.T) {
	const first = `{"https://updates.seglamater.app stable":{"Version":"999.0.0","Digest":"sha256:00"}}`
	unsigned := fakevendor.Release{Version: "0.24.7", ManifestSignature: fakevendor.Missing}
	for name, c := range map[string]struct {
		text    string
		release fakevendor.Release
		code    int
		says    string
	}{
		"none":            {"", fakevendor.Release{Version: "0.24.7"}, exitDone, ""},
		"of before":       {first, fakevendor.Release{Version: "0.24.7"}, exitDone, ""},
		"of before, held": {first, unsigned, exitTrust, "version: 0.24.7 asks for it by name"},
		"of later":        {`{"format": 3}`, fakevendor.Release{Version: "0.24.7"}, exitState, "use a newer liftalot"},
		"no JSON":         {"{", fakevendor.Release{Version: "0.24.7"}, exitState, "it is not JSON of its form"},
		"of another form": {`{"a": 1}`, fakevendor.Release{Version: "0.24.7"}, exitState, "it is not JSON of its form"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, "")
			if c.text != "" {
				must(t, os.WriteFile(d.session.state.channelsFile(), []byte(c.text), 0o600))
			}
			_, err := d.vendor.SetRelease(t.Context(), c.release)
			must(t, err)
			_, err = d.ask(t)
			if code, said := d.ends(err); code != c.code || !strings.Contains(said, c.says) {
				t.Fatalf("status %d, want %d:\n%s", code, c.code, said)
			}
			if c.code != exitDone {
				return
			}
			m, err := d.session.state.memory()
			must(t, err)
			if got := m.Channels["https://updates.seglamater.app stable"].Signed[d.vendor.KeyFingerprint()]; got.Version != "0.24.7" || len(m.Images) != 3 || len(m.Signed) != 3 {
				t.Errorf("remembered: %+v", m)
			}
		})
	}
}

// What a channel was seen at only rises, and each manifest host has its own.
func TestAChannelIsNeverRememberedLower(t *testing.T) {
	d := newDesk(t, "")
	see := func(host, version string) {
		r := &release.Release{ManifestHost: host, Channel: "stable", Version: version, ManifestSHA256: "00", Manifest: release.Signature{State: release.NotSigned}}
		must(t, d.session.state.remember(func(m *release.Memory) { m.Install(r, time.Now()) }))
	}
	see("https://updates.example", "0.24.8")
	see("https://updates.example", "0.24.6")
	see("https://mirror.example", "0.24.6")
	m, err := d.session.state.memory()
	must(t, err)
	for host, want := range map[string]string{"https://updates.example": "0.24.8", "https://mirror.example": "0.24.6"} {
		if got := m.Channels[host+" stable"].Installed.Version; got != want {
			t.Errorf("%s is at %s", host, got)
		}
	}
}

// Invocations that remember at the same time lose nothing of each other's.
func TestT3ChannelsAreRememberedAtTheSameTime(t *testing.T) {
	d := newDesk(t, "")
	var all sync.WaitGroup
	const invocations = 20
	channel := func(i int) *release.Release {
		return &release.Release{ManifestHost: fmt.Sprintf("https://host%d.example", i), Channel: "stable", Version: "0.24.6", ManifestSHA256: "00"}
	}
	for i := range invocations {
		other := d.session.state // as another process has it
		all.Go(func() {
			if err := other.remember(func(m *release.Memory) { m.Install(channel(i), time.Now()) }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	m, err := d.session.state.memory()
	must(t, err)
	for i := range invocations {
		if m.Channels[channel(i).ManifestHost+" stable"].Installed.Version == "" {
			t.Errorf("what invocation %d remembered is lost", i)
		}
	}
}

// A registry that has another host give out its tokens gets a sentence with both hosts
// and what to write where that is right.
func TestCase32TheRegistrySendsTheLoginElsewhere(t *testing.T) {
	const login = "    registry: {username: client, password: \"env:REGISTRY_PASSWORD\"}\n"
	for name, c := range map[string]struct {
		realm string
		host  string // named in the inventory
		code  int
		says  string
	}{
		"elsewhere":      {"https://updates.seglamater.app/v2/token", "", exitAuth, `hint: nothing was sent there; if that host may have the login: "registry: {token_host: updates.seglamater.app}" in the inventory`},
		"there, by name": {"https://updates.seglamater.app/v2/token", "updates.seglamater.app", exitDone, ""},
		"without TLS":    {"http://git.example.net/v2/token", "", exitAuth, "the registry sends the login to http://git.example.net, which is not done: its ROOT_URL is wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, login)
			must(t, d.vendor.SetAuth(t.Context(), fakevendor.Auth{Mode: fakevendor.Bearer, User: "client", Password: registryPassword, Realm: c.realm}))
			d.change(func(h *inventory.Host) { h.Registry.TokenHost = c.host })
			_, err := d.ask(t)
			if code, said := d.ends(err); code != c.code || !strings.Contains(said, c.says) {
				t.Errorf("status %d, want %d:\n%s", code, c.code, said)
			}
			requests, err := d.vendor.Requests(t.Context())
			must(t, err)
			for _, r := range requests {
				if c.host == "" && r.User != "" && strings.HasSuffix(r.Path, "/token") {
					t.Errorf("the login was sent: %+v", r)
				}
			}
		})
	}
	if _, err := inventory.Parse("i.yml", []byte("version: 1\nhosts: {a: {address: h, registry: {token_host: git.example.net}}}\n")); err != nil {
		t.Error(err)
	}
}
