package plan

import (
	"slices"
	"strings"
)

// The services the upgrade brings, by the names the vendor gave them.
const (
	UpdaterService = "chatalot-updater"
	ProxyService   = "chatalot-socket-proxy"
)

// Variant says where a host stands on the way to managed updates.
type Variant string

// A host is in exactly one of these.
const (
	Full    Variant = "full"      // no updater services are defined
	Staged  Variant = "staged"    // both are defined and were never started
	Partial Variant = "partial"   // one of two: a person must look
	Half    Variant = "half-done" // an earlier attempt, completed key by key
	Done    Variant = "done"      // running and healthy, nothing to do
	Unknown Variant = "unknown"   // the look did not get that far
)

// VariantOf decides by what is defined and what runs, never by the version.
// Done is what the look alone can tell; [Build] has the last word, since only it
// knows whether an edit would still change something.
func VariantOf(f *Facts, rel *Release) Variant {
	if f.Model == nil {
		return Unknown
	}
	services := f.Model.ServiceNames()
	updater := slices.Contains(services, UpdaterService)
	proxy := slices.Contains(services, ProxyService)
	switch {
	case !updater && !proxy:
		return Full
	case updater != proxy:
		return Partial
	}
	u, hasUpdater := f.Container(UpdaterService)
	p, hasProxy := f.Container(ProxyService)
	if !hasUpdater && !hasProxy && !ours(f, rel) {
		return Staged
	}
	if hasUpdater && hasProxy && u.Running() && p.Running() && u.Health != "unhealthy" && ours(f, rel) {
		return Done
	}
	return Half
}

// ours reports whether the server already runs an image of the vendor's registry.
func ours(f *Facts, rel *Release) bool {
	c, ok := f.Server()
	return ok && rel != nil && (strings.HasPrefix(c.Image, rel.Server.Repo+":") || strings.HasPrefix(c.Image, rel.Server.Repo+"@"))
}
