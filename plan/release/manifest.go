package release

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// maxManifest bounds a channel manifest, which takes less than a thousand bytes.
const maxManifest = 1 << 20

// A manifest is what a channel says it offers. The first three members are the
// documented ones. The rest is used when it is there.
type manifest struct {
	Version     string `json:"version"`
	Image       string `json:"image"`
	ImageDigest string `json:"image_digest"`

	UpdaterImage  string    `json:"updater_image"`
	UpdaterDigest string    `json:"updater_image_digest"`
	Product       string    `json:"product"`
	Channel       string    `json:"channel"`
	Expires       time.Time `json:"expires_at"`
	Released      string    `json:"released_at"` // a date that does not matter enough to refuse its form
}

// parseManifest reads a manifest's bytes, after their signature was looked at.
func parseManifest(data []byte) (manifest, error) {
	var m manifest
	if len(data) > maxManifest {
		return manifest{}, fmt.Errorf("it has more than %d bytes", maxManifest)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return manifest{}, errors.New("it is not a JSON object of the known form")
	}
	if m.Version == "" || m.Image == "" || m.ImageDigest == "" {
		return manifest{}, errors.New("it lacks one of version, image and image_digest")
	}
	if m.UpdaterDigest != "" && m.UpdaterImage == "" {
		return manifest{}, errors.New("it has a digest of the updater without its image")
	}
	return m, nil
}

// check holds the manifest against what was asked for.
func (m manifest) check(src Source, signed bool, now time.Time) error {
	bad := func(format string, args ...any) *TrustError {
		return &TrustError{Subject: fmt.Sprintf("the manifest of channel %q", src.Channel), Reason: fmt.Sprintf(format, args...)}
	}
	if m.Product != "" && m.Product != product {
		return bad("it is about the product %q", m.Product)
	}
	if m.Channel != "" && m.Channel != src.Channel {
		return bad("it says that it is of channel %q", m.Channel)
	}
	if !m.Expires.IsZero() && now.After(m.Expires) {
		return bad("it expired on %s and the vendor has not renewed it", m.Expires.UTC().Format(time.DateOnly))
	}
	if src.Version != "" {
		return nil // a person who names the version may go back, and need not want what is offered
	}
	v, err := targetVersion(m.Version)
	if err != nil {
		return err
	}
	if newest := src.Memory.newest(channelKey(&Release{ManifestHost: src.ManifestHost, Channel: src.Channel}), src.KeySHA256, signed); older(m.Version, newest) {
		back := bad("it offers %s, and %s was accepted before: a channel does not go back by itself; version: %s asks for it by name", v, newest, v)
		back.Setting = fmt.Sprintf("version: %s", v)
		return back
	}
	return nil
}

// A want is an image to look up.
type want struct {
	what   string // in words
	repo   name.Repository
	tag    string
	digest string // what it must be; "" when nobody has said
}

// isDigest accepts a SHA-256 in its one form.
func isDigest(s string) bool {
	h, err := v1.NewHash(s)
	return err == nil && h.Algorithm == "sha256" && h.String() == s
}

// server is the image that the manifest is about. The registry is the one
// that the login is for and never one that a manifest names.
func (m manifest) server(reg name.Registry) (want, error) {
	return m.image(reg, product, "server image", m.Image, m.ImageDigest)
}

// updater is the sidecar's image, of the same release and beside the server's
// where the manifest does not say.
func (m manifest) updater(reg name.Registry, server want) (want, error) {
	if m.UpdaterImage == "" {
		return beside(server, updaterName, "updater image", m.Version), nil
	}
	return m.image(reg, updaterName, "updater image", m.UpdaterImage, m.UpdaterDigest)
}

// proxy is the socket proxy's image, which the vendor mirrors.
func proxy(server want) want {
	return beside(server, proxyName, "socket proxy image", proxyTag)
}

func beside(server want, base, what, tag string) want {
	repo := server.repo.Registry.Repo(path.Dir(server.repo.RepositoryStr()), base)
	return want{what: what, repo: repo, tag: tag}
}

// image reads a reference from the manifest.
func (m manifest) image(reg name.Registry, base, what, ref, digest string) (want, error) {
	bad := func(format string, args ...any) (want, error) {
		return want{}, &TrustError{Subject: "the " + what + " in the manifest", Reason: fmt.Sprintf(format, args...)}
	}
	if digest != "" && !isDigest(digest) {
		return bad("%q is not a digest", digest)
	}
	parsed, err := name.ParseReference(ref, name.WithDefaultRegistry(reg.Name()), name.WithDefaultTag(m.Version))
	if err != nil {
		return bad("%q is not an image reference", ref)
	}
	repo := parsed.Context().RepositoryStr()
	if path.Base(repo) != base {
		return bad("%q is not an image of %s", ref, base)
	}
	w := want{what: what, repo: reg.Repo(repo), tag: m.Version, digest: digest}
	switch r := parsed.(type) {
	case name.Digest:
		if r.DigestStr() != digest {
			return bad("%q and the digest %q are two images", ref, digest)
		}
	case name.Tag:
		if v, err := semver.NewVersion(r.TagStr()); err == nil && v.String() != m.Version {
			return bad("the tag of %q is not of version %q", ref, m.Version)
		}
		w.tag = r.TagStr()
	}
	return w, nil
}

// untagged is a reference without its tag and digest.
func untagged(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if colon := strings.LastIndexByte(ref, ':'); colon > strings.LastIndexByte(ref, '/') {
		ref = ref[:colon]
	}
	return ref
}
