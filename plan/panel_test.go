package plan

import (
	"errors"
	"strings"
	"testing"
)

// Trap P1: the panel has updated the server, and the files still name the release
// before. Nothing may be swapped before they name what runs: a rollback would start the
// older release on the newer schema.
func TestP1AfterAnUpdateFromThePanelTheFilesComeFirst(t *testing.T) {
	const repo = "registry.seglamater.app/seglamater/chatalot"
	runs := repo + "@sha256:" + strings.Repeat("b", 64)
	for name, ref := range map[string]string{"by digest": runs, "by tag": repo + ":0.24.7"} {
		in := inputFor(t, recorded(t, "managed"))
		s := service(in.Facts, "chatalot")
		s.Image, s.ImageID = ref, "sha256:"+strings.Repeat("c", 64)
		in.Facts.Images = append(in.Facts.Images, Image{ID: s.ImageID, Digests: []string{"elsewhere.example.com/chatalot@sha256:1", runs}})
		in.Facts.Health.Version, in.Release.Version = "0.24.7", "0.24.8"
		in.Release.Server.Digest = "sha256:" + strings.Repeat("d", 64)
		in.Release.Server.Platform = in.Release.Server.Digest
		var refused *RefusedError
		if _, _, err := Build(in); !errors.As(err, &refused) || len(refused.Checks) != 1 || refused.Checks[0].Name != "rollback" {
			t.Fatalf("%s: %v", name, err)
		}
		if hint := refused.Checks[0].Hint; !strings.HasSuffix(hint, "image: "+runs) || !strings.Contains(hint, "start nothing") {
			t.Errorf("%s: %s", name, hint)
		}
		// With the line as the hint has it the next release goes in, and back to what runs.
		old := in.Facts.Model.Service("chatalot").Image
		in.Facts.Files[0].setData(strings.ReplaceAll(string(in.Facts.Files[0].Data), old, runs))
		remodel(t, in.Facts, "managed", runs, "services", "chatalot", "image")
		p, _ := build(t, in)
		swap, _ := p.Step("swap")
		if got := swap.Op.(Swap); got.OldRef != runs || got.OldImage != s.ImageID {
			t.Errorf("%s: goes back to %s by %s", name, got.OldImage, got.OldRef)
		}
		// And the release that runs already is nothing to do.
		in.Release.Version, in.Release.Server.Digest, in.Release.Server.Platform = "0.24.7", strings.TrimPrefix(runs, repo+"@"), strings.TrimPrefix(runs, repo+"@")
		if p, _ := build(t, in); !p.Empty() {
			t.Errorf("%s: %d steps for the release that runs", name, len(p.Steps))
		}
	}
}

func TestP2DoneMeansNothingToDo(t *testing.T) {
	in := inputFor(t, recorded(t, "managed"))
	p, edited := build(t, in)
	if !p.Empty() || len(edited) > 0 || p.Variant != Managed {
		t.Errorf("%s, %d steps, %d edits", p.Variant, len(p.Steps), len(edited))
	}
	// What is missing from a done host is completed, not passed over.
	service(in.Facts, UpdaterService).State = "exited"
	if p, _ := build(t, in); p.Empty() || p.Variant != Incomplete {
		t.Errorf("with the updater stopped: %s, %d steps", p.Variant, len(p.Steps))
	}
}

// P6: a healthy server stays managed when a newer release is out, also in the plan for it.
func TestP6AHealthyServerIsNotHalfDone(t *testing.T) {
	in := inputFor(t, recorded(t, "managed"))
	in.Release.Version, in.Release.Server.Digest = "0.24.8", "sha256:"+strings.Repeat("d", 64)
	in.Release.Server.Platform = in.Release.Server.Digest
	if p, _ := build(t, in); p.Empty() || p.Variant != Managed || p.From == p.To {
		t.Errorf("%s, %s to %s, %d steps", p.Variant, p.From, p.To, len(p.Steps))
	}
}
