package release

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"
)

// A Memory is what a workstation has learned of the vendor's places: which
// release each channel came to, where signatures were seen, and what each tag
// pointed to. Its zero value is one that has learned nothing.
//
// It holds input of different worth, and keeps it apart. What a signature of
// the pinned key vouches for is learned by looking. What only TLS vouches for
// is learned with [Memory.Install], after a person agreed to it and it runs
// somewhere; before that it can cause a warning and nothing else. So nobody who
// sits on the way can block a channel by showing something once, and nothing
// that is not signed takes the place of what was.
type Memory struct {
	Channels map[string]KnownChannel `json:"channels,omitempty"` // by manifest host and channel
	Images   map[string]KnownImage   `json:"images,omitempty"`   // by repository:tag
	// Signed is since when the images of a name have signatures, by registry and
	// the last part of the repository: a manifest cannot get around it with
	// another repository of the same registry.
	Signed map[string]time.Time `json:"signed,omitempty"`
}

// A KnownChannel is how far a channel has come.
type KnownChannel struct {
	SignedAt  time.Time       `json:"signed_at,omitzero"` // when a signed manifest of it was first seen
	Signed    map[string]Mark `json:"signed,omitempty"`   // the newest that a signed manifest named, by the key's SHA-256
	Installed Mark            `json:"installed,omitzero"` // the newest that was installed though its manifest was not signed
}

// A Mark is a release that a channel offered.
type Mark struct {
	Version string `json:"version"`
	Digest  string `json:"digest"` // of the server image
}

// A KnownImage is what a tag pointed to.
type KnownImage struct {
	Digest string    `json:"digest"`
	Proof  Proof     `json:"proof"`
	Key    string    `json:"key,omitempty"` // SHA-256 of the key, where a signature is the proof
	At     time.Time `json:"at"`
}

// A Proof says what vouches for it that a tag means a digest.
type Proof string

// Proofs, from the weakest to the strongest.
const (
	Looked    Proof = "looked"    // the registry said so, over TLS
	Installed Proof = "installed" // the same, and a person had it installed
	Signed    Proof = "signed"    // the image is signed with the pinned key
	Declared  Proof = "declared"  // a signed manifest names the digest
)

func (p Proof) rank() int {
	return slices.Index([]Proof{Looked, Installed, Signed, Declared}, p)
}

// An Acceptance is what a person accepts by name.
type Acceptance struct {
	UnsignedProxy bool     // a socket proxy that nothing vouches for
	LostSignature bool     // what was signed before and is not now
	ProxyDigests  []string // socket proxies that need no signature
}

// Learn adds what a release proves by itself.
func (m *Memory) Learn(r *Release, at time.Time) {
	at = at.UTC().Truncate(time.Second)
	if r.offered.signed {
		key := channelKey(r)
		c := m.Channels[key]
		if c.SignedAt.IsZero() {
			c.SignedAt = at
		}
		if newest := c.Signed[r.KeySHA256]; !older(r.offered.mark.Version, newest.Version) {
			put(&c.Signed, r.KeySHA256, r.offered.mark)
		}
		put(&m.Channels, key, c)
	}
	for _, i := range r.images() {
		if i.Signature.State == Verified && m.Signed[signedKey(*i.Image)].IsZero() {
			put(&m.Signed, signedKey(*i.Image), at)
		}
		m.note(r, *i.Image, r.proof(*i.Image), at)
	}
}

// Install adds a release that was installed on a host, whatever vouches for it.
func (m *Memory) Install(r *Release, at time.Time) {
	at = at.UTC().Truncate(time.Second)
	if key := channelKey(r); r.ManifestSHA256 != "" && r.Manifest.State != Verified {
		c := m.Channels[key]
		if !older(r.Version, c.Installed.Version) {
			c.Installed = r.mark()
			put(&m.Channels, key, c)
		}
	}
	for _, i := range r.images() {
		proof := r.proof(*i.Image)
		if proof == Looked {
			proof = Installed
		}
		m.note(r, *i.Image, proof, at)
	}
}

// note writes down what a tag points to, unless something stronger is known.
func (m *Memory) note(r *Release, i Image, proof Proof, at time.Time) {
	known, ok := m.Images[i.TagRef()]
	if i.Digest == "" || ok && (proof.rank() < known.proofWith(r.KeySHA256).rank() || proof == known.Proof && i.is(known.Digest)) {
		return
	}
	now := KnownImage{Digest: i.Digest, Proof: proof, At: at}
	if proof.rank() >= Signed.rank() {
		now.Key = r.KeySHA256
	}
	put(&m.Images, i.TagRef(), now)
}

// proofWith returns what a proof is worth by now: one that rests on another key than the
// pinned one counts as something that somebody installed.
func (k KnownImage) proofWith(key string) Proof {
	if k.Proof.rank() > Installed.rank() && k.Key != key {
		return Installed
	}
	return k.Proof
}

