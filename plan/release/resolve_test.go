package release

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

func wantTrust(t *testing.T, err error, text string) {
	t.Helper()
	var trust *TrustError
	if !errors.As(err, &trust) || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want a TrustError that says %q", err, text)
	}
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The three places and four forms of a manifest's signature.
func TestFormsOfAManifestSignature(t *testing.T) {
	for name, c := range map[string]struct {
		suffix string
		file   func(f *fake, signature, digest string) string
		text   string // of the error; empty when it must verify
	}{
		"base64":                 {".sig", func(_ *fake, s, _ string) string { return s + "\n" }, ""},
		"older bundle":           {".bundle", func(_ *fake, s, _ string) string { return toJSON(t, map[string]any{"base64Signature": s, "cert": "x"}) }, ""},
		"current bundle":         {".sigstore.json", func(_ *fake, s, d string) string { return current(t, s, "SHA2_256", d) }, ""},
		"bundle called sig":      {".sig", func(_ *fake, s, d string) string { return current(t, s, "SHA2_256", d) }, ""},
		"bundle without digest":  {".sigstore.json", func(_ *fake, s, _ string) string { return current(t, s, "", "") }, ""},
		"bundle of other bytes":  {".sigstore.json", func(_ *fake, s, _ string) string { return current(t, s, "SHA2_256", otherDigest()) }, "over these bytes"},
		"bundle by another hash": {".sigstore.json", func(_ *fake, s, d string) string { return current(t, s, "SHA2_512", d) }, "something else than a SHA-256"},
		"bundle with nothing":    {".bundle", func(*fake, string, string) string { return `{}` }, "without the signature"},
		"bundle cut off":         {".bundle", func(*fake, string, string) string { return `{"base64Signature": "MEU` }, "not JSON"},
		"empty":                  {".sig", func(*fake, string, string) string { return " \n" }, "empty"},
		"cut off":                {".sig", func(_ *fake, s, _ string) string { return s[:40] }, "not an ECDSA signature"},
		"two of them":            {".sig", func(_ *fake, s, _ string) string { return s + s }, "not"},
		"not DER":                {".sig", func(*fake, string, string) string { return base64.StdEncoding.EncodeToString(make([]byte, 64)) }, "DER"},
		"too long":               {".sig", func(*fake, string, string) string { return strings.Repeat("A", maxSignature+4) }, "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			body := []byte(f.files[manifestPath].body)
			sum := sha256.Sum256(body)
			f.files[manifestPath+c.suffix] = file{body: c.file(f, f.sign(body), base64.StdEncoding.EncodeToString(sum[:]))}
			rel, err := f.resolve(nil)
			if c.text != "" {
				if err == nil || !strings.Contains(err.Error(), c.text) {
					t.Errorf("got %v, want an error that says %q", err, c.text)
				}
				return
			}
			if err != nil || rel.Manifest.State != Verified || !strings.HasSuffix(rel.Manifest.Detail, c.suffix) {
				t.Errorf("got %+v, %v", rel, err)
			}
		})
	}
}

// current is a sigstore bundle of a message.
func current(t *testing.T, signature, algorithm, digest string) string {
	t.Helper()
	return toJSON(t, map[string]any{
		"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
		"messageSignature": map[string]any{
			"messageDigest": map[string]string{"algorithm": algorithm, "digest": digest},
			"signature":     signature,
		},
	})
}

func otherDigest() string { return base64.StdEncoding.EncodeToString(make([]byte, 32)) }

// A bad signature in the first place is not made good by a good one in the
// second, and nothing is asked of the registry.
func TestTheFirstSignatureDecides(t *testing.T) {
	f := newFake(t)
	body := []byte(f.files[manifestPath].body)
	f.files[manifestPath+".sig"] = file{body: f.sign([]byte("something else"))}
	f.files[manifestPath+".bundle"] = file{body: toJSON(t, map[string]string{"base64Signature": f.sign(body)})}
	_, err := f.resolve(nil)
	wantTrust(t, err, "(.sig)")
}

// Nothing is parsed before its signature is looked at: of a manifest that is
// both badly signed and not JSON, the signature is what is reported.
func TestTheSignatureComesBeforeTheParser(t *testing.T) {
	f := newFake(t)
	f.files[manifestPath] = file{body: `{"version":`}
	f.files[manifestPath+".sig"] = file{body: f.sign([]byte("something else"))}
	_, err := f.resolve(nil)
	wantTrust(t, err, "signature")
}

// A host that answers every unknown path with its front page has no signature.
func TestAFrontPageIsNoSignature(t *testing.T) {
	f := newFake(t)
	for _, suffix := range signatureSuffixes() {
		f.files[manifestPath+suffix] = file{body: "<!doctype html><title>chatalot</title>", header: http.Header{"Content-Type": {"text/html"}}}
	}
	rel, err := f.resolve(nil)
	if err != nil || rel.Manifest.State != NotSigned {
		t.Errorf("got %+v, %v", rel, err)
	}
}

