package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// An offer is the release that was asked for, and what vouches for it.
type offer struct {
	manifest  manifest
	signature Signature
	sha256    string // of the manifest's bytes; empty when it is about another version
	said      offered
}

// staleAfter is the age of an unchanged manifest that is worth a word: a
// channel that stands still may be one whose updates are being held back.
const staleAfter = 180 * 24 * time.Hour

// offer reads the channel's manifest, looks at its signature and only then at
// what it says.
func (s *session) offer(ctx context.Context, k *key) (offer, error) {
	p, err := s.manifestPage(ctx)
	if err != nil {
		return offer{}, err
	}
	sig, err := s.manifestSignature(ctx, k, p.body)
	if err != nil {
		return offer{}, err
	}
	if sig.State != Verified {
		if err := s.src.Memory.stillSignedChannel(s.place(), s.src.Accepts); err != nil {
			return offer{}, err
		}
	}
	m, err := parseManifest(p.body)
	if err != nil {
		return offer{}, &TrustError{Subject: fmt.Sprintf("the manifest of channel %q", s.src.Channel), Reason: err.Error()}
	}
	if err := m.check(s.src, sig.State == Verified, latest(s.now, p.date)); err != nil {
		return offer{}, err
	}
	s.warnIfStale(m, p.modified)
	said := offered{mark: Mark{Version: m.Version, Digest: m.ImageDigest}, signed: sig.State == Verified}
	if s.src.Version != "" && s.src.Version != m.Version {
		other := s.otherVersion(m)
		other.said = said
		return other, nil
	}
	if sig.State != Verified {
		if s.src.RequireSignature {
			return offer{}, &TrustError{
				Subject: fmt.Sprintf("the manifest of channel %q", s.src.Channel),
				Reason:  "it is not signed, and signatures are required",
			}
		}
		s.warn("the manifest of channel %q is not signed: %s for what it says", s.src.Channel, s.voucher())
	}
	return offer{manifest: m, signature: sig, sha256: sha256Hex(p.body), said: said}, nil
}

// voucher is all there is behind a manifest that is not signed.
func (s *session) voucher() string {
	if s.src.ManifestFile != "" {
		return "nothing vouches"
	}
	return "only TLS vouches"
}

// warnIfStale says how old an offer is that does not say for how long it holds.
func (s *session) warnIfStale(m manifest, modified time.Time) {
	since := modified
	if released, err := time.Parse(time.RFC3339, m.Released); err == nil {
		since = released
	}
	if m.Expires.IsZero() && !since.IsZero() && s.now.Sub(since) > staleAfter {
		s.warn("the manifest of channel %q is from %s: see that no newer release is being held back", s.src.Channel, since.UTC().Format(time.DateOnly))
	}
}

// latest is the later of two clocks: who turns one back must turn both.
func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// otherVersion is the offer of a version that is not the channel's current
// one. No manifest names its digests, so its images' own signatures must do.
func (s *session) otherVersion(current manifest) offer {
	detail := fmt.Sprintf("the channel's manifest is about %q and not %q", current.Version, s.src.Version)
	s.warn("channel %q offers %q; %q was asked for, and no manifest names its digests", s.src.Channel, current.Version, s.src.Version)
	return offer{
		manifest:  manifest{Version: s.src.Version, Image: untagged(current.Image)},
		signature: Signature{State: NotSigned, Detail: detail},
	}
}

func (s *session) manifestURL() string {
	return fmt.Sprintf("%s/%s/channels/%s/latest.json", s.src.ManifestHost, product, s.src.Channel)
}

func (s *session) manifestPage(ctx context.Context) (page, error) {
	if file := s.src.ManifestFile; file != "" {
		p, err := readPage(file, maxManifest)
		if errors.Is(err, errAbsent) {
			err = fmt.Errorf("read the manifest: %s: %w", file, fs.ErrNotExist)
		}
		return p, err
	}
	p, err := s.get(ctx, s.manifestURL(), maxManifest)
	switch {
	case errors.Is(err, errAbsent):
		return page{}, &NotFoundError{Host: s.hostName(), What: fmt.Sprintf("release on channel %q", s.src.Channel)}
	case err == nil && p.html:
		return page{}, s.webPageError("manifest")
	}
	return p, err
}

// manifestSignature looks for a signature in the known places. The first one
// that is there decides; a bad one is not made good by another.
func (s *session) manifestSignature(ctx context.Context, k *key, manifest []byte) (Signature, error) {
	for _, suffix := range signatureSuffixes() {
		p, err := s.sibling(ctx, suffix)
		if errors.Is(err, errAbsent) || err == nil && p.html {
			continue // a host that answers every path with its front page has no such file
		}
		if err != nil {
			return Signature{}, err
		}
		if err := k.verifyDetached(p.body, manifest); err != nil {
			return Signature{}, &TrustError{
				Subject: fmt.Sprintf("the signature (%s) of the manifest of channel %q", suffix, s.src.Channel),
				Reason:  err.Error(),
			}
		}
		return Signature{State: Verified, Detail: "signature at " + suffix}, nil
	}
	return Signature{State: NotSigned, Detail: "no signature beside it"}, nil
}

// sibling reads a file whose name is the manifest's and a suffix.
func (s *session) sibling(ctx context.Context, suffix string) (page, error) {
	if s.src.ManifestFile != "" {
		return readPage(s.src.ManifestFile+suffix, maxSignature)
	}
	return s.get(ctx, s.manifestURL()+suffix, maxSignature)
}

// readPage reads a local file as if a server had sent it.
func readPage(path string, limit int64) (page, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return page{}, errAbsent
	}
	if err != nil {
		return page{}, fmt.Errorf("read the manifest: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return page{}, fmt.Errorf("read the manifest: %w", err)
	}
	if int64(len(data)) > limit {
		return page{}, fmt.Errorf("read the manifest: %s is longer than %d bytes", path, limit)
	}
	return page{body: data}, nil
}
