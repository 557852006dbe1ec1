package release

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A listed is a line of an index of referrers.
type listed struct {
	artifact    string
	annotations map[string]string
	image       v1.Image
}

// cosign3 is a manifest as cosign 3 makes it: the kind is that of the artifact, and the
// configuration is empty.
func (f *fake) cosign3(annotations map[string]string, layers ...layer) v1.Image {
	f.t.Helper()
	img := mutate.ConfigMediaType(f.signatureImage(layers...), emptyType)
	img = mutate.Annotations(img, annotations).(v1.Image)
	return artifactImage{Image: img, kind: bundleArtifact + ".v0.3+json"}
}

// artifactImage adds the member artifactType, which the library does not write.
type artifactImage struct {
	v1.Image
	kind string
}

func (i artifactImage) RawManifest() ([]byte, error) {
	raw, err := i.Image.RawManifest()
	if err != nil {
		return nil, err
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	m["artifactType"] = i.kind
	return json.Marshal(m)
}

func (i artifactImage) Digest() (v1.Hash, error) {
	raw, err := i.RawManifest()
	if err != nil {
		return v1.Hash{}, err
	}
	hash, _, err := v1.SHA256(strings.NewReader(string(raw)))
	return hash, err
}

// push puts a manifest there by its digest and returns its line for an index.
func (f *fake) push(repo string, l listed) v1.Descriptor {
	f.t.Helper()
	digest, err := l.image.Digest()
	if err == nil {
		err = remote.Write(mustDigest(f.t, fakeOrg+repo+"@"+digest.String()), l.image, f.past()...)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: digest, ArtifactType: l.artifact, Annotations: l.annotations}
}

// fallback is the index that clients keep at a tag for a registry without an account of
// referrers.
func (f *fake) fallback(repo string, lines ...v1.Descriptor) {
	f.t.Helper()
	path := fmt.Sprintf("/v2/seglamater/%s/manifests/sha256-%s", repo, f.images[repo].Hex)
	f.answers(path, string(types.OCIImageIndex), indexOf(f.t, lines...))
}

func (f *fake) answers(path, mediaType, body string) {
	if f.said == nil {
		f.said = map[string]said{}
	}
	f.said[path] = said{mediaType: mediaType, body: body}
}

func indexOf(t testing.TB, lines ...v1.Descriptor) string {
	t.Helper()
	body, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: append([]v1.Descriptor{}, lines...)})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// Case 31: a registry without an account of referrers has an index at the tag
// sha256-HEX, in which cosign 3 gives each line the type of its empty configuration
// (kyverno/kyverno#16664, #17343, #16754; goharbor/harbor#23013; docker/buildx#4010).
func TestTheIndexAtTheTag(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sign := map[string]string{predicateAnnotation: signPredicate}
	provenance := map[string]string{predicateAnnotation: "https://slsa.dev/provenance/v1"}
	good := func(f *fake) layer { return f.bundle(f.private, signPredicate, f.images[product].Hex) }
	foreign := func(f *fake) layer { return f.bundle(other, "https://slsa.dev/provenance/v1", f.images[product].Hex) }
	for name, c := range map[string]struct {
		lines func(f *fake) []listed
		state State
		text  string // of the error
	}{
		"an empty type": {func(f *fake) []listed { return []listed{{emptyType, nil, f.cosign3(sign, good(f))}} }, Verified, ""},
		"no type":       {func(f *fake) []listed { return []listed{{"", nil, f.cosign3(sign, good(f))}} }, Verified, ""},
		"its own type": {func(f *fake) []listed {
			return []listed{{bundleArtifact + ".v0.3+json", sign, f.cosign3(sign, good(f))}}
		}, Verified, ""},
		"an image's type":      {func(f *fake) []listed { return []listed{{imageConfigType, nil, f.cosign3(sign, good(f))}} }, Verified, ""},
		"not annotated at all": {func(f *fake) []listed { return []listed{{emptyType, nil, f.cosign3(nil, good(f))}} }, Verified, ""},
		"told by its layers only": {func(f *fake) []listed {
			return []listed{{emptyType, nil, mutate.ConfigMediaType(f.signatureImage(good(f)), emptyType)}}
		}, Verified, ""},
		"a signature's type": {func(f *fake) []listed {
			return []listed{{signatureArtifact, nil, mutate.ConfigMediaType(f.signatureImage(f.simple(product)), signatureArtifact)}}
		}, Verified, ""},
		"of another image": {func(f *fake) []listed {
			return []listed{{emptyType, nil, f.cosign3(sign, f.bundle(f.private, signPredicate, f.images[updaterName].Hex))}}
		}, Bad, "another image"},
		"by another key": {func(f *fake) []listed {
			return []listed{{emptyType, nil, f.cosign3(sign, f.bundle(other, signPredicate, f.images[product].Hex))}}
		}, Bad, "pinned key"},
		"a statement of the build": {func(f *fake) []listed { return []listed{{emptyType, nil, f.cosign3(provenance, foreign(f))}} }, NotSigned, ""},
		"a statement of the build, beside it": {func(f *fake) []listed {
			return []listed{{emptyType, nil, f.cosign3(provenance, foreign(f))}, {emptyType, nil, f.cosign3(sign, good(f))}}
		}, Verified, ""},
		"a list of contents": {func(f *fake) []listed { return []listed{{"application/spdx+json", nil, f.cosign3(sign, good(f))}} }, NotSigned, ""},
		"a list of contents, by its own word": {func(f *fake) []listed {
			return []listed{{emptyType, nil, artifactImage{f.signatureImage(good(f)), "application/spdx+json"}}}
		}, NotSigned, ""},
		"nothing": {func(f *fake) []listed { return nil }, NotSigned, ""},
	} {
		for _, api := range []struct {
			name   string
			status int // of its account of referrers
			body   string
		}{
			{"without an account", 404, ""}, {"that knows no such path", 405, ""}, {"that has nothing like it", 501, ""},
			{"with a front page", 200, "<!doctype html>"}, {"that has learned since to keep one", 200, indexOf(t)},
		} {
			t.Run(name+", a registry "+api.name, func(t *testing.T) {
				f := newFake(t)
				var lines []v1.Descriptor
				for _, l := range c.lines(f) {
					lines = append(lines, f.push(product, l))
				}
				if len(lines) > 0 {
					f.fallback(product, append(lines, v1.Descriptor{ // and one that is gone by now
						MediaType: types.OCIManifestSchema1, Digest: v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("1", 64)}, ArtifactType: emptyType,
					})...)
				}
				client := Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
					if strings.Contains(req.URL.Path, "/referrers/") {
						kind := "text/html"
						if strings.HasPrefix(api.body, "{") {
							kind = string(types.OCIImageIndex) + "; charset=utf-8"
						}
						return answer(req, api.status, http.Header{"Content-Type": {kind}}, strings.NewReader(api.body)), nil
					}
					return f.RoundTrip(req)
				})}
				rel, err := client.Resolve(t.Context(), f.source())
				if c.text != "" {
					wantTrust(t, err, c.text)
					return
				}
				if err != nil || rel.Server.Signature.State != c.state {
					t.Errorf("got %+v, %v, want the server image %s", rel, err, c.state)
				}
			})
		}
	}
}

