package fakevendor

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/sigstore/sigstore/pkg/signature/payload"
)

func TestPull(t *testing.T) {
	f := start(t)
	p, err := f.SetRelease(t.Context(), Release{Version: "0.24.6"})
	if err != nil {
		t.Fatal(err)
	}
	good := Auth{User: "client-7", Password: "token"}
	for _, mode := range []AuthMode{Anonymous, Basic, Bearer} {
		for name, tt := range map[string]struct {
			user, password string
			ok             bool
		}{
			"nobody":         {"", "", mode == Anonymous},
			"the client":     {"client-7", "token", true},
			"wrong password": {"client-7", "other", mode == Anonymous},
		} {
			t.Run(string(mode)+" "+name, func(t *testing.T) {
				auth := good
				auth.Mode = mode
				if err := f.SetAuth(t.Context(), auth); err != nil {
					t.Fatal(err)
				}
				for ref, digest := range map[string]string{
					p.Image + ":0.24.6":                     p.ImageDigest,
					p.Image + "@" + p.ImageDigest:           p.ImageDigest,
					p.UpdaterImage + ":0.24.6":              p.UpdaterDigest,
					p.ProxyImage + ":" + SocketProxyVersion: p.ProxyDigest,
				} {
					got, err := pull(f, ref, tt.user, tt.password)
					switch {
					case tt.ok && (err != nil || got != digest):
						t.Errorf("%s: %s, %v; want %s", ref, got, err, digest)
					case !tt.ok && !isStatus(err, http.StatusUnauthorized):
						t.Errorf("%s: %v; want a 401", ref, err)
					}
				}
			})
		}
	}
}

func isStatus(err error, status int) bool {
	var answer *transport.Error
	return errors.As(err, &answer) && answer.StatusCode == status
}

func TestTokensAreVoidAfterAChange(t *testing.T) {
	f := start(t)
	set := func(password string) {
		t.Helper()
		if err := f.SetAuth(t.Context(), Auth{Mode: Bearer, User: "u", Password: password}); err != nil {
			t.Fatal(err)
		}
	}
	set("one")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://registry.seglamater.app/v2/token", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("u", "one")
	client := f.HTTPClient()
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var given struct{ Token string }
	if err := json.NewDecoder(res.Body).Decode(&given); err != nil {
		t.Fatal(err)
	}
	ask := func() int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://registry.seglamater.app/v2/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+given.Token)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	if got := ask(); got != 200 {
		t.Errorf("with the token: %d", got)
	}
	set("two")
	if got := ask(); got != 401 {
		t.Errorf("after the change: %d", got)
	}
}

func TestRegistryCanOnlyBeRead(t *testing.T) {
	f := start(t)
	err := crane.Copy(server+":0.24.5", server+":0.24.6", crane.WithTransport(f.HTTPClient().Transport))
	if !isStatus(err, http.StatusForbidden) {
		t.Errorf("got %v, want a 403", err)
	}
}

func TestServerImageIsForTwoArchitectures(t *testing.T) {
	f := start(t)
	data, err := crane.Manifest(server+":0.24.6", crane.WithTransport(f.HTTPClient().Transport))
	if err != nil {
		t.Fatal(err)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		if !strings.Contains(string(data), `"architecture":"`+arch+`"`) {
			t.Errorf("no %s in %s", arch, data)
		}
	}
}

func TestMovedTagLeavesTheDigestGood(t *testing.T) {
	f := start(t)
	p, err := f.SetRelease(t.Context(), Release{Version: "0.24.6", MovedTag: true})
	if err != nil {
		t.Fatal(err)
	}
	byTag, err := pull(f, p.Image+":0.24.6", "", "")
	if err != nil {
		t.Fatal(err)
	}
	if byTag == p.ImageDigest {
		t.Error("the tag did not move")
	}
	if _, err := pull(f, p.Image+"@"+p.ImageDigest, "", ""); err != nil {
		t.Error(err)
	}
}

