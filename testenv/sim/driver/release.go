package driver

import (
	"context"
	"strings"
	"time"

	"liftalot/plan"
	"liftalot/testenv/sim"
)

// Release is the recorded one, as resolve and its checks would leave it.
func Release() (plan.Release, error) {
	images, err := sim.ReleaseImages()
	if err != nil {
		return plan.Release{}, err
	}
	ref := func(service string) plan.Ref {
		repo, digest, _ := strings.Cut(images[service], "@")
		return plan.Ref{Repo: repo, Tag: "0.24.6", Digest: digest, Platform: digest, Signature: "verified"}
	}
	key := []byte("-----BEGIN PUBLIC KEY-----\nsimulated\n-----END PUBLIC KEY-----\n")
	return plan.Release{
		Version: "0.24.6", Channel: "stable", Server: ref("chatalot"), Updater: ref("chatalot-updater"), Proxy: ref("chatalot-socket-proxy"),
		Key: key, KeySHA256: plan.Hash(key), Signature: "verified",
	}, nil
}

// Settings are what the inventory would say of the server.
func Settings() plan.Settings {
	return plan.Settings{
		Host: HostName, Channel: "stable", ManifestHost: "https://updates.seglamater.app", Pin: plan.PinDigest,
		MaxDowntime: 90 * time.Second, Allow: []string{"drift:chatalot.environment.RUST_LOG"},
	}
}

// offer is a vendor that offers one release for ever, and is trusted.
type offer struct{ release plan.Release }

func (o offer) Resolve(context.Context, *plan.Facts) (plan.Release, error) { return o.release, nil }
func (o offer) Trusted(*plan.Plan) error                                   { return nil }
func (o offer) Unchanged(context.Context, *plan.Plan) error                { return nil }
func (o offer) Installed(*plan.Plan)                                       {}
