package cli

import (
	"context"
	"sync"

	"liftalot/plan/release"
)

// lookups are the releases that were asked for in this invocation. A thousand
// hosts of one channel ask the vendor once; what is wrong with the answer is wrong
// for all of them.
type lookups struct {
	mu    sync.Mutex
	known map[lookupKey]*lookup
}

// lookupKey is all that an answer hangs on. The password stands as the reference
// that the inventory has.
type lookupKey struct {
	file, manifest, channel, version string
	registry, user, password         string
	platform, key                    string
	signed                           bool
}

type lookup struct {
	once    sync.Once
	release *release.Release
	err     error
}

func (l *lookups) get(key lookupKey) *lookup {
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

func (t *target) lookupKey(platform string) lookupKey {
	h := t.host
	return lookupKey{
		file: t.flags.manifest, manifest: h.ManifestHost, channel: h.Channel, version: h.Version,
		registry: h.Registry.Address, user: h.Registry.Username, password: h.Registry.Password.String(),
		platform: platform, key: h.CosignKeySHA256, signed: h.RequireSignature,
	}
}

// offered asks the vendor for the release of a host, or takes the answer that
// another host got.
func (t *target) offered(ctx context.Context, platform string) (*release.Release, error) {
	h := t.host
	found := t.known.get(t.lookupKey(platform))
	found.once.Do(func() {
		found.release, found.err = t.env.Vendor.Resolve(ctx, release.Source{
			ManifestFile: t.flags.manifest, ManifestHost: h.ManifestHost, Channel: h.Channel, Version: h.Version, Registry: h.Registry.Address,
			Credentials: t.credentials(), Platform: platform, KeySHA256: h.CosignKeySHA256, RequireSignature: h.RequireSignature,
			Seen: t.seen(h.ManifestHost, h.Channel),
		})
		if found.err == nil && h.Version == "" { // a version that a person names says nothing of the channel
			found.err = t.remember(h.ManifestHost, h.Channel, found.release.Seen())
		}
	})
	return found.release, found.err
}
