package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Push sends a backup of this machine to the bucket, and returns how many bytes
// that were. What is there whole is not sent again, neither now nor after a break;
// the manifest goes last. Each file is held against its hash before it leaves, and
// each content of an uploaded file is opened.
func (c *RemoteStore) Push(ctx context.Context, e Entry) (sent int64, err error) {
	if e.Err != nil {
		return 0, c.unproven(e.ID, e.Err)
	}
	manifest, err := e.encode()
	if err != nil {
		return 0, err
	}
	was, err := c.findBackup(ctx, e.ID)
	if err != nil {
		return 0, err
	}
	if was != nil {
		if was.Err == nil && was.Authenticated && bytes.Equal(was.data, manifest) {
			return 0, nil
		}
		// What is about to change is no backup until it is whole again.
		if err := c.Objects.Remove(ctx, c.key(e.ID, manifestFile)); err != nil {
			return 0, err
		}
	}
	sizes, _, err := c.parts(ctx, e.ID)
	if err != nil {
		return 0, err
	}
	contents, size, err := c.missingContents(ctx, e)
	if err != nil {
		return 0, err
	}
	count := &byteCounter{copies: c, total: size}
	var files []File
	for _, f := range e.Files {
		if sizes[f.Name+suffix] != f.Sealed {
			files, count.total = append(files, f), count.total+f.Sealed
		}
	}
	for _, f := range files {
		if err := c.pushFile(ctx, e, f, count); err != nil {
			return count.done, err
		}
	}
	if err := c.pushContents(ctx, e, contents, count); err != nil {
		return count.done, err
	}
	if sizes, _, err = c.parts(ctx, e.ID); err != nil {
		return count.done, err
	}
	if err := e.checkSizes(e.ID, sizes); err != nil {
		return count.done, c.unproven("what was just sent to the bucket", err)
	}
	for _, last := range []struct {
		name string
		data []byte
	}{{vouchFile, c.manifestMAC(e.ID, manifest)}, {manifestFile, manifest}} {
		if err := c.Objects.Put(ctx, c.key(e.ID, last.name), bytes.NewReader(last.data), int64(len(last.data)), func(int64) {}); err != nil {
			return count.done, err
		}
	}
	return count.done, nil
}

func (c *RemoteStore) pushFile(ctx context.Context, e Entry, f File, count *byteCounter) error {
	root, err := os.OpenRoot(e.Dir)
	if err != nil {
		return c.unproven("open its folder", err)
	}
	defer root.Close()
	file, err := root.Open(f.Name + suffix)
	if err != nil {
		return c.unproven(f.Name, err)
	}
	defer file.Close()
	sum := newSum()
	if _, err := io.Copy(sum, file); err != nil {
		return c.unproven(f.Name, err)
	}
	if sum.n != f.Sealed || sum.hex() != f.SealedSHA256 {
		return c.unproven(fmt.Sprintf("%s is not what was backed up, and was not sent", f.Name), nil)
	}
	return c.Objects.Put(ctx, c.key(e.ID, f.Name+suffix), file, f.Sealed, count.add)
}

// missingContents are the contents of uploaded files that the bucket does not have, each
// once, and how much that is.
func (c *RemoteStore) missingContents(ctx context.Context, e Entry) (list []*Upload, total int64, err error) {
	if e.Uploads == nil {
		return nil, 0, nil
	}
	there := map[objectName]int64{}
	err = c.contents(ctx, func(n objectName, size int64, _ time.Time) error {
		there[n] = size
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	err = readUploads(e.Dir, c.Keys.Identity, func(u *Upload) error {
		if u.Kind != isFile || there[u.Object] == u.Sealed && u.Sealed > 0 {
			return nil
		}
		there[u.Object] = u.Sealed // asked for
		list, total = append(list, u), total+u.Sealed
		return nil
	})
	if err != nil {
		return nil, 0, c.unproven("the list of its files", err)
	}
	return list, total, nil
}

func (c *RemoteStore) pushContents(ctx context.Context, e Entry, list []*Upload, count *byteCounter) error {
	if len(list) == 0 {
		return nil
	}
	root, err := os.OpenRoot(filepath.Join(filepath.Dir(e.Dir), storeFolder))
	if err != nil {
		return c.unproven("open the store of files", err)
	}
	defer root.Close()
	return forEachParallel(ctx, list, func(ctx context.Context, _ int, u *Upload) error {
		if err := proveObject(root, u, c.Keys.Identity); err != nil {
			return c.unproven("the files", err)
		}
		file, err := root.Open(u.Object.file() + suffix)
		if err != nil {
			return c.unproven("the files", err)
		}
		defer file.Close()
		info, err := file.Stat()
		if err == nil && info.Size() != u.Sealed {
			err = errors.New("it has another length than it was written with")
		}
		if err != nil {
			return c.unproven(fmt.Sprintf("the content of %q", u.Path), err)
		}
		return c.Objects.Put(ctx, c.objectKey(u.Object), file, u.Sealed, count.add)
	})
}
