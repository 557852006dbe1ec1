package release_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"liftalot/plan/release"
	"liftalot/testenv/fakes"
	"liftalot/testenv/fakevendor"
)

// A look is one of several at a vendor's channel, from one workstation.
type look struct {
	release fakevendor.Release
	source  func(*release.Source)
	install bool // what was found is installed
	kind    string
	text    string // in the error, or in a warning
}

// What is remembered is held against what comes, and nothing that was only
// shown by somebody on the way can block a channel or lower what is asked of it.
func TestWhatIsRemembered(t *testing.T) {
	const missing = fakevendor.Missing
	unsigned := fakevendor.Release{ManifestSignature: missing, ImageSignature: missing}
	named := func(version string) func(*release.Source) {
		return func(s *release.Source) { s.Version = version }
	}
	lost := func(s *release.Source) { s.Accepts.LostSignature = true }
	of := func(r fakevendor.Release, change func(*fakevendor.Release)) fakevendor.Release {
		change(&r)
		return r
	}
	version := func(r fakevendor.Release, v string) fakevendor.Release {
		return of(r, func(r *fakevendor.Release) { r.Version = v })
	}
	proxy := fakevendor.Release{UnsignedProxy: true}
	otherProxy := func(r fakevendor.Release) fakevendor.Release {
		return of(r, func(r *fakevendor.Release) { r.ProxyBehaviour = fakes.Slow })
	}
	otherServer := func(r fakevendor.Release) fakevendor.Release {
		return of(r, func(r *fakevendor.Release) { r.Behaviour = fakes.Slow })
	}
	for name, looks := range map[string][]look{
		"a manifest loses its signature": {
			{release: fakevendor.Release{}, kind: "none"},
			{release: fakevendor.Release{ManifestSignature: missing}, kind: "trust", text: `the manifest of channel "stable": it has no signature`},
		},
		"so does that of a later release": {
			{release: fakevendor.Release{}, kind: "none"},
			{release: fakevendor.Release{Version: "0.24.8", ManifestSignature: missing}, kind: "trust", text: "allow: [lost-signature]"},
		},
		"so does the channel's while a version is asked for": {
			{release: fakevendor.Release{}, source: named("0.24.6"), kind: "none"},
			{release: fakevendor.Release{ManifestSignature: missing}, source: named("0.24.6"), kind: "trust", text: "it has no signature"},
		},
		"it is accepted by name": {
			{release: fakevendor.Release{}, kind: "none"},
			{release: fakevendor.Release{ManifestSignature: missing}, source: lost, kind: "none", text: "is not signed"},
			{release: fakevendor.Release{ManifestSignature: missing}, kind: "trust", text: "it has no signature"},
		},
		"and goes back no further for it": {
			{release: fakevendor.Release{}, kind: "none"},
			{release: fakevendor.Release{Version: "0.24.6", ManifestSignature: missing}, source: lost, kind: "trust", text: "does not go back"},
		},
		"images lose their signatures": {
			{release: fakevendor.Release{}, kind: "none"},
			{release: fakevendor.Release{ImageSignature: missing}, kind: "trust", text: "the server image: registry.seglamater.app/seglamater/chatalot:0.24.7 has no signature"},
		},
		"so does the socket proxy alone": {
			{release: fakevendor.Release{}, kind: "none"},
			{release: proxy, kind: "trust", text: "docker-socket-proxy:0.3.0 has no signature"},
			{release: proxy, source: func(s *release.Source) { s.Accepts.UnsignedProxy = true }, kind: "trust", text: "docker-socket-proxy:0.3.0 has no signature"},
			{release: proxy, source: lost, kind: "none", text: "names the socket proxy image"},
		},
		"images of an older release never had one": {
			{release: fakevendor.Release{}, kind: "none"},
			{release: version(fakevendor.Release{ImageSignature: missing}, "0.24.5"), source: named("0.24.5"), kind: "trust", text: "has no signature"},
		},
		"nothing was ever signed": {
			{release: unsigned, kind: "none", text: "is not signed"},
			{release: unsigned, install: true, kind: "none"},
			{release: version(unsigned, "0.24.8"), kind: "none"},
			{release: version(unsigned, "0.24.7"), kind: "none"},
		},
		"999.0.0 is shown and not signed": {
			{release: version(unsigned, "999.0.0"), kind: "none"},
			{release: fakevendor.Release{}, kind: "none"},
		},
		"999.0.0 is shown on a channel that is never signed": {
			{release: version(unsigned, "999.0.0"), kind: "none"},
			{release: unsigned, kind: "none"},
		},
		"999.0.0 was installed, and signed ones are lower": {
			{release: version(unsigned, "999.0.0"), install: true, kind: "none"},
			{release: fakevendor.Release{}, kind: "none"},
		},
		"one that was installed is not gone back behind": {
			{release: version(unsigned, "0.24.9"), install: true, kind: "none"},
			{release: unsigned, kind: "trust", text: "version: 0.24.7 asks for it by name"},
			{release: unsigned, source: named("0.24.7"), kind: "none"},
		},
		"999.0.0 is shown where signatures were lost": {
			{release: fakevendor.Release{}, kind: "none"},
			{release: version(unsigned, "999.0.0"), source: lost, kind: "none"},
			{release: version(fakevendor.Release{}, "0.24.8"), kind: "none"},
		},
		"a server that was only shown changes": {
			{release: unsigned, kind: "none"},
			{release: otherServer(unsigned), kind: "none", text: "chatalot:0.24.7 is sha256:"},
		},
		"a server that was installed changes": {
			{release: unsigned, install: true, kind: "none"},
			{release: otherServer(unsigned), kind: "trust", text: "a release does not change"},
		},
		"a server that was installed changes, and is signed now": {
			{release: unsigned, install: true, kind: "none"},
			{release: otherServer(fakevendor.Release{}), kind: "none", text: "chatalot:0.24.7 is sha256:"},
			{release: fakevendor.Release{}, kind: "trust", text: "a release does not change"},
		},
		"a signed server changes": {
			{release: fakevendor.Release{}, kind: "none"},
			{release: otherServer(fakevendor.Release{}), kind: "trust", text: "a release does not change"},
			{release: fakevendor.Release{}, kind: "none"},
		},
		"an updater that no manifest names changes": {
			{release: fakevendor.Release{ShortManifest: true}, kind: "none"},
			{release: fakevendor.Release{ShortManifest: true, UpdaterBehaviour: fakes.Slow}, kind: "trust", text: "the updater image"},
			{release: fakevendor.Release{UpdaterBehaviour: fakes.Slow}, kind: "none", text: "chatalot-updater:0.24.7 is sha256:"},
			{release: fakevendor.Release{}, kind: "trust", text: "the updater image"},
		},
		"a signed proxy changes": {
			{release: fakevendor.Release{}, kind: "none"},
			{release: version(otherProxy(fakevendor.Release{}), "0.24.8"), kind: "trust", text: "name the new digest in proxy_digests"},
		},
		"a proxy that was only shown changes": {
			{release: proxy, kind: "none"},
			{release: otherProxy(proxy), kind: "none", text: "docker-socket-proxy:0.3.0 is sha256:"},
			{release: otherProxy(proxy), kind: "none"},
		},
		"a proxy that was installed changes": {
			{release: proxy, install: true, kind: "none"},
			{release: version(otherProxy(proxy), "0.24.8"), kind: "trust", text: "the socket proxy image"},
			{release: version(otherProxy(proxy), "0.24.8"), source: lost, kind: "trust", text: "the socket proxy image"},
			{release: version(otherProxy(fakevendor.Release{}), "0.24.8"), kind: "none", text: "docker-socket-proxy:0.3.0 is sha256:"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, client, src := vendor(t)
			src.Memory = new(release.Memory)
			for i, l := range looks {
				if l.release.Version == "" {
					l.release.Version = "0.24.7"
				}
				publish(t, f, l.release)
				src := src
				if l.source != nil {
					l.source(&src)
				}
				rel, err := client.Resolve(t.Context(), src)
				if got := kind(err); got != l.kind {
					t.Fatalf("look %d: got %v, want %q", i+1, err, l.kind)
				}
				if said := append(warned(rel), errorText(err)); !strings.Contains(strings.Join(said, "\n"), l.text) {
					t.Errorf("look %d: nothing says %q: %q", i+1, l.text, said)
				}
				if err == nil {
					src.Memory.Learn(rel, time.Now())
				}
				if l.install {
					src.Memory.Install(rel, time.Now())
				}
				src.Memory = saved(t, src.Memory)
			}
		})
	}
}

