package release

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Retagged asks the registry what the tags of images point to now, and returns
// those that do not point to the digest any more, with the digest they point to
// instead. Between a plan and its execution nothing of a release should change;
// what has is not what was agreed to, however well it may be signed. A tag that
// is gone is a [*NotFoundError].
func (c *Client) Retagged(ctx context.Context, src Source, images ...Image) ([]Image, error) {
	src, err := src.complete()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, orDefault(c.Timeout, time.Minute))
	defer cancel()
	s := c.session(src)
	defer s.http.CloseIdleConnections()
	reg, err := s.registry(ctx, nil)
	if err != nil {
		return nil, err
	}
	var moved []Image
	for _, i := range images {
		now, err := reg.now(ctx, i)
		if err != nil {
			return nil, err
		}
		if now != i.Digest {
			i.Digest = now
			moved = append(moved, i)
		}
	}
	return moved, nil
}

// now is the digest that an image's tag points to. It is the image's own when
// that is the part for one platform of what the tag points to.
func (r *registry) now(ctx context.Context, i Image) (string, error) {
	tag, err := name.NewTag(i.TagRef(), name.StrictValidation)
	if err != nil || tag.RegistryStr() != r.host {
		return "", sourceError("%q is not an image of the configured registry", i.TagRef())
	}
	top, err := r.get(ctx, tag, "image")
	if err != nil {
		return "", err
	}
	if hasPart(top, i.Digest) {
		return i.Digest, nil
	}
	return top.Digest.String(), nil
}

func hasPart(top *remote.Descriptor, digest string) bool {
	if !top.MediaType.IsIndex() {
		return false
	}
	index, err := v1.ParseIndexManifest(bytes.NewReader(top.Manifest))
	return err == nil && slices.ContainsFunc(index.Manifests, func(d v1.Descriptor) bool { return d.Digest.String() == digest })
}
