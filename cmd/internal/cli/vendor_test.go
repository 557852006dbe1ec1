package cli

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"liftalot/inventory"
	"liftalot/plan"
	"liftalot/plan/release"
	"liftalot/testenv/fakes"
	"liftalot/testenv/fakevendor"
)

// A desk is a workstation with one host in its inventory, which nobody asks, and
// with the vendor as a fixture.
type desk struct {
	*target
	session     *session
	vendor      *fakevendor.Vendor
	out, stderr bytes.Buffer
}

const registryPassword = "Kanarienvogel-4711/+&"

func newDesk(t *testing.T, more string) *desk {
	t.Helper()
	vendor, err := fakevendor.Start(t.Context(), fakevendor.Options{})
	if err != nil {
		t.Fatal(err)
	}
	transport := vendor.HTTPClient().Transport.(*http.Transport)
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		vendor.Close()
	})
	dir := t.TempDir()
	file := filepath.Join(dir, "inventory.yml")
	text := "version: 1\nhosts:\n  web1:\n    address: 192.0.2.1\n    cosign_key_sha256: " + vendor.KeyFingerprint() + "\n" + more
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &desk{vendor: vendor}
	a := newApp(Env{
		Stdin: strings.NewReader(""), Stdout: &d.out, Stderr: &d.stderr, Now: time.Now,
		Getenv: func(name string) string { return map[string]string{"REGISTRY_PASSWORD": registryPassword}[name] },
		Vendor: &release.Client{Transport: transport, Pause: time.Nanosecond},
	})
	a.flags.inventory = file
	s, err := a.open(nil)
	if err != nil {
		t.Fatal(err)
	}
	d.session, d.target = s, s.target(s.hosts[0])
	t.Cleanup(func() { d.close() })
	return d
}

// change changes what the inventory says of the host.
func (d *desk) change(how func(*inventory.Host)) {
	h := d.host
	how(&h)
	d.close()
	d.target = d.session.target(h)
}

// ends gives the exit status of an error, and what is said of it.
func (d *desk) ends(err error) (code int, said string) {
	d.stderr.Reset()
	code = d.term.explain(gather([]inventory.Host{d.host}, []error{err}))
	if cerr := d.term.err.Close(); cerr != nil {
		return -1, cerr.Error()
	}
	return code, d.stderr.String()
}

func (d *desk) ask(t *testing.T) (plan.Release, error) {
	facts := &plan.Facts{}
	facts.Docker.Arch = "amd64"
	d.session.app.lookups = new(releaseCache) // another invocation
	d.change(func(*inventory.Host) {})
	return d.release.Resolve(t.Context(), facts)
}

