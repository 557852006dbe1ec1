package fakevendor

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

const (
	stable    = "https://updates.seglamater.app/chatalot/channels/stable/latest.json"
	beta      = "https://updates.seglamater.app/chatalot/channels/beta/latest.json"
	publicKey = "https://updates.seglamater.app/.well-known/keys/chatalot.pub"
	server    = "registry.seglamater.app/seglamater/chatalot"
)

// control is what a fixture and its client have in common.
type control interface {
	SetRelease(context.Context, Release) (Published, error)
	RemoveRelease(context.Context, string) error
	SetAuth(context.Context, Auth) error
	SetFault(context.Context, Fault) error
	ClearFaults(context.Context) error
	Requests(context.Context) ([]Request, error)
	Reset(context.Context) error
}

var (
	_ control = (*Vendor)(nil)
	_ control = (*Client)(nil)
)

func start(t *testing.T) *Vendor {
	t.Helper()
	f, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// get returns status and body; the status is 0 when there was no whole answer.
func get(t *testing.T, client *http.Client, address string) (int, []byte) {
	t.Helper()
	res, err := client.Get(address)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return 0, []byte(err.Error())
	}
	return res.StatusCode, body
}

// verify checks a signature with nothing but the standard library.
func verify(t *testing.T, keyPEM, message []byte, signature string) bool {
	t.Helper()
	block, _ := pem.Decode(keyPEM)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(signature))
	if err != nil {
		return false
	}
	sum := sha256.Sum256(message)
	return ecdsa.VerifyASN1(key.(*ecdsa.PublicKey), sum[:], raw)
}

func TestStableIsSignedByThePublishedKey(t *testing.T) {
	f := start(t)
	client := f.HTTPClient()
	status, body := get(t, client, stable)
	if status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	var m manifest
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	if m.Version != "0.24.6" || m.Image != server || m.Product != "chatalot" || m.Channel != "stable" {
		t.Errorf("got %+v", m)
	}
	_, key := get(t, client, publicKey)
	if sum := sha256.Sum256(key); hex.EncodeToString(sum[:]) != f.KeyFingerprint() {
		t.Error("the published key is not the pinned one")
	}
	_, signature := get(t, client, stable+".sig")
	if !verify(t, key, body, string(signature)) {
		t.Error("the signature is bad")
	}
	if status, _ := get(t, client, beta); status != 404 {
		t.Errorf("beta answers %d", status)
	}
}

func TestManifestSignatures(t *testing.T) {
	f := start(t)
	client := f.HTTPClient()
	for _, s := range Signatures() {
		t.Run(string(s), func(t *testing.T) {
			if _, err := f.SetRelease(t.Context(), Release{Version: "0.24.6", ManifestSignature: s}); err != nil {
				t.Fatal(err)
			}
			_, body := get(t, client, stable)
			status, signature := get(t, client, stable+".sig")
			if (status == 404) != (s == Missing) {
				t.Errorf("the signature answers %d", status)
			}
			if got := verify(t, f.PublicKey(), body, string(signature)); got != (s == Good) {
				t.Errorf("it verifies: %v", got)
			}
			if s == OtherKey && !verify(t, f.keys.Other.Public, body, string(signature)) {
				t.Error("it does not verify by the other key")
			}
		})
	}
}

// A manifest has one signature, where its form has its place.
func TestFormsOfAManifestSignature(t *testing.T) {
	f := start(t)
	client := f.HTTPClient()
	for _, form := range Forms() {
		if _, err := f.SetRelease(t.Context(), Release{Version: "0.24.6", SignatureForm: form}); err != nil {
			t.Fatal(err)
		}
		for suffix, want := range map[string]bool{".sig": !form.bundled(), ".sigstore.json": form.bundled()} {
			if status, _ := get(t, client, stable+suffix); (status == 200) != want {
				t.Errorf("form %s: %s answers %d", form, suffix, status)
			}
		}
	}
}

func TestShortManifestHasTheThreeFieldsOfTheRunbook(t *testing.T) {
	f := start(t)
	if _, err := f.SetRelease(t.Context(), Release{Version: "0.24.6", ShortManifest: true}); err != nil {
		t.Fatal(err)
	}
	_, body := get(t, f.HTTPClient(), stable)
	var fields map[string]string
	if err := json.Unmarshal(body, &fields); err != nil {
		t.Fatal(err)
	}
	if len(fields) != 3 || fields["version"] == "" || fields["image"] == "" || fields["image_digest"] == "" {
		t.Errorf("got %v", fields)
	}
}

