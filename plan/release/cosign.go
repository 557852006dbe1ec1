package release

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/sigstore/sigstore/pkg/signature/payload"
)

// What cosign calls its things in a registry.
const (
	simpleSigning       = types.MediaType("application/vnd.dev.cosign.simplesigning.v1+json")
	signatureArtifact   = "application/vnd.dev.cosign.artifact.sig.v1+json"
	bundleArtifact      = "application/vnd.dev.sigstore.bundle"
	signatureAnnotation = "dev.cosignproject.cosign/signature"
	predicateAnnotation = "dev.sigstore.bundle.predicateType"
	signPredicate       = "https://sigstore.dev/cosign/sign/v1"
	statementType       = "application/vnd.in-toto+json"
)

// Limits of what a registry can make us look at for one image.
const (
	maxClaims  = 32
	maxPayload = 256 << 10
)

// A claim is something in the registry that says it is a signature of an
// image: a signed payload, or an envelope around one.
type claim struct {
	payload   []byte
	signature string // base64, of the payload
	bundle    []byte // or this
}

// signature looks for signatures of an image and checks them. One good one is
// enough; when there are some and none is good, that is an error.
func (r *registry) signature(ctx context.Context, w want, digest v1.Hash) (Signature, error) {
	for _, place := range []struct {
		name string
		look func(context.Context, want, v1.Hash) ([]claim, error)
	}{{"signature tag", r.taggedClaims}, {"referrers", r.referringClaims}} {
		claims, err := place.look(ctx, w, digest)
		if err != nil {
			return Signature{}, err
		}
		var last error
		for _, c := range claims {
			if last = c.check(r.key, w, digest); last == nil {
				return Signature{State: Verified, Detail: "found by " + place.name}, nil
			}
		}
		if last != nil {
			return Signature{State: Bad}, &TrustError{
				Subject: fmt.Sprintf("the signature of the %s %s@%s", w.what, w.repo, digest), Reason: last.Error(),
			}
		}
	}
	return Signature{State: NotSigned, Detail: "no signature in the registry"}, nil
}

// taggedClaims looks where cosign put signatures before registries had referrers.
func (r *registry) taggedClaims(ctx context.Context, w want, digest v1.Hash) ([]claim, error) {
	tag := w.repo.Tag(digest.Algorithm + "-" + digest.Hex + ".sig")
	d, err := r.get(ctx, tag, "signature")
	var absent *NotFoundError
	if errors.As(err, &absent) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	claims, err := r.claims(ctx, tag, d)
	if err == nil && len(claims) == 0 {
		claims = []claim{{}} // a signature tag with nothing in it is a bad signature, not a missing one
	}
	return claims, err
}

// referringClaims asks the registry what refers to the image.
func (r *registry) referringClaims(ctx context.Context, w want, digest v1.Hash) ([]claim, error) {
	list, err := r.referrers(ctx, w, digest)
	if err != nil {
		return nil, err
	}
	var all []claim
	looked := 0
	for _, d := range list {
		if !maySign(d.ArtifactType, d.Annotations) {
			continue
		}
		if looked++; looked > maxClaims {
			return nil, r.tooMany(w)
		}
		ref := w.repo.Digest(d.Digest.String())
		referrer, err := r.get(ctx, ref, "signature")
		var gone *NotFoundError
		if errors.As(err, &gone) {
			continue // an index at a tag outlives what it lists
		}
		if err != nil {
			return nil, err
		}
		if artifact, annotations, err := manifestType(referrer.Manifest); err != nil || !maySign(artifact, annotations) {
			continue
		}
		claims, err := r.claims(ctx, ref, referrer)
		if err != nil {
			return nil, err
		}
		if all = append(all, claims...); len(all) > maxClaims {
			return nil, r.tooMany(w)
		}
	}
	return all, nil
}

func (r *registry) tooMany(w want) error {
	return &UnreachableError{Host: r.host, Reason: fmt.Sprintf("it has more than %d signatures of the %s", maxClaims, w.what)}
}

