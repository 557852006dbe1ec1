package cli

import (
	"context"
	"fmt"
	"time"

	"liftalot/inventory"
	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/release"
)

// A vendorRelease is what the vendor offers for a host, and the inventory trusts.
type vendorRelease struct {
	host     inventory.Host
	manifest string // a file to read the release from, "" to ask
	vendor   *release.Client
	lookups  *releaseCache
	state    stateFolder
	dialog   *dialog
	now      func() time.Time
	warn     func(string)
}

// credentials is the registry login of the inventory, nil without one.
func (v vendorRelease) credentials() release.Credentials {
	if v.host.Registry.Username == "" {
		return nil
	}
	return func(ctx context.Context) (string, []byte, error) {
		password, err := v.dialog.secretOf(ctx, v.host.Registry.Password, fmt.Sprintf("password of %s at the registry %s", v.host.Registry.Username, v.host.Registry.Address))
		return v.host.Registry.Username, password, err
	}
}

// Resolve implements [run.Release]: it finds and checks the release a host is to be lifted to.
func (v vendorRelease) Resolve(ctx context.Context, f *plan.Facts) (plan.Release, error) {
	platform := "linux/amd64"
	if f.Docker.Arch != "" {
		platform = "linux/" + f.Docker.Arch
	}
	rel, err := v.offered(ctx, platform)
	if err != nil {
		return plan.Release{}, err
	}
	return planRelease(rel), nil
}

func planRelease(r *release.Release) plan.Release {
	ref := func(i release.Image) plan.Ref {
		return plan.Ref{Repo: i.Repo, Tag: i.Tag, Digest: i.Digest, Platform: i.PlatformDigest, Signature: string(i.Signature.State), Declared: i.Declared, KnownDigest: i.KnownDigest}
	}
	return plan.Release{
		Version: r.Version, Channel: r.Channel, Server: ref(r.Server), Updater: ref(r.Updater), Proxy: ref(r.Proxy),
		Key: r.KeyPEM, KeySHA256: r.KeySHA256, Signature: string(r.Manifest.State), Manifest: r.ManifestSHA256, Warnings: r.Warnings,
	}
}

// Unchanged implements [run.Release]: the registry is asked again, from here, what the tags
// of the plan's images point to.
func (v vendorRelease) Unchanged(ctx context.Context, p *plan.Plan) error {
	var images []release.Image
	for _, ref := range []plan.Ref{p.Release.Server, p.Release.Updater, p.Release.Proxy} {
		images = append(images, release.Image{Repo: ref.Repo, Tag: ref.Tag, Digest: ref.Digest})
	}
	moved, err := v.vendor.Retagged(ctx, v.source(), images...)
	if err != nil || len(moved) == 0 {
		return err
	}
	stale := &apply.StaleError{Host: v.host.Name}
	for _, i := range moved {
		stale.Drift = append(stale.Drift, fmt.Sprintf("the tag %s points to %s now, another image than was planned", i.TagRef(), i.Digest))
	}
	return stale
}

// accepts is what the inventory accepts of a release by name.
func (v vendorRelease) accepts() release.Acceptance {
	s := settingsOf(v.host)
	return release.Acceptance{
		UnsignedProxy: s.Allows(plan.AllowUnsignedProxy), LostSignature: s.Allows(plan.AllowLostSignature), ProxyDigests: v.host.ProxyDigests,
	}
}

// plannedRelease is the release of a plan as it was when it was looked up.
func (v vendorRelease) plannedRelease(r plan.Release) *release.Release {
	image := func(ref plan.Ref) release.Image {
		return release.Image{
			Repo: ref.Repo, Tag: ref.Tag, Digest: ref.Digest, PlatformDigest: ref.Platform, Declared: ref.Declared,
			Signature: release.Signature{State: release.State(ref.Signature)},
		}
	}
	return &release.Release{
		Version: r.Version, Channel: r.Channel, ManifestHost: v.host.ManifestHost, KeySHA256: r.KeySHA256,
		Server: image(r.Server), Updater: image(r.Updater), Proxy: image(r.Proxy),
		Manifest: release.Signature{State: release.State(r.Signature)}, ManifestSHA256: r.Manifest,
	}
}

// Installed implements [run.Release]: it learns a release that runs on the host by now. Until then what no
// signature vouches for is only what somebody on the way may have said.
func (v vendorRelease) Installed(p *plan.Plan) {
	if p.Kind != plan.Upgrade || p.Empty() {
		return
	}
	err := v.state.remember(func(m *release.Memory) { m.Install(v.plannedRelease(p.Release), v.now()) })
	if err != nil {
		v.warn(fmt.Sprintf("the upgrade is done, and its release could not be remembered: %v", err))
	}
}
