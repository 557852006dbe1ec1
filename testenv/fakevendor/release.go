package fakevendor

import (
	"fmt"
	"slices"
	"time"

	"liftalot/testenv/fakes"
)

// A Release is what a channel offers: images, a manifest, signatures. The zero
// value of every field but Version is a good release.
type Release struct {
	// Channel is stable, beta or canary; empty means stable.
	Channel string `json:"channel,omitempty"`
	Version string `json:"version"`

	// Behaviour is the server's; the other two are those of its companions.
	Behaviour        fakes.Behaviour `json:"behaviour,omitempty"`
	UpdaterBehaviour fakes.Behaviour `json:"updater_behaviour,omitempty"`
	ProxyBehaviour   fakes.Behaviour `json:"proxy_behaviour,omitempty"`
	// Generation makes the server one of the other line, such as a release
	// that lacks the managed updates it should have.
	Generation fakes.Generation `json:"generation,omitempty"`
	// Extra holds the numbers of the server's behaviour.
	Extra map[string]string `json:"extra,omitempty"`
	// Migrations is the newest migration; 0 is the one of that version.
	Migrations int64 `json:"migrations,omitempty"`
	// HealthVersion is what the server reports when it is not Version.
	HealthVersion string `json:"health_version,omitempty"`
	// Architectures of the server image; empty means amd64 and arm64.
	Architectures []string `json:"architectures,omitempty"`

	// ManifestSignature and ImageSignature say how each is signed.
	ManifestSignature Signature `json:"manifest_signature,omitempty"`
	ImageSignature    Signature `json:"image_signature,omitempty"`
	// SignatureForm is what all of them look like.
	SignatureForm Form `json:"signature_form,omitempty"`
	// UnsignedProxy leaves the socket proxy's image unsigned: whether the
	// vendor signs it is not known.
	UnsignedProxy bool `json:"unsigned_proxy,omitempty"`

	// MovedTag moves the server's tag to another image after the manifest was
	// signed; the digest stays good.
	MovedTag bool `json:"moved_tag,omitempty"`
	// UpdaterVersion is the updater's, when the two do not belong together.
	UpdaterVersion string `json:"updater_version,omitempty"`
	// ImageDigest is what the manifest says in place of the truth.
	ImageDigest string `json:"image_digest,omitempty"`
	// Product and ManifestChannel are what the manifest says it is for, when
	// it is not what it was asked for.
	Product         string `json:"product,omitempty"`
	ManifestChannel string `json:"manifest_channel,omitempty"`
	// ReleasedAt is the manifest's date; zero is now.
	ReleasedAt time.Time `json:"released_at,omitzero"`
	// ShortManifest leaves out all but the three fields the vendor's runbook
	// shows: version, image, image_digest.
	ShortManifest bool `json:"short_manifest,omitempty"`
}

// A Signature is how something is signed. Empty means [Good].
type Signature string

const (
	// Good is by the release key.
	Good Signature = "good"
	// Missing is not there at all.
	Missing Signature = "missing"
	// Tampered was good for what stood there before a change.
	Tampered Signature = "tampered"
	// OtherKey is good, by a key nobody pinned.
	OtherKey Signature = "other-key"
	// Replayed is by the release key, for another release.
	Replayed Signature = "replayed"
	// Malformed is not base64.
	Malformed Signature = "malformed"
)

// Signatures returns all of them, for help texts and tests.
func Signatures() []Signature {
	return []Signature{Good, Missing, Tampered, OtherKey, Replayed, Malformed}
}

// Published is where a release ended up.
type Published struct {
	Channel       string `json:"channel"`
	Version       string `json:"version"`
	Image         string `json:"image"`        // without a tag
	ImageDigest   string `json:"image_digest"` // of the index
	UpdaterImage  string `json:"updater_image"`
	UpdaterDigest string `json:"updater_image_digest"`
	ProxyImage    string `json:"proxy_image"`
	ProxyDigest   string `json:"proxy_image_digest"`
}

// channelNames are the channels the vendor has.
func channelNames() []string { return []string{"stable", "beta", "canary"} }

// complete fills in what was left empty and refuses what makes no sense.
func (r Release) complete(now time.Time) (Release, error) {
	defaults := []struct {
		to    *string
		value string
	}{
		{&r.Channel, "stable"},
		{&r.Product, "chatalot"},
		{&r.UpdaterVersion, r.Version},
		{(*string)(&r.Behaviour), string(fakes.Healthy)},
		{(*string)(&r.UpdaterBehaviour), string(fakes.Healthy)},
		{(*string)(&r.ProxyBehaviour), string(fakes.Healthy)},
		{(*string)(&r.ManifestSignature), string(Good)},
		{(*string)(&r.ImageSignature), string(Good)},
		{(*string)(&r.SignatureForm), string(Tag)},
	}
	for _, d := range defaults {
		if *d.to == "" {
			*d.to = d.value
		}
	}
	if r.ManifestChannel == "" {
		r.ManifestChannel = r.Channel
	}
	if len(r.Architectures) == 0 {
		r.Architectures = []string{"amd64", "arm64"}
	}
	if r.ReleasedAt.IsZero() {
		r.ReleasedAt = now
	}
	if !slices.Contains(channelNames(), r.Channel) {
		return Release{}, fmt.Errorf("unknown channel %q", r.Channel)
	}
	for _, s := range []Signature{r.ManifestSignature, r.ImageSignature} {
		if !slices.Contains(Signatures(), s) {
			return Release{}, fmt.Errorf("unknown signature %q", s)
		}
	}
	if !slices.Contains(Forms(), r.SignatureForm) {
		return Release{}, fmt.Errorf("unknown form %q of a signature", r.SignatureForm)
	}
	return r, nil
}

// server returns the settings of the server image.
func (r Release) server() (fakes.Config, error) {
	c, err := fakes.ForVersion(r.Version)
	if err != nil {
		return fakes.Config{}, err
	}
	c.Behaviour = r.Behaviour
	c.Extra = r.Extra
	if r.Migrations != 0 {
		c.Migrations = r.Migrations
	}
	if r.Generation != "" {
		c.Generation = r.Generation
	}
	if r.HealthVersion != "" {
		c.HealthVersion = r.HealthVersion
	}
	return c, nil
}

// companion returns the settings of an image that is not the server.
func companion(version string, b fakes.Behaviour) fakes.Config {
	return fakes.Config{Version: version, Generation: fakes.Managed, Behaviour: b}
}
