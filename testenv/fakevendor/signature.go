package fakevendor

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/sigstore/sigstore/pkg/signature/payload"
)

// The names cosign gives to a signature in a registry.
const (
	simpleSigning       = "application/vnd.dev.cosign.simplesigning.v1+json"
	signatureAnnotation = "dev.cosignproject.cosign/signature"
)

const notBase64 = "this is not base64!"

// sign returns the signature of a message as text, made the way s says.
func (f *Vendor) sign(message []byte, s Signature) (string, error) {
	key := f.keys.Release
	switch s {
	case OtherKey:
		key = f.keys.Other
	case Malformed:
		return notBase64, nil
	}
	raw, err := key.Sign(message)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(raw), nil
}

// newImageSignature makes what cosign stores: an image whose only layer is the
// signed statement, with the signature in the layer's annotations.
//
// A replayed signature is good and speaks of another image; a tampered one
// spoke of another image before the statement was changed.
func (f *Vendor) newImageSignature(image name.Digest, s Signature) (v1.Image, error) {
	statement, err := payload.Cosign{Image: image}.MarshalJSON()
	if err != nil {
		return nil, err
	}
	other, err := payload.Cosign{Image: image.Digest(noDigest())}.MarshalJSON()
	if err != nil {
		return nil, err
	}
	signed := statement
	switch s {
	case Replayed:
		statement, signed = other, other
	case Tampered:
		signed = other
	}
	signature, err := f.sign(signed, s)
	if err != nil {
		return nil, err
	}
	return mutate.Append(signatureBase(), mutate.Addendum{
		Layer:       static.NewLayer(statement, simpleSigning),
		Annotations: map[string]string{signatureAnnotation: signature},
	})
}

// signatureBase is the empty image that holds a signature.
func signatureBase() v1.Image {
	return mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
}

// noDigest is the digest of nothing that exists.
func noDigest() string { return "sha256:" + strings.Repeat("0", 64) }

// manifest is the vendor's latest.json. Product, channel and the updater's
// fields are not documented by the vendor, and left out of a short one.
type manifest struct {
	Product       string `json:"product,omitempty"`
	Channel       string `json:"channel,omitempty"`
	Version       string `json:"version"`
	Image         string `json:"image"`
	ImageDigest   string `json:"image_digest"`
	UpdaterImage  string `json:"updater_image,omitempty"`
	UpdaterDigest string `json:"updater_image_digest,omitempty"`
	ReleasedAt    string `json:"released_at,omitempty"`
}

// newOffer writes and signs the manifest of a release.
//
// A tampered one names another image than the one that was signed; a replayed
// signature is that of another version.
func (f *Vendor) newOffer(r Release, p Published) (offer, error) {
	m := manifest{Version: r.Version, Image: p.Image, ImageDigest: p.ImageDigest}
	if r.ImageDigest != "" {
		m.ImageDigest = r.ImageDigest
	}
	if !r.ShortManifest {
		m.Product, m.Channel = r.Product, r.ManifestChannel
		m.UpdaterImage, m.UpdaterDigest = p.UpdaterImage, p.UpdaterDigest
		m.ReleasedAt = r.ReleasedAt.UTC().Format("2006-01-02T15:04:05Z")
	}
	signed := m
	switch r.ManifestSignature {
	case Tampered:
		signed.ImageDigest = noDigest()
	case Replayed:
		signed.Version += "-before"
	}
	body, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return offer{}, err
	}
	if r.ManifestSignature == Missing {
		return offer{manifest: body}, nil
	}
	signedBody, err := json.MarshalIndent(signed, "", "  ")
	if err != nil {
		return offer{}, err
	}
	signature, err := f.sign(signedBody, r.ManifestSignature)
	if err != nil || !r.SignatureForm.bundled() {
		return offer{manifest: body, signature: []byte(signature + "\n")}, err
	}
	bundle, err := blobBundle(signature)
	return offer{manifest: body, bundle: bundle}, err
}
