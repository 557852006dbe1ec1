package backup

import (
	"context"
	"fmt"
	"time"
)

// How long what no backup names stays in a bucket: another machine may be sending
// the backup that will name it.
const (
	youngContent  = 24 * time.Hour
	youngFragment = 7 * 24 * time.Hour
)

// Remove removes a backup from the bucket, the manifest first: what a broken line
// leaves is no backup any more.
func (c *RemoteStore) Remove(ctx context.Context, id string) error {
	if !isID(id) {
		return c.unproven(fmt.Sprintf("%q is no backup", id), nil)
	}
	sizes, _, err := c.parts(ctx, id)
	if err != nil {
		return err
	}
	if err := c.Objects.Remove(ctx, c.key(id, manifestFile)); err != nil {
		return err
	}
	delete(sizes, manifestFile)
	for name := range sizes {
		if err := c.Objects.Remove(ctx, c.key(id, name)); err != nil {
			return err
		}
	}
	return nil
}

// CollectGarbage removes contents of uploaded files that no backup in the bucket names, and
// fragments of backups that were never finished, once they are old by the store's
// clock. Where it cannot read what a backup names, no content is removed.
func (c *RemoteStore) CollectGarbage(ctx context.Context, now time.Time) (gone int, freed int64, err error) {
	ids, contents, err := c.folders(ctx)
	if err != nil {
		return 0, 0, err
	}
	named := map[objectName]bool{}
	for _, id := range ids {
		sizes, last, err := c.parts(ctx, id)
		if err != nil {
			return 0, 0, err
		}
		if _, whole := sizes[manifestFile]; !whole && now.Sub(last) > youngFragment {
			if err := c.Remove(ctx, id); err != nil {
				return 0, 0, err
			}
			continue
		}
		if err := c.names(ctx, id, sizes, contents, named); err != nil {
			return 0, 0, fmt.Errorf("contents in the bucket that no backup names stay, because what backup %s names cannot be read: %w", id, err)
		}
	}
	if !contents {
		return 0, 0, nil
	}
	return c.sweep(ctx, named, now)
}

// names notes which contents a backup in the bucket names, whether it is finished or
// not.
func (c *RemoteStore) names(ctx context.Context, id string, sizes map[string]int64, contents bool, named map[objectName]bool) error {
	if !contents {
		return nil
	}
	_, whole := sizes[manifestFile]
	if whole {
		m, err := c.findBackup(ctx, id)
		if err != nil {
			return err
		}
		if m != nil && m.Err != nil {
			return m.Err
		}
		if m == nil || m.Uploads == nil {
			return nil
		}
	}
	if _, ok := sizes[listing+suffix]; !ok && !whole {
		return nil // its contents are sent after its listing
	}
	list, err := c.listedContents(ctx, id, sizes, nil)
	for _, u := range list {
		named[u.Object] = true
	}
	return err
}

func (c *RemoteStore) sweep(ctx context.Context, named map[objectName]bool, now time.Time) (gone int, freed int64, err error) {
	var old []objectName
	err = c.contents(ctx, func(n objectName, size int64, changed time.Time) error {
		if !named[n] && now.Sub(changed) > youngContent {
			old, freed = append(old, n), freed+size
		}
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	err = forEachParallel(ctx, old, func(ctx context.Context, _ int, n objectName) error { return c.Objects.Remove(ctx, c.objectKey(n)) })
	if err != nil {
		return 0, 0, fmt.Errorf("remove contents from the bucket that no backup names: %w", err)
	}
	return len(old), freed, nil
}
