package plan

import (
	"slices"
	"strings"
	"time"
)

// Settings are what the inventory asks for on one host.
type Settings struct {
	Host         string
	Channel      string // UPDATE_CHANNEL
	ManifestHost string // UPDATE_MANIFEST_HOST
	Pin          Pin
	MaxDowntime  time.Duration // the swap undoes itself beyond it
	DumpTimeout  time.Duration // of a backup on the host; 0: by the size of the database
	PublicURL    string
	Credentials  bool     // registry credentials are configured
	Allow        []string // decisions a person has taken, by name
	ProxyDigests []string // socket proxies that need no signature
}

// Pin says how an image is written into the compose file.
type Pin string

// A digest is bit-exact; a tag can be moved by whoever owns the registry.
const (
	PinDigest Pin = "digest"
	PinTag    Pin = "tag"
)

// Overrides that a person can take by name, with what each accepts.
const (
	// AllowOldMigrations accepts a database older than the runbook supports.
	AllowOldMigrations = "old-migrations"
	// AllowWritableProxy defines the socket proxy without read_only (trap F1).
	AllowWritableProxy = "proxy-writable-root"
	// AllowNoFinalDump skips the dump with the server stopped.
	AllowNoFinalDump = "no-final-dump"
	// AllowDegraded starts from a server that is not healthy.
	AllowDegraded = "unhealthy-server"
	// AllowUnsignedProxy accepts a socket proxy that no signature vouches for where
	// signatures are required.
	AllowUnsignedProxy = "unsigned-proxy"
	// AllowLostSignature accepts a channel or an image without a signature that had
	// one before.
	AllowLostSignature = "lost-signature"
	// AllowClosedSecrets, followed by a container's name, accepts that it loses the
	// secrets folder, which the upgrade closes.
	AllowClosedSecrets = "closed-secrets:"
	// AllowOverwrite, followed by SERVICE.KEY, replaces a value that differs.
	AllowOverwrite = "overwrite:"
	// AllowDrift, followed by SERVICE.FIELD, lets the upgrade carry out what was changed
	// in the files and never applied; SERVICE.KEY or SERVICE accepts all of it beneath.
	AllowDrift = "drift:"
)

// Overrides lists all of them, for the inventory's own check.
func Overrides() []string {
	return []string{AllowOldMigrations, AllowWritableProxy, AllowNoFinalDump, AllowDegraded, AllowUnsignedProxy, AllowLostSignature, AllowClosedSecrets, AllowOverwrite, AllowDrift}
}

// Allows reports whether a person has taken the decision.
func (s Settings) Allows(decision string) bool {
	for _, a := range s.Allow {
		if a == decision {
			return true
		}
	}
	return false
}

// Release is what the host is lifted to, verified on the workstation.
type Release struct {
	Version   string   `json:"version"`
	Channel   string   `json:"channel"`
	Server    Ref      `json:"server"`
	Updater   Ref      `json:"updater"`
	Proxy     Ref      `json:"proxy"`
	Key       []byte   `json:"key"` // the vendor's public key file, byte for byte
	KeySHA256 string   `json:"key_sha256"`
	Signature string   `json:"signature"` // of the manifest: verified, not signed
	Manifest  string   `json:"manifest"`  // SHA-256 of its bytes
	Warnings  []string `json:"warnings,omitempty"`
}

// Ref is an image in the vendor's registry.
type Ref struct {
	Repo      string `json:"repo"`
	Tag       string `json:"tag"`
	Digest    string `json:"digest"`
	Platform  string `json:"platform,omitempty"` // digest of the host's own architecture
	Signature string `json:"signature"`
	Declared  bool   `json:"declared,omitempty"` // the manifest names the digest
	// KnownDigest is set of a socket proxy that is not signed and whose digest is known.
	KnownDigest bool `json:"known_digest,omitempty"`
}

// Unsigned lists what of a release no signature vouches for and no decision of these
// settings accepts, empty for a release that passes where signatures are required. One
// that was asked for by its version has no manifest, only the signatures of its images.
func (r Release) Unsigned(s Settings) []string {
	var out []string
	if r.Manifest != "" && r.Signature != verified {
		out = append(out, "the manifest")
	}
	for _, image := range r.images() {
		if !r.isSigned(image.ref) && !(image.proxy && s.acceptsProxy(image.ref)) {
			out = append(out, "the "+image.name)
		}
	}
	return out
}

// DescribeVerification says in words how far each part of a release is vouched for.
func (r Release) DescribeVerification() string {
	var words []string
	for _, image := range r.images() {
		word := image.name + " " + image.ref.Signature
		switch {
		case image.ref.Signature == verified:
		case r.isSigned(image.ref):
			word += " (the manifest names it)"
		case image.ref.KnownDigest:
			word += " (its digest is known)"
		}
		words = append(words, word)
	}
	return "manifest " + r.Signature + "; " + strings.Join(words, ", ")
}

// A releaseImage is one of the three images of a release.
type releaseImage struct {
	name  string
	ref   Ref
	proxy bool
}

func (r Release) images() []releaseImage {
	return []releaseImage{{name: "server image", ref: r.Server}, {name: "updater image", ref: r.Updater}, {name: "socket proxy image", ref: r.Proxy, proxy: true}}
}

// isSigned reports whether something signed names an image.
func (r Release) isSigned(ref Ref) bool {
	return ref.Signature == verified || ref.Declared && r.Signature == verified
}

// acceptsProxy reports whether a socket proxy needs no signature.
func (s Settings) acceptsProxy(ref Ref) bool {
	return s.Allows(AllowUnsignedProxy) || slices.Contains(s.ProxyDigests, ref.Digest) || slices.Contains(s.ProxyDigests, ref.Platform)
}

// verified is what a release says of a signature that was looked at and is good.
const verified = "verified"

// Pinned is the reference that goes into the compose file.
func (r Ref) Pinned(p Pin) string {
	if p == PinTag {
		return r.Repo + ":" + r.Tag
	}
	return r.ByDigest()
}

// ByDigest is the reference that is pulled, whatever the file says.
func (r Ref) ByDigest() string { return r.Repo + "@" + r.Digest }
