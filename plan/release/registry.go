package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// maxConfig bounds an image's configuration.
const maxConfig = 1 << 20

// versionLabel is where images conventionally say which version they are.
const versionLabel = "org.opencontainers.image.version"

// A registry answers for images.
type registry struct {
	host      string
	anonymous bool
	platform  v1.Platform
	key       *key
	puller    *remote.Puller

	auth    authn.Authenticator
	carrier http.RoundTripper
}

// registry logs in. The library's own retries are switched off: the
// transport beneath has ours, which listen to the context.
func (s *session) registry(ctx context.Context, k *key) (*registry, error) {
	auth, err := s.login(ctx)
	if err != nil {
		return nil, err
	}
	platform, err := v1.ParsePlatform(s.src.Platform)
	if err != nil {
		return nil, sourceError("%q is not a platform", s.src.Platform)
	}
	carrier := loginGuard{next: s.http.Transport, registry: s.src.Registry, tokenHost: s.src.TokenHost, anonymous: auth == authn.Anonymous}
	puller, err := remote.NewPuller(
		remote.WithAuth(auth),
		remote.WithTransport(carrier),
		remote.WithUserAgent("liftalot"),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}),
		remote.WithRetryStatusCodes(),
		remote.WithRetryPredicate(func(error) bool { return false }),
	)
	if err != nil {
		return nil, fmt.Errorf("prepare to ask the registry: %w", err)
	}
	return &registry{
		host: s.src.Registry, anonymous: auth == authn.Anonymous,
		platform: *platform, key: k, puller: puller, auth: auth, carrier: carrier,
	}, nil
}

func (s *session) login(ctx context.Context) (authn.Authenticator, error) {
	if s.src.Credentials == nil {
		return authn.Anonymous, nil
	}
	user, password, err := s.src.Credentials(ctx)
	if err != nil {
		return nil, fmt.Errorf("get the registry's login: %w", err)
	}
	return authn.FromConfig(authn.AuthConfig{Username: user, Password: string(password)}), nil
}

// resolve finds an image by its tag, chooses the platform's part, holds the
// digest against what is wanted and checks the signature.
func (r *registry) resolve(ctx context.Context, w want) (Image, error) {
	top, err := r.get(ctx, w.repo.Tag(w.tag), w.what)
	if err != nil {
		return Image{}, err
	}
	own, err := r.ofPlatform(ctx, w, top)
	if err != nil {
		return Image{}, err
	}
	digest := top.Digest.String()
	switch w.digest {
	case "", digest:
	case own.Digest.String(): // the manifest pins this platform's part
		digest = w.digest
	default:
		return Image{}, &TrustError{Subject: "the " + w.what, Reason: fmt.Sprintf(
			"the tag %s points to %s and the channel's manifest says %s: the tag was moved, or the manifest is not about it", w.repo.Tag(w.tag), digest, w.digest)}
	}
	img := Image{
		Repo: w.repo.Name(), Tag: w.tag, Digest: digest, TagDigest: top.Digest.String(), PlatformDigest: own.Digest.String(),
		Declared: w.digest != "",
	}
	if err := r.describe(ctx, w, own, &img); err != nil {
		return Image{}, err
	}
	img.Signature, err = r.signature(ctx, w, top.Digest)
	return img, err
}

// get reads what a reference points to.
func (r *registry) get(ctx context.Context, ref name.Reference, what string) (*remote.Descriptor, error) {
	d, err := r.puller.Get(ctx, ref)
	if err != nil {
		return nil, r.failure(err, fmt.Sprintf("%s %s", what, ref))
	}
	if !d.MediaType.IsIndex() && !d.MediaType.IsImage() {
		return nil, &UnreachableError{Host: r.host,
			Reason: "it answers with something that is no image: a login page of the network, or not a registry"}
	}
	return d, nil
}

// ofPlatform chooses from an index, and takes an image as it is.
func (r *registry) ofPlatform(ctx context.Context, w want, top *remote.Descriptor) (*remote.Descriptor, error) {
	if !top.MediaType.IsIndex() {
		return top, nil
	}
	index, err := v1.ParseIndexManifest(bytes.NewReader(top.Manifest))
	if err != nil {
		return nil, r.notUnderstood(w)
	}
	var have []string
	for _, d := range index.Manifests {
		if d.Platform == nil || d.Platform.OS == "unknown" { // an attestation, which is kept as an image of no platform
			continue
		}
		if d.Platform.Satisfies(r.platform) {
			return r.get(ctx, w.repo.Digest(d.Digest.String()), w.what)
		}
		have = append(have, d.Platform.String())
	}
	return nil, r.wrongPlatform(w, have)
}

func (r *registry) wrongPlatform(w want, have []string) error {
	return &NotFoundError{Host: r.host, What: fmt.Sprintf(
		"%s %s for %s, only for %q", w.what, w.repo.Tag(w.tag), r.platform.String(), strings.Join(have, ", "))}
}

func (r *registry) notUnderstood(w want) error {
	return &UnreachableError{Host: r.host, Reason: fmt.Sprintf("what it says of the %s %s is not understood", w.what, w.repo.Tag(w.tag))}
}

// describe reads the image's own configuration: for which platform it really
// is, and what it says of itself.
func (r *registry) describe(ctx context.Context, w want, d *remote.Descriptor, img *Image) error {
	m, err := v1.ParseManifest(bytes.NewReader(d.Manifest))
	if err != nil {
		return r.notUnderstood(w)
	}
	img.Size = m.Config.Size
	for _, layer := range m.Layers {
		img.Size += layer.Size
	}
	blob, err := r.blob(ctx, w.repo.Digest(m.Config.Digest.String()), maxConfig)
	if err != nil {
		return err
	}
	config, err := v1.ParseConfigFile(bytes.NewReader(blob))
	if err != nil {
		return r.notUnderstood(w)
	}
	if p := config.Platform(); p == nil || !p.Satisfies(r.platform) {
		return r.wrongPlatform(w, []string{config.OS + "/" + config.Architecture})
	}
	img.label = config.Config.Labels[versionLabel]
	return nil
}

// blob reads content by its hash. The library holds the bytes against it.
func (r *registry) blob(ctx context.Context, ref name.Digest, limit int64) ([]byte, error) {
	layer, err := r.puller.Layer(ctx, ref)
	if err != nil {
		return nil, r.failure(err, "content "+ref.String())
	}
	body, err := layer.Compressed()
	if err != nil {
		return nil, r.failure(err, "content "+ref.String())
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, r.failure(err, "content "+ref.String())
	}
	if int64(len(data)) > limit {
		return nil, &UnreachableError{Host: r.host, Reason: fmt.Sprintf("the content %s is longer than %d bytes", ref, limit)}
	}
	return data, nil
}

// failure turns the library's errors into this package's.
func (r *registry) failure(err error, what string) error {
	var said *transport.Error
	var login *LoginError
	if errors.As(err, &login) {
		return login
	}
	if !errors.As(err, &said) {
		return classify(r.host, err)
	}
	switch said.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return &AuthError{Host: r.host, Status: said.StatusCode, Anonymous: r.anonymous}
	case http.StatusNotFound:
		return &NotFoundError{Host: r.host, What: what}
	}
	return &UnreachableError{Host: r.host, Reason: statusReason(said.StatusCode)}
}