// Vouch says of the images of a release that was looked up before that they are
// signed, where a signature of the same digest was seen since.
func (m *Memory) Vouch(r *Release) {
	for _, i := range r.images() {
		known, ok := m.Images[i.TagRef()]
		if ok && known.proofWith(r.KeySHA256).rank() >= Signed.rank() && i.is(known.Digest) {
			i.Signature.State = Verified
		}
	}
}

// Check holds a release against what was learned before, and returns what is
// worth a word and no more. An error is a [*TrustError].
func (m *Memory) Check(r *Release, accepts Acceptance) (warnings []string, err error) {
	if r.ManifestSHA256 != "" && r.Manifest.State != Verified {
		if err := m.stillSignedChannel(r, accepts); err != nil {
			return nil, err
		}
	}
	if err := m.stillSigned(r, accepts); err != nil {
		return nil, err
	}
	if err := m.sameRelease(r); err != nil {
		return nil, err
	}
	for _, i := range r.images() {
		warning, err := m.sameImage(r, i, accepts)
		if err != nil {
			return nil, err
		}
		if warning != "" {
			warnings = append(warnings, warning)
		}
	}
	return warnings, nil
}

// stillSigned refuses images that lost their signature.
func (m *Memory) stillSigned(r *Release, accepts Acceptance) error {
	for _, i := range r.images() {
		since := m.Signed[signedKey(*i.Image)]
		if since.IsZero() || i.Signature.State == Verified || accepts.LostSignature || i.Digest == "" {
			continue
		}
		return lostError("the "+i.what, i.TagRef()+" has no signature, and images of this name have", since)
	}
	return nil
}

// stillSignedChannel refuses a manifest without a signature on a channel that
// had one before.
func (m *Memory) stillSignedChannel(r *Release, accepts Acceptance) error {
	since := m.Channels[channelKey(r)].SignedAt
	if since.IsZero() || accepts.LostSignature {
		return nil
	}
	return lostError(fmt.Sprintf("the manifest of channel %q", r.Channel), "it has no signature, and this channel's have", since)
}

func lostError(subject, what string, since time.Time) error {
	return &TrustError{Subject: subject, Reason: fmt.Sprintf(
		"%s been signed since %s at the latest: somebody on the way may have taken the signature out; "+
			"if the vendor says that he signs no more, accept it with allow: [lost-signature]", what, since.Format(time.DateOnly))}
}

// sameRelease refuses a version whose server image is not the one that it was.
func (m *Memory) sameRelease(r *Release) error {
	c := m.Channels[channelKey(r)]
	marks := []Mark{c.Signed[r.KeySHA256]}
	if r.proof(r.Server).rank() <= Installed.rank() {
		marks = append(marks, c.Installed)
	}
	for _, known := range marks {
		if known.Version == r.Version && known.Digest != "" && !r.Server.is(known.Digest) {
			return changedError("the server image", "version "+r.Version, r.Server.Digest, known.Digest)
		}
	}
	return nil
}

// sameImage holds what a tag points to against what it pointed to. Who has the
// stronger proof is right.
func (m *Memory) sameImage(r *Release, i namedImage, accepts Acceptance) (warning string, err error) {
	known, ok := m.Images[i.TagRef()]
	if !ok || i.Digest == "" || i.is(known.Digest) {
		return "", nil
	}
	was := known.proofWith(r.KeySHA256)
	switch named := i.proxy && i.pinned(accepts.ProxyDigests); {
	case named, was == Looked, r.proof(*i.Image).rank() > was.rank():
		return fmt.Sprintf("%s is %s now and was %s on %s", i.TagRef(), i.Digest, known.Digest, known.At.Format(time.DateOnly)), nil
	}
	err = changedError("the "+i.what, i.TagRef(), i.Digest, known.Digest)
	if i.proxy {
		err.(*TrustError).Reason += "; if the vendor says why, name the new digest in proxy_digests"
	}
	return "", err
}

func changedError(subject, what, now, before string) error {
	return &TrustError{Subject: subject, Reason: fmt.Sprintf("%s is %s now and was %s before: a release does not change", what, now, before)}
}

// newest is the release that a channel must not go back behind. What was
// learned without a signature does not count against what has one.
func (m *Memory) newest(key, keySHA256 string, signed bool) string {
	c := m.Channels[key]
	newest := c.Signed[keySHA256].Version
	if !signed && (newest == "" || older(newest, c.Installed.Version)) {
		newest = c.Installed.Version
	}
	return newest
}

// older reports whether a version is below another one.
func older(a, b string) bool {
	va, errA := semver.StrictNewVersion(a)
	vb, errB := semver.StrictNewVersion(b)
	return errA == nil && errB == nil && va.LessThan(vb)
}

func channelKey(r *Release) string { return r.ManifestHost + " " + r.Channel }

func signedKey(i Image) string {
	registry, _, _ := strings.Cut(i.Repo, "/")
	return registry + " " + path.Base(i.Repo)
}

// put writes into a map that may not be there yet.
func put[V any](m *map[string]V, key string, v V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = v
}
