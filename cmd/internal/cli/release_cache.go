package cli

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"liftalot/plan/release"
)

// releaseCache holds the releases that were asked for in this invocation. A thousand
// hosts of one channel ask the vendor once; what is wrong with the answer is wrong
// for all of them.
type releaseCache struct {
	mu    sync.Mutex
	known map[lookupKey]*lookup
	tags  map[string]string // what each tag pointed to
}

// lookupKey is all that an answer hangs on. The password stands as the reference
// that the inventory has.
type lookupKey struct {
	file, manifest, channel, version string
	registry, user, password, tokens string
	platform, key                    string
	signed                           bool
	allow, proxies                   string
}

type lookup struct {
	once    sync.Once
	release *release.Release
	err     error
}

func (l *releaseCache) get(key lookupKey) *lookup {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil {
		l.known = map[lookupKey]*lookup{}
	}
	if l.known[key] == nil {
		l.known[key] = new(lookup)
	}
	return l.known[key]
}

func (v vendorRelease) lookupKey(platform string) lookupKey {
	h := v.host
	return lookupKey{
		file: v.manifest, manifest: h.ManifestHost, channel: h.Channel, version: h.Version,
		registry: h.Registry.Address, user: h.Registry.Username, password: h.Registry.Password.String(), tokens: h.Registry.TokenHost,
		platform: platform, key: h.CosignKeySHA256, signed: h.RequireSignature,
		allow: strings.Join(h.Allow, " "), proxies: strings.Join(h.ProxyDigests, " "),
	}
}

// offered asks the vendor for the release of a host, or takes the answer that
// another host got.
func (v vendorRelease) offered(ctx context.Context, platform string) (*release.Release, error) {
	found := v.lookups.get(v.lookupKey(platform))
	found.once.Do(func() { found.release, found.err = v.lookUp(ctx, platform) })
	return found.release, found.err
}

// lookUp asks the vendor, holds the answer against what was learned before, and learns
// from it what it proves.
func (v vendorRelease) lookUp(ctx context.Context, platform string) (*release.Release, error) {
	memory, err := v.state.memory()
	if err != nil {
		return nil, err
	}
	src := v.source()
	src.ManifestFile, src.Channel, src.Version = v.manifest, v.host.Channel, v.host.Version
	src.Platform, src.KeySHA256, src.RequireSignature = platform, v.host.CosignKeySHA256, v.host.RequireSignature
	src.Accepts, src.Memory = v.accepts(), memory
	found, err := v.vendor.Resolve(ctx, src)
	if err != nil {
		return nil, err
	}
	if err := v.lookups.checkSame(found); err != nil {
		return nil, err
	}
	return found, v.state.remember(func(m *release.Memory) { m.Learn(found, v.now()) })
}

// source is whom to ask for a host.
func (v vendorRelease) source() release.Source {
	h := v.host
	return release.Source{ManifestHost: h.ManifestHost, Registry: h.Registry.Address, Credentials: v.credentials(), TokenHost: h.Registry.TokenHost}
}

// checkSame refuses a tag that points to one image for one host and to another for the next.
func (l *releaseCache) checkSame(r *release.Release) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tags == nil {
		l.tags = map[string]string{}
	}
	for _, i := range []release.Image{r.Server, r.Updater, r.Proxy} {
		before, ok := l.tags[i.TagRef()]
		if ok && before != i.TagDigest {
			return &release.TrustError{Subject: "the image " + i.TagRef(), Reason: fmt.Sprintf(
				"its tag points to %s now, and pointed to %s a moment ago, when another host's release was looked up", i.TagDigest, before)}
		}
		l.tags[i.TagRef()] = i.TagDigest
	}
	return nil
}
