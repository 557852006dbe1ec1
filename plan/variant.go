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
	Unmanaged  Variant = "unmanaged"  // no updater services are defined
	Staged     Variant = "staged"     // both are defined and were never started
	Partial    Variant = "partial"    // one of two: a person must look
	Incomplete Variant = "incomplete" // both are defined, and not all is as it should be
	Managed    Variant = "managed"    // running and healthy, nothing to do
	Unknown    Variant = "unknown"    // the probe did not get that far
)

// formerVariants are the names in plan files that were written before version 0.5.0.
var formerVariants = map[string]Variant{"full": Unmanaged, "half-done": Incomplete, "done": Managed}

// UnmarshalText reads a variant, also by its former name.
func (v *Variant) UnmarshalText(text []byte) error {
	*v = Variant(text)
	if now, ok := formerVariants[string(text)]; ok {
		*v = now
	}
	return nil
}

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
		return Unmanaged
	case updater != proxy:
		return Partial
	}
	u, hasUpdater := f.Container(UpdaterService)
	p, hasProxy := f.Container(ProxyService)
	if !hasUpdater && !hasProxy && !isVendorImage(f, rel) {
		return Staged
	}
	if hasUpdater && hasProxy && u.Running() && p.Running() && u.Health != "unhealthy" && isVendorImage(f, rel) {
		return Managed
	}
	return Incomplete
}

// isVendorImage reports whether the server already runs an image of the vendor's registry.
func isVendorImage(f *Facts, rel *Release) bool {
	c, ok := f.Server()
	return ok && rel != nil && (strings.HasPrefix(c.Image, rel.Server.Repo+":") || strings.HasPrefix(c.Image, rel.Server.Repo+"@"))
}
