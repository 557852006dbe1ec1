package release

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	store "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature/payload"
)

// A fake is the vendor without a network: a registry with three images and
// the files of the manifest host by path.
type fake struct {
	t       testing.TB
	private *ecdsa.PrivateKey
	store   http.Handler
	said    map[string]said // by the registry in place of the truth, by path
	files   map[string]file
	images  map[string]v1.Hash // by repository name
	asked   []string           // of the manifest host
}

type said struct {
	mediaType string
	body      string
}

type file struct {
	body   string
	header http.Header
}

const (
	manifestPath = "/chatalot/channels/stable/latest.json"
	fakeOrg      = DefaultRegistry + "/seglamater/"
)

func newFake(t testing.TB) *fake {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := cryptoutils.MarshalPublicKeyToPEM(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{
		t: t, private: private, images: make(map[string]v1.Hash),
		store: store.New(store.Logger(log.New(io.Discard, "", 0)), store.WithReferrersSupport(true)),
		files: map[string]file{keyPath: {body: string(pem)}},
	}
	for repo, tag := range map[string]string{product: "0.24.6", updaterName: "0.24.6", proxyName: proxyTag} {
		f.image(repo, tag, map[string]string{"name": repo})
	}
	f.offer(map[string]any{})
	return f
}

// image puts an image there that differs by its labels.
func (f *fake) image(repo, tag string, labels map[string]string) {
	f.t.Helper()
	config := &v1.ConfigFile{OS: "linux", Architecture: "amd64", Config: v1.Config{Labels: labels}, RootFS: v1.RootFS{Type: "layers"}}
	img, err := mutate.ConfigFile(empty.Image, config)
	if err != nil {
		f.t.Fatal(err)
	}
	f.images[repo] = f.write(repo, tag, img)
}

func (f *fake) write(repo, tag string, img v1.Image) v1.Hash {
	f.t.Helper()
	ref, err := name.NewTag(fakeOrg + repo + ":" + tag)
	if err != nil {
		f.t.Fatal(err)
	}
	digest, err := img.Digest()
	if err == nil {
		err = remote.Write(ref, img, f.past()...)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return digest
}

// past are the options of a write to the registry.
func (f *fake) past() []remote.Option {
	return []remote.Option{remote.WithTransport(f), remote.WithContext(f.t.Context())}
}

// offer writes the manifest, with some members changed or, by nil, left out.
func (f *fake) offer(change map[string]any) {
	f.t.Helper()
	m := map[string]any{"version": "0.24.6", "image": fakeOrg + product, "image_digest": f.images[product].String()}
	for member, value := range change {
		if m[member] = value; value == nil {
			delete(m, member)
		}
	}
	body, err := json.Marshal(m)
	if err != nil {
		f.t.Fatal(err)
	}
	f.files[manifestPath] = file{body: string(body)}
}

// sign returns the base64 of a signature.
func (f *fake) sign(message []byte) string {
	f.t.Helper()
	return signWith(f.t, f.private, message)
}

func signWith(t testing.TB, private *ecdsa.PrivateKey, message []byte) string {
	t.Helper()
	sum := sha256.Sum256(message)
	der, err := ecdsa.SignASN1(rand.Reader, private, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// RoundTrip is the network: the registry by its name, the files by theirs.
func (f *fake) RoundTrip(req *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	if req.Body == nil {
		req.Body = http.NoBody
	}
	switch req.URL.Host {
	case DefaultRegistry:
		if said, ok := f.said[req.URL.Path]; ok {
			answer.Header().Set("Content-Type", said.mediaType)
			answer.WriteString(said.body)
			break
		}
		f.store.ServeHTTP(answer, req)
	case "updates.seglamater.app":
		f.asked = append(f.asked, req.URL.Path)
		found, ok := f.files[req.URL.Path]
		if !ok {
			answer.WriteHeader(http.StatusNotFound)
			break
		}
		for key, values := range found.header {
			answer.Header()[key] = values
		}
		answer.WriteString(found.body)
	default:
		return nil, errors.New("asked a host that is none of the vendor's")
	}
	resp := answer.Result()
	resp.Request = req
	return resp, nil
}

func (f *fake) source() Source {
	return Source{KeySHA256: sha256Hex([]byte(f.files[keyPath].body))}
}

func (f *fake) resolve(change func(*Source)) (*Release, error) {
	f.t.Helper()
	src := f.source()
	if change != nil {
		change(&src)
	}
	now := time.Date(2026, 11, 23, 21, 0, 0, 0, time.UTC)
	client := Client{Transport: f, Pause: time.Nanosecond, Now: func() time.Time { return now }}
	return client.Resolve(f.t.Context(), src)
}

// statement is what cosign signs of an image.
func (f *fake) statement(repo string) []byte {
	f.t.Helper()
	ref, err := name.NewDigest(fakeOrg + repo + "@" + f.images[repo].String())
	if err != nil {
		f.t.Fatal(err)
	}
	body, err := payload.Cosign{Image: ref}.MarshalJSON()
	if err != nil {
		f.t.Fatal(err)
	}
	return body
}

// A layer of a signature, as it lies in the registry.
type layer struct {
	body      []byte
	mediaType types.MediaType
	signature string
}

func (f *fake) simple(repo string) layer {
	body := f.statement(repo)
	return layer{body: body, mediaType: simpleSigning, signature: f.sign(body)}
}

// signatureImage is the container of layers that cosign writes.
func (f *fake) signatureImage(layers ...layer) v1.Image {
	f.t.Helper()
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, l := range layers {
		add := mutate.Addendum{Layer: static.NewLayer(l.body, l.mediaType)}
		if l.signature != "" {
			add.Annotations = map[string]string{signatureAnnotation: l.signature}
		}
		var err error
		if img, err = mutate.Append(img, add); err != nil {
			f.t.Fatal(err)
		}
	}
	return img
}

// tagSignature puts layers at the signature tag of an image.
func (f *fake) tagSignature(repo string, layers ...layer) {
	f.t.Helper()
	d := f.images[repo]
	f.write(repo, d.Algorithm+"-"+d.Hex+".sig", f.signatureImage(layers...))
}

// refer lets layers refer to an image.
func (f *fake) refer(repo, artifact string, annotations map[string]string, layers ...layer) {
	f.t.Helper()
	subject, err := remote.Head(mustDigest(f.t, fakeOrg+repo+"@"+f.images[repo].String()), f.past()...)
	if err != nil {
		f.t.Fatal(err)
	}
	img := f.signatureImage(layers...)
	img = mutate.ConfigMediaType(img, types.MediaType(artifact))
	img = mutate.Annotations(img, annotations).(v1.Image)
	img = mutate.Subject(img, *subject).(v1.Image)
	digest, err := img.Digest()
	if err == nil {
		err = remote.Write(mustDigest(f.t, fakeOrg+repo+"@"+digest.String()), img, f.past()...)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

func mustDigest(t testing.TB, ref string) name.Digest {
	t.Helper()
	d, err := name.NewDigest(ref)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// bundle is what cosign writes about a statement in its current form.
func (f *fake) bundle(private *ecdsa.PrivateKey, predicate, digestHex string) layer {
	f.t.Helper()
	statement, err := json.Marshal(map[string]any{
		"_type":         "https://in-toto.io/Statement/v1",
		"subject":       []any{map[string]any{"digest": map[string]string{"sha256": digestHex}}},
		"predicateType": predicate,
		"predicate":     map[string]any{},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	var pae bytes.Buffer
	for i, part := range [][]byte{[]byte(statementType), statement} {
		if i == 0 {
			pae.WriteString("DSSEv1")
		}
		pae.WriteString(" " + strconv.Itoa(len(part)) + " ")
		pae.Write(part)
	}
	body, err := json.Marshal(map[string]any{
		"mediaType": bundleArtifact + ".v0.3+json",
		"dsseEnvelope": map[string]any{
			"payloadType": statementType,
			"payload":     base64.StdEncoding.EncodeToString(statement),
			"signatures":  []any{map[string]string{"sig": signWith(f.t, private, pae.Bytes())}},
		},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return layer{body: body, mediaType: bundleArtifact + ".v0.3+json"}
}
