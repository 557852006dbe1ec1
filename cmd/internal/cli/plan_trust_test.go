package cli

import (
	"strings"
	"testing"
	"time"

	"liftalot/cmd/internal/ui"
	"liftalot/inventory"
	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/plan/run"
	"liftalot/testenv/fakevendor"
)

// A saved plan is held against what the inventory asks for when it is carried out,
// just as a new one would be.
func TestAPlanWithoutASignatureIsNotCarriedOut(t *testing.T) {
	for name, c := range map[string]struct {
		release fakevendor.Release
		version string // in the inventory
		says    string // "" for a plan that is carried out
	}{
		"signed":                  {fakevendor.Release{}, "", ""},
		"manifest not signed":     {fakevendor.Release{ManifestSignature: fakevendor.Missing}, "", "for the manifest\n"},
		"images in the manifest":  {fakevendor.Release{ImageSignature: fakevendor.Missing}, "", "for the socket proxy image\n"},
		"socket proxy not signed": {fakevendor.Release{UnsignedProxy: true}, "", "for the socket proxy image\n"},
		"nothing signed":          {fakevendor.Release{ManifestSignature: fakevendor.Missing, ImageSignature: fakevendor.Missing}, "", "for the manifest and the server image and the updater image and the socket proxy image"},
		"short, images signed":    {fakevendor.Release{ShortManifest: true}, "", ""},
		"short and images not":    {fakevendor.Release{ShortManifest: true, ImageSignature: fakevendor.Missing}, "", "for the updater image and the socket proxy image"},
		"another version, signed": {fakevendor.Release{Version: "0.24.6"}, "0.24.6", ""},
		"another version and not": {fakevendor.Release{Version: "0.24.6", ImageSignature: fakevendor.Missing}, "0.24.6", "for the server image and the updater image"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, "")
			if c.version != "" {
				d.change(func(h *inventory.Host) { h.Version = c.version })
			} else {
				c.release.Version = "0.24.7"
			}
			_, err := d.vendor.SetRelease(t.Context(), c.release)
			must(t, err)
			if c.version != "" { // the channel has moved on
				_, err := d.vendor.SetRelease(t.Context(), fakevendor.Release{Version: "0.24.8"})
				must(t, err)
			}
			rel, err := d.ask(t)
			must(t, err)
			p := &plan.Plan{ID: "a", Kind: plan.Upgrade, Release: rel, Steps: []plan.Step{{ID: "x"}}}
			must(t, d.server(nil).Trusted(p, nil)) // nothing is required
			d.change(func(h *inventory.Host) { h.RequireSignature = true })
			err = d.server(nil).Trusted(p, nil)
			if c.says == "" {
				must(t, err)
				_, err = d.ask(t)
				must(t, err)
				return
			}
			code, said := d.ends(err)
			if code != exitTrust || !strings.Contains(said, c.says) || !strings.Contains(said, "plan anew: liftalot plan web1") {
				t.Errorf("status %d:\n%s", code, said)
			}
			if _, err := d.ask(t); err == nil {
				t.Error("a new plan would be made")
			}
			back := *p
			back.Kind = plan.Rollback
			must(t, d.server(nil).Trusted(&back, nil))
		})
	}
}

// The socket proxy gets the docker socket: where signatures are required it needs one
// too, or somebody's word for it, in a new plan and in one that was saved.
func TestR3TheSocketProxyNeedsASignatureToo(t *testing.T) {
	d := newDesk(t, "    require_signature: true\n")
	published, err := d.vendor.SetRelease(t.Context(), fakevendor.Release{Version: "0.24.7", UnsignedProxy: true})
	must(t, err)
	_, err = d.ask(t)
	if code, said := d.ends(err); code != exitTrust || !strings.Contains(said, "the socket proxy image") || !strings.Contains(said, "allow: [unsigned-proxy]") {
		t.Fatalf("status %d:\n%s", code, said)
	}
	if d.host.ProxyDigests == nil {
		t.Error("no socket proxy is known by its digest")
	}
	for name, c := range map[string]struct {
		allow, digests []string
		vouched        string
	}{
		"by decision":        {[]string{"unsigned-proxy"}, nil, "socket proxy image not signed"},
		"by its digest":      {nil, []string{published.ProxyDigest}, "socket proxy image not signed (its digest is known)"},
		"not by what it was": {[]string{"proxy-writable-root"}, []string{published.UpdaterDigest}, ""},
	} {
		d.change(func(h *inventory.Host) { h.Allow, h.ProxyDigests = c.allow, c.digests })
		rel, err := d.ask(t)
		if (c.vouched == "") != (err != nil) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			continue
		}
		if !strings.HasSuffix(rel.DescribeVerification(), c.vouched) {
			t.Errorf("%s: %s", name, rel.DescribeVerification())
		}
		p := &plan.Plan{ID: "a", Kind: plan.Upgrade, Release: rel, Steps: []plan.Step{{ID: "x"}}}
		must(t, d.server(nil).Trusted(p, nil))
		d.change(func(h *inventory.Host) { h.Allow, h.ProxyDigests = nil, nil })
		if code, said := d.ends(d.server(nil).Trusted(p, nil)); code != exitTrust || !strings.Contains(said, "for the socket proxy image") {
			t.Errorf("%s, forbidden again: status %d:\n%s", name, code, said)
		}
	}
}

