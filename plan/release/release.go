package release

import "slices"

// A State says what is known of a signature.
type State string

// The states of a signature.
const (
	Verified  State = "verified"
	NotSigned State = "not signed"
	Bad       State = "bad"
)

// A Signature is a state and, in words, what it rests on.
type Signature struct {
	State  State
	Detail string
}

// An Image is one image of a release, as the registry had it.
type Image struct {
	Repo           string // registry and repository, as in registry.example/team/name
	Tag            string
	Digest         string // what is pinned: what the tag points to, or what the manifest says
	TagDigest      string // what the tag points to
	PlatformDigest string // the platform's own manifest; equal to Digest for an image of one platform
	Size           int64  // compressed bytes that a server without any of it has to pull
	Signature      Signature
	Declared       bool // the digest stands in the channel manifest and was not learned from the tag
	KnownDigest    bool // not signed, and accepted for its digest

	label string // the version that the image's own label names, if any
}

// Ref names the image by digest, the form to pin.
func (i Image) Ref() string { return i.Repo + "@" + i.Digest }

// TagRef names the image by tag, for those who ask for that.
func (i Image) TagRef() string { return i.Repo + ":" + i.Tag }

// A Release is what a server can be lifted to.
type Release struct {
	Version      string
	Channel      string
	ManifestHost string

	Server  Image
	Updater Image
	Proxy   Image // the vendor's mirror of docker-socket-proxy

	KeyPEM    []byte // the vendor's key file, byte for byte
	KeySHA256 string

	Manifest       Signature
	ManifestSHA256 string
	Warnings       []string // sentences for the operator

	offered offered
}

// offered is what the channel's manifest said, which may be about another
// version than the one that was asked for.
type offered struct {
	mark   Mark
	signed bool
}

// images are the three of a release, with what to call them.
func (r *Release) images() []namedImage {
	return []namedImage{
		{Image: &r.Server, what: "server image"},
		{Image: &r.Updater, what: "updater image"},
		{Image: &r.Proxy, what: "socket proxy image", proxy: true},
	}
}

// A namedImage is one of the three images of a release.
type namedImage struct {
	*Image
	what  string
	proxy bool
}

// proof is what vouches for it that an image's tag means its digest.
func (r *Release) proof(i Image) Proof {
	switch {
	case i.Declared && r.Manifest.State == Verified:
		return Declared
	case i.Signature.State == Verified:
		return Signed
	}
	return Looked
}

func (r *Release) mark() Mark { return Mark{Version: r.Version, Digest: r.Server.Digest} }

// is reports whether a digest names the image: as it is pinned, as its tag has
// it, or the part of it that runs on the platform.
func (i Image) is(digest string) bool {
	return digest == i.Digest || digest == i.TagDigest || digest == i.PlatformDigest
}

// pinned reports whether a list of digests names what would run.
func (i Image) pinned(digests []string) bool {
	return slices.Contains(digests, i.Digest) || slices.Contains(digests, i.PlatformDigest)
}