func TestManifests(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	for name, c := range map[string]struct {
		change map[string]any
		text   string
	}{
		"no version":              {map[string]any{"version": nil}, "lacks"},
		"no image":                {map[string]any{"image": nil}, "lacks"},
		"no digest":               {map[string]any{"image_digest": nil}, "lacks"},
		"a version of words":      {map[string]any{"version": "latest"}, "not a version"},
		"a version with v":        {map[string]any{"version": "v0.24.6"}, "not a version"},
		"too old":                 {map[string]any{"version": "0.18.44"}, "at least 0.24.5"},
		"a candidate of lowest":   {map[string]any{"version": "0.24.5-rc.1"}, "at least 0.24.5"},
		"a number for a version":  {map[string]any{"version": 24}, "known form"},
		"a digest of words":       {map[string]any{"image_digest": "sha256:abc"}, "not a digest"},
		"a digest in capitals":    {map[string]any{"image_digest": "sha256:" + strings.Repeat("A", 64)}, "not a digest"},
		"an image of words":       {map[string]any{"image": "Not An Image"}, "not an image reference"},
		"another product's image": {map[string]any{"image": fakeOrg + "hivemind"}, "not an image of chatalot"},
		"the tag of another":      {map[string]any{"image": fakeOrg + product + ":0.24.5"}, "not of version"},
		"two digests":             {map[string]any{"image": fakeOrg + product + "@" + digest}, "two images"},
		"an updater without name": {map[string]any{"updater_image_digest": digest}, "without its image"},
		"a server for an updater": {map[string]any{"updater_image": fakeOrg + product}, "not an image of chatalot-updater"},
		"expired":                 {map[string]any{"expires_at": "2026-11-23T20:59:59Z"}, "expired on 2026-11-23"},
		"an expiry of words":      {map[string]any{"expires_at": "soon"}, "known form"},
		"another digest":          {map[string]any{"image_digest": digest}, "tag was moved"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.offer(c.change)
			_, err := f.resolve(nil)
			if err == nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want an error that says %q", err, c.text)
			}
		})
	}
	for name, change := range map[string]map[string]any{
		"with a tag":         {"image": fakeOrg + product + ":0.24.6"},
		"with a v tag":       {"image": fakeOrg + product + ":0.24.6", "updater_image": fakeOrg + updaterName},
		"without a host":     {"image": "seglamater/" + product},
		"not expired":        {"expires_at": "2026-11-23T21:00:01Z"},
		"with other members": {"min_from": "0.18.0", "notes": map[string]string{"de": "neu"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.offer(change)
			if _, err := f.resolve(nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// Who asks for a version by name need not want what the channel offers.
func TestAChannelThatOffersSomethingOld(t *testing.T) {
	f := newFake(t)
	f.offer(map[string]any{"version": "0.23.0", "image_digest": "sha256:" + strings.Repeat("a", 64)})
	rel, err := f.resolve(func(s *Source) { s.Version = "0.24.6" })
	if err != nil || rel.Server.Digest != f.images[product].String() {
		t.Errorf("got %+v, %v", rel, err)
	}
}

// The server's clock counts when it is ahead: a laptop whose clock was turned
// back must not revive an expired offer.
func TestALaptopInThePast(t *testing.T) {
	f := newFake(t)
	f.offer(map[string]any{"expires_at": "2027-01-01T00:00:00Z"})
	found := f.files[manifestPath]
	found.header = http.Header{"Date": {"Sat, 02 Jan 2027 00:00:00 GMT"}}
	f.files[manifestPath] = found
	_, err := f.resolve(nil)
	wantTrust(t, err, "expired")
}

// Credentials and pulls go to the registry that was configured, whatever host
// a manifest names.
func TestAManifestDoesNotChooseTheRegistry(t *testing.T) {
	f := newFake(t)
	f.offer(map[string]any{"image": "registry.evil.example/seglamater/chatalot"})
	rel, err := f.resolve(nil)
	if err != nil || rel.Server.Repo != fakeOrg+product {
		t.Errorf("got %+v, %v", rel, err)
	}
}

// A registry may keep its content elsewhere. The bytes are held against their
// hash, and the login is not taken along.
func TestContentThatIsKeptElsewhere(t *testing.T) {
	f := newFake(t)
	var elsewhere atomic.Int32 // manifests and contents are fetched side by side
	client := Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
		switch {
		case req.URL.Host == "cdn.example":
			elsewhere.Add(1)
			if _, _, ok := req.BasicAuth(); ok || req.Header.Get("Authorization") != "" {
				t.Error("the login was sent to another host")
			}
			req = req.Clone(req.Context())
			req.URL.Host = DefaultRegistry
			resp, err := f.RoundTrip(req)
			return resp, err
		case req.URL.Path == "/v2/" && req.Header.Get("Authorization") == "":
			return answer(req, 401, http.Header{"Www-Authenticate": {`Basic realm="r"`}}, strings.NewReader("")), nil
		case isBlob(req):
			return answer(req, 307, http.Header{"Location": {"https://cdn.example" + req.URL.Path}}, strings.NewReader("")), nil
		}
		return f.RoundTrip(req)
	})}
	src := f.source()
	src.Credentials = func(context.Context) (string, []byte, error) { return "client-7", []byte("s3cret"), nil }
	if _, err := client.Resolve(t.Context(), src); err != nil {
		t.Error(err)
	}
	if elsewhere.Load() == 0 {
		t.Error("nothing was fetched from the other host")
	}
}

func TestLabelsThatDisagree(t *testing.T) {
	f := newFake(t)
	f.image(updaterName, "0.24.6", map[string]string{versionLabel: "v0.24.5"})
	rel, err := f.resolve(nil)
	if err != nil || !strings.Contains(strings.Join(rel.Warnings, "\n"), `says of itself that it is version "0.24.5"`) {
		t.Errorf("got %+v, %v", rel, err)
	}
}

func TestImageSignatures(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	const bundleType = bundleArtifact + ".v0.3+json"
	for name, c := range map[string]struct {
		set   func(f *fake)
		state State  // of the server image
		text  string // of the error, if any
	}{
		"none":                  {func(*fake) {}, NotSigned, ""},
		"at the tag":            {func(f *fake) { f.tagSignature(product, f.simple(product)) }, Verified, ""},
		"a good one is enough":  {func(f *fake) { f.tagSignature(product, f.badly(other), f.simple(product)) }, Verified, ""},
		"only bad ones":         {func(f *fake) { f.tagSignature(product, f.badly(other), f.badly(other)) }, Bad, "pinned key"},
		"nothing at the tag":    {func(f *fake) { f.tagSignature(product) }, Bad, "nothing in it"},
		"not signed at the tag": {func(f *fake) { l := f.simple(product); l.signature = ""; f.tagSignature(product, l) }, Bad, "nothing in it"},
		"of the updater": {func(f *fake) {
			f.tagSignature(product, f.simple(updaterName))
		}, Bad, "another image"},
		"under another name": {func(f *fake) {
			f.tagSignature(product, f.signed(strings.ReplaceAll(string(f.statement(product)), "/chatalot\"", "/chatalot-updater\"")))
		}, Bad, "under the name"},
		"under another version": {func(f *fake) {
			f.tagSignature(product, f.signed(strings.ReplaceAll(string(f.statement(product)), "/chatalot\"", "/chatalot:0.24.5\"")))
		}, Bad, "under the name"},
		"under its version": {func(f *fake) {
			f.tagSignature(product, f.signed(strings.ReplaceAll(string(f.statement(product)), "/chatalot\"", "/chatalot:0.24.6\"")))
		}, Verified, ""},
		"of something else":  {func(f *fake) { f.tagSignature(product, f.signed(`{"critical":{"type":"other"}}`)) }, Bad, "not about an image"},
		"of no JSON":         {func(f *fake) { f.tagSignature(product, f.signed(`hello`)) }, Bad, "not about an image"},
		"referring":          {func(f *fake) { f.refer(product, signatureArtifact, nil, f.simple(product)) }, Verified, ""},
		"referring, bad":     {func(f *fake) { f.refer(product, signatureArtifact, nil, f.badly(other)) }, Bad, "pinned key"},
		"a list of contents": {func(f *fake) { f.refer(product, "application/spdx+json", nil, f.badly(other)) }, NotSigned, ""},
		"a bundle": {func(f *fake) {
			f.refer(product, bundleType, nil, f.bundle(f.private, signPredicate, f.images[product].Hex))
		}, Verified, ""},
		"a bundle of another": {func(f *fake) {
			f.refer(product, bundleType, nil, f.bundle(f.private, signPredicate, f.images[updaterName].Hex))
		}, Bad, "another image"},
		"a bundle by another": {func(f *fake) {
			f.refer(product, bundleType, nil, f.bundle(other, signPredicate, f.images[product].Hex))
		}, Bad, "pinned key"},
		"a statement that says so": {func(f *fake) {
			f.refer(product, bundleType, map[string]string{predicateAnnotation: "https://slsa.dev/provenance/v1"},
				f.bundle(other, "https://slsa.dev/provenance/v1", f.images[product].Hex))
		}, NotSigned, ""},
		"a statement that does not": {func(f *fake) {
			f.refer(product, bundleType, nil, f.bundle(f.private, "https://slsa.dev/provenance/v1", f.images[product].Hex))
		}, Bad, "not a signature"},
		"a bundle without envelope": {func(f *fake) {
			f.refer(product, bundleType, nil, layer{body: []byte(`{}`), mediaType: types.MediaType(bundleType)})
		}, Bad, "without an envelope"},
		"the tag comes first": {func(f *fake) {
			f.tagSignature(product, f.badly(other))
			f.refer(product, signatureArtifact, nil, f.simple(product))
		}, Bad, "pinned key"},
		"the proxy's is bad": {func(f *fake) { f.tagSignature(proxyName, f.simple(product)) }, Bad, "socket proxy image"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			c.set(f)
			rel, err := f.resolve(nil)
			if c.text != "" {
				wantTrust(t, err, c.text)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if rel.Server.Signature.State != c.state {
				t.Errorf("server image: %+v, want %s", rel.Server.Signature, c.state)
			}
		})
	}
}

// A bundle names no image but by its digest: one that is well signed does not pass for
// another.
func TestOneImageUnderTwoNames(t *testing.T) {
	f := newFake(t)
	f.refer(proxyName, bundleArtifact+".v0.3+json", nil, f.bundle(f.private, signPredicate, f.images[proxyName].Hex))
	f.image(updaterName, "0.24.6", map[string]string{"name": proxyName})
	_, err := f.resolve(nil)
	wantTrust(t, err, "the same image under two names")
}

// A registry that knows nothing of referrers has no signature there, which is
// no error.
func TestARegistryWithoutReferrers(t *testing.T) {
	f := newFake(t)
	client := Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
		if strings.Contains(req.URL.Path, "/referrers/") {
			return answer(req, http.StatusNotFound, http.Header{}, strings.NewReader("")), nil
		}
		return f.RoundTrip(req)
	})}
	rel, err := client.Resolve(t.Context(), f.source())
	if err != nil || rel.Server.Signature.State != NotSigned {
		t.Errorf("got %+v, %v", rel, err)
	}
}

