package release

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
	PlatformDigest string // the platform's own manifest; equal to Digest for an image of one platform
	Size           int64  // compressed bytes that a server without any of it has to pull
	Signature      Signature
	Declared       bool // the digest stands in the channel manifest and was not learned from the tag

	label string // the version that the image's own label names, if any
}

// Ref names the image by digest, the form to pin.
func (i Image) Ref() string { return i.Repo + "@" + i.Digest }

// TagRef names the image by tag, for those who ask for that.
func (i Image) TagRef() string { return i.Repo + ":" + i.Tag }

// A Release is what a server can be lifted to.
type Release struct {
	Version string
	Channel string

	Server  Image
	Updater Image
	Proxy   Image // the vendor's mirror of docker-socket-proxy

	KeyPEM    []byte // the vendor's key file, byte for byte
	KeySHA256 string

	Manifest       Signature
	ManifestSHA256 string
	Warnings       []string // sentences for the operator
}

// Seen returns what to remember of this release, so that the channel can not
// go back behind it.
func (r *Release) Seen() Seen {
	return Seen{Version: r.Version, Digest: r.Server.Digest}
}

// Seen is the newest release that was accepted on a channel before.
type Seen struct {
	Version string
	Digest  string // of the server image
}
