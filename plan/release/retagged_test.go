package release_test

import (
	"strings"
	"testing"

	"liftalot/plan/release"
	"liftalot/testenv/fakes"
	"liftalot/testenv/fakevendor"
)

// A tag that moves between a plan and its execution is noticed, whatever the
// signature on the new image.
func TestTagsThatMoved(t *testing.T) {
	for name, c := range map[string]struct {
		next  func(*testing.T, *fakevendor.Vendor)
		moved int
		kind  string
	}{
		"none":    {func(*testing.T, *fakevendor.Vendor) {}, 0, "none"},
		"another": {func(t *testing.T, f *fakevendor.Vendor) { publish(t, f, fakevendor.Release{Version: "0.24.7"}) }, 0, "none"},
		"re-signed": {func(t *testing.T, f *fakevendor.Vendor) {
			publish(t, f, fakevendor.Release{Version: "0.24.6", SignatureForm: fakevendor.Bundle})
		}, 0, "none"},
		"moved": {func(t *testing.T, f *fakevendor.Vendor) {
			publish(t, f, fakevendor.Release{Version: "0.24.6", MovedTag: true})
		}, 1, "none"},
		"signed anew": {func(t *testing.T, f *fakevendor.Vendor) {
			publish(t, f, fakevendor.Release{Version: "0.24.6", Behaviour: fakes.Slow, UpdaterBehaviour: fakes.Crash})
		}, 2, "none"},
		"a login now": {func(t *testing.T, f *fakevendor.Vendor) {
			if err := f.SetAuth(t.Context(), fakevendor.Auth{Mode: fakevendor.Bearer, User: "client-7", Password: "s3cret"}); err != nil {
				t.Fatal(err)
			}
		}, 0, "auth"},
		"withdrawn": {func(t *testing.T, f *fakevendor.Vendor) {
			gone := fakevendor.Fault{Kind: fakevendor.FaultStatus, Status: 404, PathPrefix: "/v2/seglamater/chatalot/manifests/0.24.6"}
			if err := f.SetFault(t.Context(), gone); err != nil {
				t.Fatal(err)
			}
		}, 0, "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, client, src := vendor(t)
			rel, err := client.Resolve(t.Context(), src)
			if err != nil {
				t.Fatal(err)
			}
			part := rel.Server
			part.Digest = part.PlatformDigest // pinned by its platform's part
			c.next(t, f)
			moved, err := client.Retagged(t.Context(), src, rel.Server, rel.Updater, rel.Proxy)
			wantError(t, err, c.kind, "")
			if len(moved) != c.moved {
				t.Errorf("moved: %+v, want %d", moved, c.moved)
			}
			for _, i := range moved {
				if i.Digest == rel.Server.Digest || i.Digest == rel.Updater.Digest || !strings.HasPrefix(i.Digest, "sha256:") {
					t.Errorf("it is said to be %s now", i.Digest)
				}
			}
			moved, err = client.Retagged(t.Context(), src, part)
			wantError(t, err, c.kind, "")
			if (len(moved) > 0) != (c.moved > 0) {
				t.Errorf("the platform's part: %+v", moved)
			}
		})
	}
	_, client, src := vendor(t)
	_, err := client.Retagged(t.Context(), src, release.Image{Repo: "elsewhere.example/a/b", Tag: "1"})
	wantError(t, err, "source", "configured registry")
}