// badly is a signature of the right image by a key that nobody pinned.
func (f *fake) badly(other *ecdsa.PrivateKey) layer {
	body := f.statement(product)
	return layer{body: body, mediaType: simpleSigning, signature: signWith(f.t, other, body)}
}

// signed is any text, well signed.
func (f *fake) signed(text string) layer {
	return layer{body: []byte(text), mediaType: simpleSigning, signature: f.sign([]byte(text))}
}

func TestAManifestFile(t *testing.T) {
	f := newFake(t)
	path := filepath.Join(t.TempDir(), "latest.json")
	offline := func(s *Source) {
		s.ManifestFile, s.KeyPEM = path, []byte(f.files[keyPath].body)
	}
	if _, err := f.resolve(offline); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the file: %v", err)
	}
	body := f.files[manifestPath].body
	save := func(suffix, text string) {
		t.Helper()
		if err := os.WriteFile(path+suffix, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	save("", body)
	if rel, err := f.resolve(offline); err != nil || rel.Manifest.State != NotSigned || !strings.Contains(rel.Warnings[0], "nothing vouches") {
		t.Errorf("not signed: %+v, %v", rel, err)
	}
	save(".sigstore.json", current(t, f.sign([]byte(body)), "", ""))
	if rel, err := f.resolve(offline); err != nil || rel.Manifest.State != Verified {
		t.Errorf("signed: %+v, %v", rel, err)
	}
	save(".sig", f.sign([]byte("something else")))
	_, err := f.resolve(offline)
	wantTrust(t, err, "(.sig)")
	if len(f.asked) > 0 {
		t.Errorf("the manifest host was asked for %q", f.asked)
	}
}

func TestSourcesThatCanNotBeMeant(t *testing.T) {
	for name, change := range map[string]func(*Source){
		"no TLS":             func(s *Source) { s.ManifestHost = "http://updates.seglamater.app" },
		"a path":             func(s *Source) { s.ManifestHost = "https://updates.seglamater.app/x" },
		"a login in the URL": func(s *Source) { s.ManifestHost = "https://u:p@updates.seglamater.app" },
		"no URL":             func(s *Source) { s.ManifestHost = "updates" },
		"channel up":         func(s *Source) { s.Channel = "../.." },
		"registry with path": func(s *Source) { s.Registry = "registry.seglamater.app/x" },
		"half a platform":    func(s *Source) { s.Platform = "linux" },
		"a version of words": func(s *Source) { s.Version = "newest" },
		"a token's URL":      func(s *Source) { s.TokenHost = "https://git.example" },
		"a version too low":  func(s *Source) { s.Version = "0.23.0" },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			_, err := f.resolve(change)
			var source *SourceError
			var version *VersionError
			if !errors.As(err, &source) && !errors.As(err, &version) || len(f.asked) > 0 {
				t.Errorf("got %v after asking for %q", err, f.asked)
			}
		})
	}
}