func TestManifestSaysWhatItIsTold(t *testing.T) {
	f := start(t)
	told := Release{
		Version: "0.24.6", UpdaterVersion: "0.24.5", ImageDigest: noDigest(),
		Product: "hivemind", ManifestChannel: "canary",
		ReleasedAt: time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	p, err := f.SetRelease(t.Context(), told)
	if err != nil {
		t.Fatal(err)
	}
	_, body := get(t, f.HTTPClient(), stable)
	var got manifest
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	want := manifest{
		Product: "hivemind", Channel: "canary", Version: "0.24.6",
		Image: server, ImageDigest: noDigest(),
		UpdaterImage: server + "-updater", UpdaterDigest: p.UpdaterDigest,
		ReleasedAt: "2025-01-02T03:04:05Z",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if digest, err := pull(f, server+"-updater:0.24.5", "", ""); err != nil || digest != p.UpdaterDigest {
		t.Errorf("the updater is %s, %v", digest, err)
	}
}

func TestReleaseThatMakesNoSense(t *testing.T) {
	f := start(t)
	before, _ := get(t, f.HTTPClient(), stable)
	for name, r := range map[string]Release{
		"no version":        {},
		"version":           {Version: "latest"},
		"channel":           {Version: "0.24.6", Channel: "nightly"},
		"signature":         {Version: "0.24.6", ManifestSignature: "odd"},
		"image signature":   {Version: "0.24.6", ImageSignature: "odd"},
		"signature form":    {Version: "0.24.6", SignatureForm: "odd"},
		"behaviour":         {Version: "0.24.6", Behaviour: "odd"},
		"generation":        {Version: "0.24.6", Generation: "odd"},
		"updater behaviour": {Version: "0.24.6", UpdaterBehaviour: "odd"},
	} {
		if _, err := f.SetRelease(t.Context(), r); err == nil {
			t.Errorf("%s: published", name)
		}
	}
	if after, _ := get(t, f.HTTPClient(), stable); after != before {
		t.Error("the channel changed")
	}
}

func TestProxyKnowsTwoHostsOnly(t *testing.T) {
	f := start(t)
	client := f.HTTPClient()
	for _, address := range []string{
		"https://example.com/", "https://registry.seglamater.app:8443/", "http://updates.seglamater.app/", "https://127.0.0.1/",
	} {
		if status, body := get(t, client, address); status == 200 {
			t.Errorf("%s answered %d %s", address, status, body)
		}
	}
	strangers := f.HTTPClient()
	strangers.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool()}
	if status, body := get(t, strangers, stable); status != 0 || !strings.Contains(string(body), "certificate") {
		t.Errorf("a client that does not trust the authority got %d %s", status, body)
	}
}

func TestJournalNeverHoldsAPassword(t *testing.T) {
	f := start(t)
	const password = "per-instance-token"
	if err := f.SetAuth(t.Context(), Auth{Mode: Bearer, User: "client-7", Password: password}); err != nil {
		t.Fatal(err)
	}
	if _, err := pull(f, server+":0.24.6", "client-7", password); err != nil {
		t.Fatal(err)
	}
	list, err := f.Requests(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte(password)) {
		t.Error("the password is in the journal")
	}
	asked := func(path, user string, status int) bool {
		return slices.ContainsFunc(list, func(r Request) bool {
			return r.Path == path && r.User == user && r.Status == status && r.Host == "registry.seglamater.app"
		})
	}
	if !asked("/v2/", "", 401) || !asked("/v2/token", "client-7", 200) ||
		!asked("/v2/seglamater/chatalot/manifests/0.24.6", "client-7", 200) {
		t.Errorf("the journal lacks a step: %s", data)
	}
}

// pull fetches every byte of an image the way a client of the registry does and
// returns its digest; no user is anonymous.
func pull(f *Vendor, ref, user, password string) (string, error) {
	options := []crane.Option{crane.WithTransport(f.HTTPClient().Transport)}
	if user != "" {
		options = append(options, crane.WithAuth(authn.FromConfig(authn.AuthConfig{Username: user, Password: password})))
	}
	img, err := crane.Pull(ref, options...)
	if err != nil {
		return "", err
	}
	if err := validate.Image(img); err != nil {
		return "", err
	}
	return crane.Digest(ref, options...)
}

func TestProxyURLWorksForAnyClient(t *testing.T) {
	f := start(t)
	proxy, err := url.Parse(f.ProxyURL())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(f.CA())
	client := &http.Client{Transport: &http.Transport{
		Proxy:           http.ProxyURL(proxy),
		TLSClientConfig: &tls.Config{RootCAs: roots}, // HTTP/1.1 this time
	}}
	defer client.CloseIdleConnections()
	if status, _ := get(t, client, publicKey); status != 200 {
		t.Errorf("got %d", status)
	}
}
