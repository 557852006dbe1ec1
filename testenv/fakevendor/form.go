package fakevendor

import (
	"bytes"
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/dsse"
)

// A Form is where signatures lie and what they look like. Which one the vendor
// uses is not public, so there are all that cosign has had. Empty means [Tag].
type Form string

const (
	// Tag is cosign's first: an image's signature at sha256-<hex>.sig, a
	// manifest's in base64 at .sig.
	Tag Form = "tag"
	// Referrer is the image's signature as an artifact that refers to it; the
	// manifest's is as in Tag.
	Referrer Form = "referrer"
	// Bundle is the current one, of cosign 3: a signed statement in a bundle that
	// refers to the image, and a bundle at .sigstore.json.
	Bundle Form = "bundle"
	// BundleTag is the same in a registry that keeps no account of what refers to
	// an image: cosign keeps an index at the tag sha256-<hex> in its place.
	BundleTag Form = "bundle-tag"
)

// Forms returns all of them, for help texts and tests.
func Forms() []Form { return []Form{Tag, Referrer, Bundle, BundleTag} }

func (f Form) bundled() bool { return f == Bundle || f == BundleTag }

// The names of those forms.
const (
	signatureArtifact = "application/vnd.dev.cosign.artifact.sig.v1+json"
	bundleArtifact    = "application/vnd.dev.sigstore.bundle.v0.3+json"
	emptyArtifact     = "application/vnd.oci.empty.v1+json"
	statementType     = "application/vnd.in-toto+json"
	signPredicate     = "https://sigstore.dev/cosign/sign/v1"
)

// signImage signs an image, and takes away every signature that the same bytes
// were given by an earlier release.
func (f *Vendor) signImage(ctx context.Context, repo name.Repository, hash v1.Hash, s Signature, form Form) error {
	if err := f.unsign(ctx, repo, hash); err != nil || s == Missing {
		return err
	}
	if form == Tag {
		img, err := f.newImageSignature(repo.Digest(hash.String()), s)
		if err != nil {
			return err
		}
		return remote.Write(signatureTag(repo, hash), img, f.push(ctx)...)
	}
	subject, err := remote.Head(repo.Digest(hash.String()), f.push(ctx)...)
	if err != nil {
		return err
	}
	img, err := f.newReferrer(repo.Digest(hash.String()), *subject, s, form)
	if err != nil {
		return err
	}
	own, err := img.Digest()
	if err != nil {
		return err
	}
	if err := remote.Write(repo.Digest(own.String()), img, f.push(ctx)...); err != nil || form != BundleTag {
		return err
	}
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), mutate.IndexAddendum{
		Add: img, Descriptor: v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: own, ArtifactType: emptyArtifact},
	})
	f.unlisted.add(referrersPath(repo, hash))
	return remote.Put(fallbackTag(repo, hash), index, f.push(ctx)...)
}

// newReferrer is a signature that refers to an image.
func (f *Vendor) newReferrer(image name.Digest, subject v1.Descriptor, s Signature, form Form) (v1.Image, error) {
	var img v1.Image
	var err error
	if form.bundled() {
		img, err = f.newImageBundle(subject.Digest, s)
	} else if img, err = f.newImageSignature(image, s); err == nil {
		img = mutate.ConfigMediaType(img, signatureArtifact)
	}
	if err != nil {
		return nil, err
	}
	refers, ok := mutate.Subject(img, subject).(v1.Image)
	if !ok {
		return nil, errors.New("refer to an image: the result is none")
	}
	if form.bundled() {
		return artifact{Image: refers, kind: bundleArtifact}, nil
	}
	return refers, nil
}

// An artifact is an image with the member artifactType, which the library does not
// write.
type artifact struct {
	v1.Image
	kind string
}

func (a artifact) RawManifest() ([]byte, error) {
	m, err := a.Manifest()
	if err != nil {
		return nil, err
	}
	return json.Marshal(m)
}

func (a artifact) Manifest() (*v1.Manifest, error) {
	m, err := a.Image.Manifest()
	if err != nil {
		return nil, err
	}
	m = m.DeepCopy()
	m.ArtifactType = a.kind
	return m, nil
}

func (a artifact) Digest() (v1.Hash, error) { return partial.Digest(a) }

func (a artifact) Size() (int64, error) { return partial.Size(a) }

// fallbackTag is where the index lies that stands for a registry's account.
func fallbackTag(repo name.Repository, hash v1.Hash) name.Tag {
	return repo.Tag(hash.Algorithm + "-" + hash.Hex)
}

