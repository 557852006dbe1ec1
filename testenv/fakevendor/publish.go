package fakevendor

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"liftalot/testenv/fakes"
	"liftalot/testenv/fakevendor/image"
	"liftalot/testenv/fakevendor/pki"
)

// SocketProxyVersion is the tag of the socket proxy that goes with every
// release.
const SocketProxyVersion = "0.3.0"

// vendorOrg is the owner of the vendor's images.
const vendorOrg = "seglamater"

// SetRelease builds the images of a release, signs them, puts them into the
// registry and makes the channel offer them. Images of earlier releases stay.
func (f *Vendor) SetRelease(ctx context.Context, r Release) (Published, error) {
	p, err := f.setRelease(ctx, r)
	if err != nil {
		return Published{}, fmt.Errorf("release %s: %w", r.Version, err)
	}
	f.log.Info("published", "channel", p.Channel, "version", p.Version, "digest", p.ImageDigest)
	return p, nil
}

func (f *Vendor) setRelease(ctx context.Context, r Release) (Published, error) {
	r, err := r.complete(f.now().UTC())
	if err != nil {
		return Published{}, err
	}
	f.channels.publishing.Lock()
	defer f.channels.publishing.Unlock()
	p := Published{Channel: r.Channel, Version: r.Version}
	if p.Image, p.ImageDigest, err = f.publishServer(ctx, r); err != nil {
		return Published{}, err
	}
	updater := companion(r.UpdaterVersion, r.UpdaterBehaviour)
	p.UpdaterImage, p.UpdaterDigest, err = f.publish(ctx, image.Updater, r.UpdaterVersion, updater, r.ImageSignature, r.SignatureForm)
	if err != nil {
		return Published{}, err
	}
	proxySignature := r.ImageSignature
	if r.UnsignedProxy {
		proxySignature = Missing
	}
	proxy := companion(SocketProxyVersion, r.ProxyBehaviour)
	p.ProxyImage, p.ProxyDigest, err = f.publish(ctx, image.SocketProxy, SocketProxyVersion, proxy, proxySignature, r.SignatureForm)
	if err != nil {
		return Published{}, err
	}
	offer, err := f.newOffer(r, p)
	if err != nil {
		return Published{}, err
	}
	f.channels.set(r.Channel, offer)
	return p, nil
}

// RemoveRelease leaves a channel with nothing to offer.
func (f *Vendor) RemoveRelease(_ context.Context, channel string) error {
	if !slices.Contains(channelNames(), channel) {
		return fmt.Errorf("unknown channel %q", channel)
	}
	f.channels.set(channel, offer{})
	return nil
}

// publishDefaults is the state after the start.
func (f *Vendor) publishDefaults(ctx context.Context) error {
	for _, version := range []string{"0.24.5", "0.24.6"} {
		if _, err := f.SetRelease(ctx, Release{Version: version}); err != nil {
			return err
		}
	}
	return nil
}

// publishServer puts the server's image there, for each architecture.
func (f *Vendor) publishServer(ctx context.Context, r Release) (repo, digest string, err error) {
	settings, err := r.server()
	if err != nil {
		return "", "", err
	}
	tag, err := vendorTag(image.Server, r.Version)
	if err != nil {
		return "", "", err
	}
	index, err := f.images.Index(image.Server, settings, r.Architectures...)
	if err != nil {
		return "", "", err
	}
	hash, err := index.Digest()
	if err != nil {
		return "", "", err
	}
	if err := remote.WriteIndex(tag, index, f.push(ctx)...); err != nil {
		return "", "", err
	}
	if err := f.signImage(ctx, tag.Repository, hash, r.ImageSignature, r.SignatureForm); err != nil {
		return "", "", err
	}
	if r.MovedTag {
		if err := f.moveTag(ctx, tag, settings, r.Architectures); err != nil {
			return "", "", err
		}
	}
	return tag.Repository.Name(), hash.String(), nil
}

// moveTag lets a tag name an image that differs from the one it named, unsigned.
func (f *Vendor) moveTag(ctx context.Context, tag name.Tag, settings fakes.Config, archs []string) error {
	settings.Extra = maps.Clone(settings.Extra)
	if settings.Extra == nil {
		settings.Extra = make(map[string]string)
	}
	settings.Extra["moved"] = "the tag was moved to this image"
	index, err := f.images.Index(image.Server, settings, archs...)
	if err != nil {
		return err
	}
	return remote.WriteIndex(tag, index, f.push(ctx)...)
}

// publish puts one image there that exists for one architecture.
func (f *Vendor) publish(ctx context.Context, kind image.Kind, version string, settings fakes.Config, s Signature, form Form) (repo, digest string, err error) {
	tag, err := vendorTag(kind, version)
	if err != nil {
		return "", "", err
	}
	img, err := f.images.Image(kind, settings, f.arch)
	if err != nil {
		return "", "", err
	}
	hash, err := img.Digest()
	if err != nil {
		return "", "", err
	}
	if err := remote.Write(tag, img, f.push(ctx)...); err != nil {
		return "", "", err
	}
	return tag.Repository.Name(), hash.String(), f.signImage(ctx, tag.Repository, hash, s, form)
}

func vendorTag(kind image.Kind, version string) (name.Tag, error) {
	return name.NewTag(fmt.Sprintf("%s/%s/%s:%s", pki.RegistryHost, vendorOrg, kind, version))
}

// push are the options of a write to the registry, past its guard.
func (f *Vendor) push(ctx context.Context) []remote.Option {
	return []remote.Option{remote.WithContext(ctx), remote.WithTransport(inProcess{f.store})}
}

// inProcess hands requests to a handler without a network between.
type inProcess struct{ handler http.Handler }

func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	answer := httptest.NewRecorder()
	t.handler.ServeHTTP(answer, r)
	res := answer.Result()
	res.Request = r
	return res, nil
}