// A list of referrers may come in pages, and a signature stand on the last one.
func TestReferrersInPages(t *testing.T) {
	for name, c := range map[string]struct {
		link string
		text string // of the error
	}{
		"relative":         {`</v2/seglamater/chatalot/referrers/next?page=2>; rel="next"`, ""},
		"on itself":        {`<https://registry.seglamater.app/v2/seglamater/chatalot/referrers/next>; rel=next`, ""},
		"by an inner name": {`<http://10.0.0.7:5000/v2/seglamater/chatalot/referrers/next>; rel="next"`, ""},
		"without end":      {`</v2/seglamater/chatalot/referrers/again>; rel="next"`, "more than 32 signatures"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			line := f.push(product, listed{"", nil, f.cosign3(nil, f.bundle(f.private, signPredicate, f.images[product].Hex))})
			client := Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
				header := http.Header{"Content-Type": {string(types.OCIImageIndex)}}
				switch {
				case req.URL.Host != DefaultRegistry && strings.Contains(req.URL.Path, "/referrers/"):
					t.Errorf("asked %s", req.URL)
				case strings.HasSuffix(req.URL.Path, "/referrers/next"):
					return answer(req, 200, header, strings.NewReader(indexOf(t, line))), nil
				case strings.Contains(req.URL.Path, "/chatalot/referrers/"):
					header.Set("Link", c.link)
					return answer(req, 200, header, strings.NewReader(indexOf(t))), nil
				}
				return f.RoundTrip(req)
			})}
			rel, err := client.Resolve(t.Context(), f.source())
			if c.text != "" {
				if err == nil || !strings.Contains(err.Error(), c.text) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || rel.Server.Signature.State != Verified {
				t.Errorf("got %+v, %v", rel, err)
			}
		})
	}
}

// A registry that does not say what refers to an image leaves open whether it is signed.
func TestARegistryThatDoesNotSayWhatRefers(t *testing.T) {
	for path, status := range map[string]int{"/referrers/": 403, "/manifests/sha256-": 500} {
		f := newFake(t)
		client := Client{Pause: 1, Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
			if strings.Contains(req.URL.Path, path) && !strings.HasSuffix(req.URL.Path, ".sig") {
				return answer(req, status, http.Header{}, strings.NewReader("")), nil
			}
			return f.RoundTrip(req)
		})}
		if rel, err := client.Resolve(t.Context(), f.source()); err == nil {
			t.Errorf("%s: got %+v", path, rel)
		}
	}
}