func TestImageSignatures(t *testing.T) {
	f := start(t)
	for _, s := range Signatures() {
		t.Run(string(s), func(t *testing.T) {
			p, err := f.SetRelease(t.Context(), Release{Version: "0.24.6", ImageSignature: s})
			if err != nil {
				t.Fatal(err)
			}
			for repo, digest := range map[string]string{
				p.Image: p.ImageDigest, p.UpdaterImage: p.UpdaterDigest, p.ProxyImage: p.ProxyDigest,
			} {
				if got := signedAs(t, f, repo, digest); got != s {
					t.Errorf("%s is %q", repo, got)
				}
			}
		})
	}
	p, err := f.SetRelease(t.Context(), Release{Version: "0.24.6", UnsignedProxy: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := signedAs(t, f, p.ProxyImage, p.ProxyDigest); got != Missing {
		t.Errorf("the unsigned proxy is %q", got)
	}
}

// An image has one signature, in the form of its last release.
func TestFormsOfAnImageSignature(t *testing.T) {
	f := start(t)
	for _, form := range append(Forms(), Tag) {
		p, err := f.SetRelease(t.Context(), Release{Version: "0.24.6", SignatureForm: form})
		if err != nil {
			t.Fatal(err)
		}
		if got := signedAs(t, f, p.Image, p.ImageDigest); (got == Good) != (form == Tag) {
			t.Errorf("form %s: at the tag it is %q", form, got)
		}
		ref, err := name.NewDigest(p.Image + "@" + p.ImageDigest)
		if err != nil {
			t.Fatal(err)
		}
		index, err := remote.Referrers(ref, remote.WithTransport(f.HTTPClient().Transport))
		if err != nil {
			t.Fatal(err)
		}
		list, err := index.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		path := "/v2/" + ref.Context().RepositoryStr() + "/referrers/" + p.ImageDigest
		if status, _ := get(t, f.HTTPClient(), "https://"+ref.Context().RegistryStr()+path); (status == http.StatusNotFound) != (form == BundleTag) {
			t.Errorf("form %s: the registry's account answers %d", form, status)
		}
		var kinds []string
		for _, d := range list.Manifests {
			kinds = append(kinds, d.ArtifactType)
		}
		// The registry of the library, and the index at the tag, give a bundle the type
		// of its empty configuration.
		want := map[Form][]string{Referrer: {signatureArtifact}, Bundle: {emptyArtifact}, BundleTag: {emptyArtifact}}[form]
		if !slices.Equal(kinds, want) {
			t.Errorf("form %s: referrers %q, want %q", form, kinds, want)
		}
	}
}

// signedAs tells how an image is signed, from what the registry serves.
func signedAs(t *testing.T, f *Vendor, repo, digest string) Signature {
	t.Helper()
	ref := repo + ":" + strings.Replace(digest, ":", "-", 1) + ".sig"
	img, err := crane.Pull(ref, crane.WithTransport(f.HTTPClient().Transport))
	if isStatus(err, http.StatusNotFound) {
		return Missing
	}
	if err != nil {
		t.Fatal(err)
	}
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	if len(layers) != 1 || m.Layers[0].MediaType != simpleSigning {
		t.Fatalf("layers are %+v", m.Layers)
	}
	r, err := layers[0].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	statement, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	signature := m.Layers[0].Annotations[signatureAnnotation]
	var spoken payload.Cosign
	if err := json.Unmarshal(statement, &spoken); err != nil {
		t.Fatal(err)
	}
	switch {
	case strings.Contains(signature, "!"):
		return Malformed
	case verify(t, f.keys.Other.Public, statement, signature):
		return OtherKey
	case !verify(t, f.PublicKey(), statement, signature):
		return Tampered
	case spoken.Image.DigestStr() != digest:
		return Replayed
	}
	return Good
}
