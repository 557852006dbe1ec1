package release

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
)

func pemOf(t testing.TB, pub crypto.PublicKey) string {
	t.Helper()
	file, err := cryptoutils.MarshalPublicKeyToPEM(pub)
	if err != nil {
		t.Fatal(err)
	}
	return string(file)
}

// Row F54: of the files that have the pinned fingerprint, only one with a
// P-256 key and nothing else is a key.
func TestKeyFiles(t *testing.T) {
	good, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	bigger, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	file := pemOf(t, good.Public())
	for name, c := range map[string]struct {
		file string
		text string
	}{
		"P-256":              {file, ""},
		"P-256, DOS lines":   {strings.ReplaceAll(file, "\n", "\r\n"), ""},
		"P-384":              {pemOf(t, bigger.Public()), "P-256"},
		"Ed25519":            {pemOf(t, edwards), "P-256"},
		"RSA":                {pemOf(t, other.Public()), "P-256"},
		"two keys":           {file + file, "exactly one PEM block"},
		"text before":        {"hello\n" + file, "exactly one PEM block"},
		"text after":         {file + "hello\n", "exactly one PEM block"},
		"nothing":            {"", "exactly one PEM block"},
		"the placeholder":    {"REPLACE-ME\n", "exactly one PEM block"},
		"cut off":            {file[:60], "exactly one PEM block"},
		"a private key":      {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no public key"},
		"a key of no length": {"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n", "no public key"},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := newKey([]byte(c.file), sha256Hex([]byte(c.file)))
			if c.text == "" {
				if err != nil || string(k.pem) != c.file {
					t.Error(err)
				}
				return
			}
			wantTrust(t, err, c.text)
		})
	}
}

// A signature in the other encoding that the library would take is refused:
// one signature has one form.
func TestOnlyDER(t *testing.T) {
	f := newFake(t)
	k := f.key()
	message := []byte("message")
	der, err := base64.StdEncoding.DecodeString(f.sign(message))
	if err != nil {
		t.Fatal(err)
	}
	if err := k.verify(der, message); err != nil {
		t.Errorf("DER: %v", err)
	}
	if k.verify(append(der, 0), message) == nil {
		t.Error("DER with a byte behind it was accepted")
	}
	if k.verify(make([]byte, 64), message) == nil || k.verify(nil, message) == nil {
		t.Error("something that is not DER was accepted")
	}
}

func (f *fake) key() *key {
	f.t.Helper()
	file := []byte(f.files[keyPath].body)
	k, err := newKey(file, sha256Hex(file))
	if err != nil {
		f.t.Fatal(err)
	}
	return k
}

// FuzzManifest holds that whatever a manifest says, it is refused or leads to
// images of the product in the registry that was configured.
func FuzzManifest(f *testing.F) {
	fake := newFake(f)
	f.Add([]byte(fake.files[manifestPath].body))
	f.Add([]byte(`{"version":"0.24.6","image":"a/chatalot:0.24.6","image_digest":"sha256:` + strings.Repeat("0", 64) + `","updater_image":"x"}`))
	f.Add([]byte(`{"version":"0.24.5","image":"chatalot@sha256:00","image_digest":"","expires_at":"2026-01-01T00:00:00Z"}`))
	src, err := Source{}.complete()
	if err != nil {
		f.Fatal(err)
	}
	registry, err := name.NewRegistry(DefaultRegistry)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseManifest(data)
		if err != nil || m.check(src, false, time.Unix(0, 0)) != nil {
			return
		}
		server, err := m.server(registry)
		if err != nil {
			return
		}
		updater, err := m.updater(registry, server)
		if err != nil {
			return
		}
		for _, w := range []want{server, updater, proxy(server)} {
			if w.repo.RegistryStr() != DefaultRegistry {
				t.Errorf("%s comes from %s", w.what, w.repo)
			}
			if w.digest != "" && !isDigest(w.digest) {
				t.Errorf("%s has the digest %q", w.what, w.digest)
			}
			if _, err := name.NewTag(w.repo.Tag(w.tag).Name()); err != nil {
				t.Errorf("%s can not be asked for: %v", w.what, err)
			}
		}
	})
}

// FuzzSignature holds that no signature file makes other bytes verify.
func FuzzSignature(f *testing.F) {
	fake := newFake(f)
	k := fake.key()
	signed := fake.sign([]byte("signed"))
	f.Add([]byte(signed))
	f.Add([]byte(`{"base64Signature":"` + signed + `"}`))
	f.Add([]byte(`{"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"AA=="},"signature":"` + signed + `"}}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		if k.verifyDetached(file, []byte("not signed")) == nil {
			t.Errorf("%q verifies what was never signed", file)
		}
	})
}

// FuzzClaim holds that nothing in a registry makes another image verify.
func FuzzClaim(f *testing.F) {
	fake := newFake(f)
	k := fake.key()
	digest := fake.images[product]
	statement := fake.statement(product)
	f.Add(statement, fake.sign(statement), []byte(nil))
	f.Add([]byte(nil), "", fake.bundle(fake.private, signPredicate, digest.Hex).body)
	repo, err := name.NewRepository(fakeOrg + product)
	if err != nil {
		f.Fatal(err)
	}
	other := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}
	f.Fuzz(func(t *testing.T, payload []byte, signature string, bundle []byte) {
		c := claim{payload: payload, signature: signature, bundle: bundle}
		if c.check(k, want{what: "server image", repo: repo, tag: "0.24.6"}, other) == nil {
			t.Error("an image that was never signed verifies")
		}
	})
}