func referrersPath(repo name.Repository, hash v1.Hash) string {
	return fmt.Sprintf("/v2/%s/referrers/%s", repo.RepositoryStr(), hash)
}

// unlisted are the paths at which the registry has no account of what refers to an
// image, as one that knows nothing of such accounts.
type unlisted struct {
	mu    sync.Mutex
	paths map[string]bool
}

func (u *unlisted) add(path string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.paths == nil {
		u.paths = make(map[string]bool)
	}
	u.paths[path] = true
}

func (u *unlisted) remove(path string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.paths, path)
}

func (u *unlisted) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.mu.Lock()
		hidden := u.paths[r.URL.Path]
		u.mu.Unlock()
		if hidden {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func signatureTag(repo name.Repository, hash v1.Hash) name.Tag {
	return repo.Tag(hash.Algorithm + "-" + hash.Hex + ".sig")
}

// unsign removes the signatures of an image, in whatever form.
func (f *Vendor) unsign(ctx context.Context, repo name.Repository, hash v1.Hash) error {
	index, err := remote.Referrers(repo.Digest(hash.String()), f.push(ctx)...)
	if err != nil {
		return err
	}
	list, err := index.IndexManifest()
	if err != nil {
		return err
	}
	f.unlisted.remove(referrersPath(repo, hash))
	refs := []name.Reference{signatureTag(repo, hash), fallbackTag(repo, hash)}
	for _, d := range list.Manifests {
		refs = append(refs, repo.Digest(d.Digest.String()))
	}
	for _, ref := range refs {
		err := remote.Delete(ref, f.push(ctx)...)
		var answer *transport.Error
		if err != nil && (!errors.As(err, &answer) || answer.StatusCode != http.StatusNotFound) {
			return err
		}
	}
	return nil
}

// newImageBundle is an image whose only layer is a bundle around a statement
// that names the image it is for.
func (f *Vendor) newImageBundle(hash v1.Hash, s Signature) (v1.Image, error) {
	about, err := statement(hash.Hex)
	if err != nil {
		return nil, err
	}
	signed := about
	if s == Replayed || s == Tampered {
		if signed, err = statement(noDigest()[len("sha256:"):]); err != nil {
			return nil, err
		}
	}
	envelope, err := f.envelope(signed, s)
	if err != nil {
		return nil, err
	}
	if s == Tampered {
		envelope["payload"] = base64.StdEncoding.EncodeToString(about)
	}
	bundle, err := json.Marshal(map[string]any{"mediaType": bundleArtifact, "dsseEnvelope": envelope})
	if err != nil {
		return nil, err
	}
	img, err := mutate.Append(mutate.ConfigMediaType(signatureBase(), emptyArtifact), mutate.Addendum{Layer: static.NewLayer(bundle, bundleArtifact)})
	if err != nil {
		return nil, err
	}
	annotated, ok := mutate.Annotations(img, map[string]string{
		"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": signPredicate,
	}).(v1.Image)
	if !ok {
		return nil, errors.New("annotate a bundle: the result is no image")
	}
	return annotated, nil
}

// statement says that an image is signed, in the words of in-toto.
func statement(hex string) ([]byte, error) {
	return json.Marshal(map[string]any{
		"_type":         "https://in-toto.io/Statement/v1",
		"subject":       []any{map[string]any{"digest": map[string]string{"sha256": hex}}},
		"predicateType": signPredicate,
		"predicate":     map[string]any{},
	})
}

// envelope signs a statement (DSSE).
func (f *Vendor) envelope(statement []byte, s Signature) (map[string]any, error) {
	key := f.keys.Release
	if s == OtherKey {
		key = f.keys.Other
	}
	signer, err := signature.LoadECDSASigner(key.Private, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	text, err := dsse.WrapSigner(signer, statementType).SignMessage(bytes.NewReader(statement))
	if err != nil {
		return nil, err
	}
	var envelope map[string]any
	if err := json.Unmarshal(text, &envelope); err != nil {
		return nil, err
	}
	if s == Malformed {
		envelope["signatures"] = []any{map[string]string{"sig": notBase64}}
	}
	return envelope, nil
}

// blobBundle is the current form of a signature that lies beside a file.
func blobBundle(sig string) ([]byte, error) {
	return json.Marshal(map[string]any{
		"mediaType":        bundleArtifact,
		"messageSignature": map[string]string{"signature": sig},
	})
}