// Neither is one that rests on another key than the inventory pins by now, or that
// would place another one on the host, whatever it says of itself.
func TestAPlanWithAnotherKeyIsNotCarriedOut(t *testing.T) {
	d := newDesk(t, "")
	rel, err := d.ask(t)
	must(t, err)
	place := func(key []byte) plan.Step {
		return plan.Step{ID: "secret-cosign_pub", Op: plan.WriteSecret{Source: plan.FromKey, Body: key}}
	}
	p := &plan.Plan{ID: "a", Kind: plan.Upgrade, Release: rel, Steps: []plan.Step{place(rel.Key)}}
	must(t, d.server(nil).Trusted(p, nil))
	other := *p
	other.Steps = []plan.Step{place([]byte("another key"))}
	pinned := d.host.CosignKeySHA256
	for name, c := range map[string]struct {
		plan   *plan.Plan
		pinned string
	}{
		"rotated":      {p, strings.Repeat("0", 64)},
		"another body": {&other, pinned},
	} {
		d.change(func(h *inventory.Host) { h.CosignKeySHA256 = c.pinned })
		code, said := d.ends(d.server(nil).Trusted(c.plan, nil))
		if code != exitStale || !strings.Contains(said, "and the inventory pins "+c.pinned) || !strings.Contains(said, "plan anew: liftalot plan web1") {
			t.Errorf("%s: status %d:\n%s", name, code, said)
		}
	}
}

// A run that was begun, here or elsewhere, with what the inventory does not accept is
// not resumed, and can be rolled back; once its swap is through there is nothing
// left to refuse.
func TestABegunRunIsHeldAgainstTheInventoryToo(t *testing.T) {
	d := newDesk(t, "    require_signature: true\n")
	p := &plan.Plan{ID: "a", Kind: plan.Upgrade, Release: plan.Release{KeySHA256: d.host.CosignKeySHA256}, Steps: []plan.Step{{ID: "swap"}}}
	records := []journal.Record{
		{Kind: journal.RunBegun, Run: "a", Action: journal.Apply, Time: time.Now()},
		{Kind: journal.Intent, Run: "a", Step: "swap", Time: time.Now()},
	}
	code, said := d.ends(d.server(nil).Trusted(p, records))
	if code != exitInterrupted || !strings.Contains(said, `"liftalot rollback web1" undoes it`) || !strings.Contains(said, "signatures are required") {
		t.Errorf("status %d:\n%s", code, said)
	}
	must(t, d.server(nil).Trusted(p, append(records, journal.Record{Kind: journal.Done, Run: "a", Step: "swap", Time: time.Now()})))
}

// Carrying out asks before anything of the host is.
func TestCarryOutAsksWhetherThePlanIsTrusted(t *testing.T) {
	d := newDesk(t, "    require_signature: true\n")
	p := &plan.Plan{ID: "a", Kind: plan.Upgrade, Release: plan.Release{KeySHA256: d.host.CosignKeySHA256}, Steps: []plan.Step{{ID: "x"}}}
	progress := ui.NewProgress(d.term.err, ui.Quiet)
	defer progress.Close()
	_, err := d.carryOut(t.Context(), run.Job{Plan: p, Was: p}, progress.Host("web1"))
	if code, said := d.ends(err); code != exitTrust {
		t.Errorf("status %d:\n%s", code, said)
	}
}