func warned(r *release.Release) []string {
	if r == nil {
		return nil
	}
	return r.Warnings
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// saved is a memory as another invocation reads it.
func saved(t *testing.T, m *release.Memory) *release.Memory {
	t.Helper()
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	again := new(release.Memory)
	if err := json.Unmarshal(data, again); err != nil {
		t.Fatal(err)
	}
	return again
}

// A digest that the inventory names is enough for the socket proxy, and for nothing
// else.
func TestAProxyThatIsKnownByItsDigest(t *testing.T) {
	f, client, src := vendor(t)
	src.RequireSignature = true
	first := publish(t, f, fakevendor.Release{Version: "0.24.7", UnsignedProxy: true})
	src.Accepts.ProxyDigests = []string{"sha256:" + strings.Repeat("0", 64), first.ProxyDigest}
	src.Memory = new(release.Memory)
	rel, err := client.Resolve(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	if !rel.Proxy.KnownDigest || rel.Proxy.Signature.State != release.NotSigned || len(rel.Warnings) > 0 {
		t.Errorf("got %+v, warnings %q", rel.Proxy, rel.Warnings)
	}
	src.Memory.Install(rel, time.Now())

	second := publish(t, f, fakevendor.Release{Version: "0.24.7", UnsignedProxy: true, ProxyBehaviour: fakes.Slow})
	_, err = client.Resolve(t.Context(), src)
	wantError(t, err, "trust", "socket proxy image")
	src.Accepts.ProxyDigests = []string{second.ProxyDigest}
	rel, err = client.Resolve(t.Context(), src)
	if err != nil || len(rel.Warnings) != 1 || !strings.Contains(rel.Warnings[0], first.ProxyDigest) {
		t.Errorf("the new one is named: %+v, %v", rel, err)
	}

	third := publish(t, f, fakevendor.Release{Version: "0.24.8", ShortManifest: true, ImageSignature: fakevendor.Missing})
	src.Accepts.ProxyDigests = []string{third.ProxyDigest, third.ImageDigest, third.UpdaterDigest}
	src.Memory = nil
	_, err = client.Resolve(t.Context(), src)
	wantError(t, err, "trust", "the updater image")
}

// A plan that is older than a signature of its images does not fall for it.
func TestASignatureThatCameLater(t *testing.T) {
	f, client, src := vendor(t)
	src.Memory = new(release.Memory)
	unsigned := fakevendor.Release{Version: "0.24.7", ImageSignature: fakevendor.Missing, ShortManifest: true}
	publish(t, f, unsigned)
	planned, err := client.Resolve(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	publish(t, f, fakevendor.Release{Version: "0.24.7", ShortManifest: true})
	signed, err := client.Resolve(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	src.Memory.Learn(signed, time.Now())
	if _, err := src.Memory.Check(planned, src.Accepts); kind(err) != "trust" {
		t.Errorf("got %v", err)
	}
	src.Memory.Vouch(planned)
	if _, err := src.Memory.Check(planned, src.Accepts); err != nil {
		t.Errorf("it is signed by now: %v", err)
	}
}

// The proof that a key gave goes with the key.
func TestAKeyThatWasRotated(t *testing.T) {
	f, client, src := vendor(t)
	publish(t, f, fakevendor.Release{Version: "0.24.7"})
	rel, err := client.Resolve(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	src.Memory = new(release.Memory)
	src.Memory.Learn(rel, time.Now())
	rotated := saved(t, src.Memory)
	for tag, known := range rotated.Images {
		known.Key, known.Digest = strings.Repeat("0", 64), "sha256:"+strings.Repeat("1", 64)
		rotated.Images[tag] = known
	}
	if _, err := rotated.Check(rel, src.Accepts); err != nil {
		t.Errorf("what the key of before vouched for blocks: %v", err)
	}
	publish(t, f, fakevendor.Release{Version: "0.24.7", ManifestSignature: fakevendor.Missing})
	src.Memory = rotated
	_, err = client.Resolve(context.Background(), src)
	wantError(t, err, "trust", "it has no signature")
}