// What the vendor's hosts can do to an operator: each is a sentence and a
// status, and nothing of it is in the state folder.
func TestTheVendorsTroubles(t *testing.T) {
	const (
		login    = "    registry: {username: client, password: \"env:REGISTRY_PASSWORD\"}\n"
		strict   = "    require_signature: true\n"
		registry = "registry.seglamater.app"
	)
	publish := func(r fakevendor.Release) func(*testing.T, *fakevendor.Vendor) {
		return func(t *testing.T, f *fakevendor.Vendor) {
			if r.Version == "" {
				r.Version = "0.24.7"
			}
			if _, err := f.SetRelease(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
	}
	fault := func(fault fakevendor.Fault) func(*testing.T, *fakevendor.Vendor) {
		return func(t *testing.T, f *fakevendor.Vendor) {
			if err := f.SetFault(t.Context(), fault); err != nil {
				t.Fatal(err)
			}
		}
	}
	status := func(code int) func(*testing.T, *fakevendor.Vendor) {
		return fault(fakevendor.Fault{Kind: fakevendor.FaultStatus, Host: registry, Status: code})
	}
	locked := func(mode fakevendor.AuthMode, password string) func(*testing.T, *fakevendor.Vendor) {
		return func(t *testing.T, f *fakevendor.Vendor) {
			if err := f.SetAuth(t.Context(), fakevendor.Auth{Mode: mode, User: "client", Password: password}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		vendor func(*testing.T, *fakevendor.Vendor)
		more   string // in the inventory
		code   int
		says   string
	}{
		"signed":                   {publish(fakevendor.Release{}), strict, exitDone, ""},
		"signed in a bundle":       {publish(fakevendor.Release{SignatureForm: fakevendor.Bundle}), strict, exitDone, ""},
		"not signed":               {publish(fakevendor.Release{ManifestSignature: fakevendor.Missing}), "", exitDone, ""},
		"not signed, and must be":  {publish(fakevendor.Release{ManifestSignature: fakevendor.Missing}), strict, exitTrust, "it is not signed, and signatures are required"},
		"tampered with":            {publish(fakevendor.Release{ManifestSignature: fakevendor.Tampered}), "", exitTrust, "the signature is not one of the pinned key over these bytes"},
		"image tampered with":      {publish(fakevendor.Release{ImageSignature: fakevendor.Tampered, SignatureForm: fakevendor.Bundle}), "", exitTrust, "check the signature of the server image"},
		"another key":              {publish(fakevendor.Release{ManifestSignature: fakevendor.OtherKey}), "", exitTrust, "not one of the pinned key"},
		"tag moved":                {publish(fakevendor.Release{MovedTag: true}), "", exitTrust, "the tag was moved"},
		"another channel's":        {publish(fakevendor.Release{ManifestChannel: "canary"}), "", exitTrust, `it says that it is of channel "canary"`},
		"too old":                  {publish(fakevendor.Release{Version: "0.24.4"}), "", exitTrust, "managed updates need at least 0.24.5"},
		"another architecture":     {publish(fakevendor.Release{Architectures: []string{"arm64"}}), "", exitCheck, `for linux/amd64, only for "linux/arm64"`},
		"nothing on the channel":   {publish(fakevendor.Release{}), "    channel: beta\n", exitCheck, `there is no release on channel "beta"`},
		"the right login":          {locked(fakevendor.Basic, registryPassword), login, exitDone, ""},
		"the right login, bearer":  {locked(fakevendor.Bearer, registryPassword), login, exitDone, ""},
		"an expired login":         {locked(fakevendor.Basic, "another since"), login, exitAuth, "it does not accept the configured login"},
		"an expired login, bearer": {locked(fakevendor.Bearer, "another since"), login, exitAuth, "it does not accept the configured login"},
		"no login":                 {locked(fakevendor.Bearer, "any"), "", exitAuth, "it wants a login and none is configured"},
		"401":                      {status(401), login, exitAuth, "status 401"},
		"403":                      {status(403), login, exitAuth, "may not read this"},
		"404":                      {status(404), "", exitCheck, "ask registry.seglamater.app: there is no"},
		"429":                      {status(429), "", exitUnreachable, "it wants fewer requests"},
		"500":                      {status(500), "", exitUnreachable, "it has trouble of its own (status 500)"},
		"a hotel's login page":     {fault(fakevendor.Fault{Kind: fakevendor.FaultPortal}), "", exitUnreachable, "a login page of the network"},
		"the same at the registry": {fault(fakevendor.Fault{Kind: fakevendor.FaultPortal, Host: registry}), "", exitUnreachable, "a login page of the network"},
		"a manifest without end":   {fault(fakevendor.Fault{Kind: fakevendor.FaultEndless, Host: "updates.seglamater.app"}), "", exitUnreachable, "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, c.more)
			c.vendor(t, d.vendor)
			rel, err := d.ask(t)
			code, said := d.ends(err)
			if code != c.code || !strings.Contains(said, c.says) {
				t.Errorf("status %d, want %d and %q:\n%s", code, c.code, c.says, said)
			}
			if c.code == exitDone {
				if rel.Server.Digest == "" {
					t.Errorf("release: %+v", rel)
				}
				return
			}
			if !strings.HasPrefix(said, "liftalot: error: web1: ") {
				t.Errorf("said:\n%s", said)
			}
			for _, foreign := range []string{"<", "Hotel", "authentication required", registryPassword} {
				if strings.Contains(said, foreign) {
					t.Errorf("said %q:\n%s", foreign, said)
				}
			}
			if left, err := os.ReadDir(string(d.session.state)); err != nil || len(left) > 0 {
				t.Errorf("in the state folder: %v, %v", left, err)
			}
		})
	}
}

// A channel is not believed when it goes back behind what it offered, on this
// machine, for any host; nor is a release that has changed.
func TestAChannelGoesBack(t *testing.T) {
	d := newDesk(t, "")
	for _, c := range []struct {
		release fakevendor.Release
		code    int
		says    string
	}{
		{fakevendor.Release{Version: "0.24.7"}, exitDone, ""},
		{fakevendor.Release{Version: "0.24.6"}, exitTrust, "a channel does not go back by itself"},
		{fakevendor.Release{Version: "0.24.7", Behaviour: fakes.Slow}, exitTrust, "a release does not change"},
		{fakevendor.Release{Version: "0.24.8"}, exitDone, ""},
	} {
		if _, err := d.vendor.SetRelease(t.Context(), c.release); err != nil {
			t.Fatal(err)
		}
		_, err := d.ask(t)
		if code, said := d.ends(err); code != c.code || !strings.Contains(said, c.says) {
			t.Errorf("%s: status %d, want %d and %q:\n%s", c.release.Version, code, c.code, c.says, said)
		}
	}
}

// A saved plan is stale when a tag of its release points elsewhere by now.
func TestATagMovesAfterThePlan(t *testing.T) {
	d := newDesk(t, "")
	rel, err := d.ask(t)
	if err != nil {
		t.Fatal(err)
	}
	p := &plan.Plan{ID: "a", Kind: plan.Upgrade, Release: rel, Steps: []plan.Step{{ID: "x"}}}
	if err := d.server(nil).Unchanged(t.Context(), p, nil); err != nil {
		t.Errorf("nothing moved: %v", err)
	}
	if _, err := d.vendor.SetRelease(t.Context(), fakevendor.Release{Version: "0.24.6", MovedTag: true}); err != nil {
		t.Fatal(err)
	}
	err = d.server(nil).Unchanged(t.Context(), p, nil)
	if code, said := d.ends(err); code != exitStale || !strings.Contains(said, "hint: look again and plan anew: liftalot plan web1") {
		t.Errorf("status %d:\n%s", code, said)
	}
	back := *p
	back.Kind = plan.Rollback
	if err := d.server(nil).Unchanged(t.Context(), &back, nil); err != nil {
		t.Errorf("a rollback depends on the registry: %v", errors.Unwrap(err))
	}
}