// claims reads the signatures that one manifest holds.
func (r *registry) claims(ctx context.Context, ref name.Reference, d *remote.Descriptor) ([]claim, error) {
	m, err := v1.ParseManifest(bytes.NewReader(d.Manifest))
	if err != nil || len(m.Layers) > maxClaims {
		return nil, &UnreachableError{Host: r.host, Reason: fmt.Sprintf("the signature %s is not understood", ref)}
	}
	var claims []claim
	for _, layer := range m.Layers {
		isBundle := strings.HasPrefix(string(layer.MediaType), bundleArtifact)
		if layer.MediaType != simpleSigning && !isBundle {
			continue
		}
		data, err := r.blob(ctx, ref.Context().Digest(layer.Digest.String()), maxPayload)
		if err != nil {
			return nil, err
		}
		if isBundle {
			claims = append(claims, claim{bundle: data})
		} else {
			claims = append(claims, claim{payload: data, signature: layer.Annotations[signatureAnnotation]})
		}
	}
	return claims, nil
}

// check holds a claim against the key first, and reads what it says after.
func (c claim) check(k *key, w want, digest v1.Hash) error {
	if c.bundle != nil {
		return checkBundle(k, c.bundle, digest)
	}
	if c.signature == "" {
		return errors.New("there is a place for it and nothing in it")
	}
	der, err := decodeDER(c.signature)
	if err != nil {
		return err
	}
	if err := k.verify(der, c.payload); err != nil {
		return err
	}
	return checkPayload(c.payload, w, digest)
}

// checkPayload reads a signed payload: which image, and under which name.
func checkPayload(data []byte, w want, digest v1.Hash) error {
	var p payload.SimpleContainerImage
	if err := json.Unmarshal(data, &p); err != nil || p.Critical.Type != payload.CosignSignatureType {
		return errors.New("what is signed is not about an image")
	}
	if got := p.Critical.Image.DockerManifestDigest; got != digest.String() {
		return fmt.Errorf("it is of another image, %q", got)
	}
	ref := p.Critical.Identity.DockerReference
	if ref == "" {
		return nil
	}
	signed, err := name.ParseReference(ref, name.WithDefaultTag(w.tag))
	if err != nil || path.Base(signed.Context().RepositoryStr()) != path.Base(w.repo.RepositoryStr()) {
		return fmt.Errorf("it was given to the image under the name %q", ref)
	}
	if tag, ok := signed.(name.Tag); ok && differs(tag.TagStr(), w.tag) {
		return fmt.Errorf("it was given to the image under the name %q", ref)
	}
	return nil
}

// differs reports whether two tags are both versions and not the same.
func differs(a, b string) bool {
	va, err := semver.StrictNewVersion(a)
	if err != nil {
		return false
	}
	vb, err := semver.StrictNewVersion(b)
	return err == nil && !va.Equal(vb)
}

// checkBundle reads an envelope whose statement names the image.
func checkBundle(k *key, bundle []byte, digest v1.Hash) error {
	var b struct {
		Envelope json.RawMessage `json:"dsseEnvelope"`
	}
	if err := json.Unmarshal(bundle, &b); err != nil || b.Envelope == nil {
		return errors.New("it is a bundle without an envelope")
	}
	statement, err := k.open(b.Envelope, statementType)
	if err != nil {
		return err
	}
	var s struct {
		PredicateType string `json:"predicateType"`
		Subject       []struct {
			Digest map[string]string `json:"digest"`
		} `json:"subject"`
	}
	if err := json.Unmarshal(statement, &s); err != nil || s.PredicateType != signPredicate {
		return errors.New("what is signed is not a signature of an image")
	}
	for _, subject := range s.Subject {
		if subject.Digest[digest.Algorithm] == digest.Hex {
			return nil
		}
	}
	return errors.New("it is of another image")
}
