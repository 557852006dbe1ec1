package cli

import (
	"context"
	"fmt"

	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/journal"
	"liftalot/plan/release"
)

// stillOffered refuses a plan whose release is not what it was: the registry is
// asked again, from here, what the tags of its images point to. A run that was
// begun goes on with the digests it began with.
func (t *target) stillOffered(ctx context.Context, p *plan.Plan, records []journal.Record) error {
	if p.Kind != plan.Upgrade || p.Empty() || journal.Summarise(records).Run == p.ID {
		return nil
	}
	var images []release.Image
	for _, ref := range []plan.Ref{p.Release.Server, p.Release.Updater, p.Release.Proxy} {
		images = append(images, release.Image{Repo: ref.Repo, Tag: ref.Tag, Digest: ref.Digest})
	}
	moved, err := t.env.Vendor.Moved(ctx, t.source(), images...)
	if err != nil {
		return err
	}
	if len(moved) == 0 {
		return nil
	}
	stale := &apply.StaleError{Host: t.host.Name}
	for _, i := range moved {
		stale.Moved = append(stale.Moved, fmt.Sprintf("the tag %s points to %s now, another image than was planned", i.TagRef(), i.Digest))
	}
	return stale
}
