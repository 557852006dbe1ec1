package release

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Masterminds/semver/v3"
	"github.com/google/go-containerregistry/pkg/name"
)

// A Client asks the vendor's hosts. Its zero value is ready for use.
type Client struct {
	// Transport carries the requests; nil is TLS with this machine's
	// authorities and the environment's proxy.
	Transport http.RoundTripper

	// Pause is how long to wait before a busy server is asked again; 0 is
	// half a second.
	Pause time.Duration

	// Timeout bounds everything together; 0 is two minutes.
	Timeout time.Duration

	// Now tells the time; nil is the machine's clock.
	Now func() time.Time
}

// A session is one use of a client.
type session struct {
	src      Source
	http     *http.Client
	now      time.Time
	warnings []string
}

// Resolve finds the wanted release and checks all of it. What it returns was
// looked up and verified now; nothing is kept between calls.
func (c *Client) Resolve(ctx context.Context, src Source) (*Release, error) {
	src, err := src.complete()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, orDefault(c.Timeout, 2*time.Minute))
	defer cancel()
	s := c.session(src)
	defer s.http.CloseIdleConnections()

	k, err := s.key(ctx)
	if err != nil {
		return nil, err
	}
	offer, err := s.offer(ctx, k)
	if err != nil {
		return nil, err
	}
	rel, err := s.images(ctx, k, offer.manifest)
	if err != nil {
		return nil, err
	}
	rel.Manifest, rel.ManifestSHA256, rel.offered = offer.signature, offer.sha256, offer.said
	if err := s.judge(rel); err != nil {
		return nil, err
	}
	rel.Warnings = s.warnings
	return rel, nil
}

func (c *Client) session(src Source) *session {
	next := c.Transport
	if next == nil {
		next = newTransport()
	}
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	transport := retryTransport{next: guard{next: next}, pause: orDefault(c.Pause, time.Second/2)}
	return &session{src: src, now: now(), http: &http.Client{Transport: transport}}
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

func (s *session) warn(format string, args ...any) {
	s.warnings = append(s.warnings, fmt.Sprintf(format, args...))
}

// key returns the vendor's key, given or fetched, after its fingerprint fits.
func (s *session) key(ctx context.Context) (*key, error) {
	file := s.src.KeyPEM
	if file == nil {
		const maxKey = 16 << 10
		p, err := s.get(ctx, s.src.ManifestHost+keyPath, maxKey)
		if errors.Is(err, errAbsent) {
			return nil, &NotFoundError{Host: s.hostName(), What: "key file at " + keyPath}
		}
		if err != nil {
			return nil, err
		}
		if p.html {
			return nil, s.webPageError("key file")
		}
		file = p.body
	}
	return newKey(slices.Clone(file), s.src.KeySHA256)
}

func (s *session) hostName() string {
	return strings.TrimPrefix(s.src.ManifestHost, "https://")
}

// webPageError is the error where a web page was sent in place of a file.
func (s *session) webPageError(what string) error {
	return &UnreachableError{Host: s.hostName(), Reason: fmt.Sprintf(
		"it answers with a web page and not with the %s: a login page of the network, or another host", what)}
}

// images looks up the three images of a release.
func (s *session) images(ctx context.Context, k *key, m manifest) (*Release, error) {
	host, err := name.NewRegistry(s.src.Registry, name.StrictValidation)
	if err != nil {
		return nil, sourceError("%q is not a registry's host", s.src.Registry)
	}
	server, err := m.server(host)
	if err != nil {
		return nil, err
	}
	updater, err := m.updater(host, server)
	if err != nil {
		return nil, err
	}
	reg, err := s.registry(ctx, k)
	if err != nil {
		return nil, err
	}
	rel := s.place()
	rel.Version, rel.KeyPEM = m.Version, k.pem
	lookups := []struct {
		want want
		into *Image
		err  error
	}{{want: server, into: &rel.Server}, {want: updater, into: &rel.Updater}, {want: proxy(server), into: &rel.Proxy}}
	var pending sync.WaitGroup
	for i := range lookups {
		l := &lookups[i]
		pending.Go(func() { *l.into, l.err = reg.resolve(ctx, l.want) })
	}
	pending.Wait()
	for _, l := range lookups {
		if l.err != nil {
			return nil, l.err // the server's first, so that the same trouble has the same text each time
		}
	}
	return rel, nil
}

// place is a release of which only its place is known.
func (s *session) place() *Release {
	return &Release{ManifestHost: s.src.ManifestHost, Channel: s.src.Channel, KeySHA256: s.src.KeySHA256}
}

// judge refuses or warns of what only shows when everything is known.
func (s *session) judge(rel *Release) error {
	warnings, err := s.src.Memory.Check(rel, s.src.Accepts)
	if err != nil {
		return err
	}
	s.warnings = append(s.warnings, warnings...)
	if rel.Server.Digest == rel.Updater.Digest || rel.Updater.Digest == rel.Proxy.Digest || rel.Proxy.Digest == rel.Server.Digest {
		return &TrustError{Subject: "the images", Reason: "two of them are the same image under two names, which no release has"}
	}
	for _, i := range rel.images() {
		if err := s.checkDigest(rel, i); err != nil {
			return err
		}
	}
	for _, i := range []Image{rel.Server, rel.Updater} {
		if label, err := semver.NewVersion(i.label); err == nil && label.String() != rel.Version {
			s.warn("%s says of itself that it is version %q", i.TagRef(), label)
		}
	}
	return nil
}

// checkDigest refuses or warns of an image that no signature vouches for. Of the
// socket proxy, which is somebody else's program, a digest that is known to be
// good will do.
func (s *session) checkDigest(rel *Release, i namedImage) error {
	if rel.proof(*i.Image) != Looked {
		return nil
	}
	i.KnownDigest = i.proxy && i.pinned(s.src.Accepts.ProxyDigests)
	switch {
	case i.KnownDigest:
		return nil
	case i.proxy && s.src.Accepts.UnsignedProxy:
		s.warn("the %s %s is not signed, which allow: [unsigned-proxy] accepts", i.what, i.Ref())
		return nil
	case !s.src.RequireSignature:
		s.warn("nothing signed names the %s %s: only TLS vouches for it", i.what, i.Ref())
		return nil
	}
	reason := fmt.Sprintf("signatures are required, and for %s there is neither one of the image nor a signed manifest that names its digest", i.TagRef())
	if i.proxy {
		reason += fmt.Sprintf("; once you know %s to be good, name it in proxy_digests, or accept any with allow: [unsigned-proxy]", i.Digest)
	}
	return &TrustError{Subject: "the " + i.what, Reason: reason}
}
