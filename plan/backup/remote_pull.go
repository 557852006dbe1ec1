package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"filippo.io/age"

	"liftalot/plan/backup/pgarchive"
	"liftalot/plan/statefile"
)

// ErrNoCopy reports a backup that a bucket does not have.
var ErrNoCopy = errors.New("it is not in the bucket")

// Pull brings a backup from the bucket into the folder dir, with the contents of the
// uploaded files that it names beside it, and proves all of it; the manifest is
// written last. What is here whole is not fetched again. A copy that this machine's
// key does not vouch for is taken only where the caller trusts the bucket.
func (c *RemoteStore) Pull(ctx context.Context, id, dir string, trust bool) error {
	if !isID(id) {
		return c.unproven(fmt.Sprintf("%q is no backup", id), nil)
	}
	m, err := c.findBackup(ctx, id)
	switch {
	case err != nil:
		return err
	case m == nil:
		return c.unproven("backup "+id, ErrNoCopy)
	case m.Err != nil:
		return c.unproven("backup "+id+" in the bucket", m.Err)
	case !m.Authenticated && !trust:
		return c.unproven("backup "+id+" in the bucket was not sent with this machine's key, so that anybody who may write there can have made it; --trust-bucket takes it", nil)
	}
	for _, ours := range []string{manifestFile, requestFile} {
		if _, err := os.Lstat(filepath.Join(dir, ours)); !isMissing(err) {
			return c.unproven("backup "+id+" is on this machine already, or was begun here", err)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return c.unproven("make its folder", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return c.unproven("open its folder", err)
	}
	defer root.Close()
	if err := requireSpace(c.Host, dir, m.Size()); err != nil {
		return err
	}
	count := &byteCounter{copies: c, total: m.Size()}
	for _, f := range m.Files {
		if err := c.pullFile(ctx, root, id, f, count); err != nil {
			return err
		}
	}
	if err := m.Verify(dir, c.Keys.Identity); err != nil {
		// All of it came as it was sent: another try would end the same, and a list
		// that nobody can read would keep Sweep from its work.
		return errors.Join(err, os.RemoveAll(dir))
	}
	if err := c.pullContents(ctx, m, dir); err != nil {
		return err
	}
	if err := (statefile.OS{}).SyncDir(dir); err != nil {
		return c.unproven("flush its folder", err)
	}
	return m.save(dir)
}

func (c *RemoteStore) pullFile(ctx context.Context, root *os.Root, id string, f File, count *byteCounter) error {
	sum := newSum()
	if file, err := root.Open(f.Name + suffix); err == nil {
		_, err = io.Copy(sum, io.LimitReader(file, f.Sealed+1))
		if err = errors.Join(err, file.Close()); err == nil && sum.n == f.Sealed && sum.hex() == f.SealedSHA256 {
			count.add(f.Sealed)
			return nil
		}
	}
	return c.receive(ctx, root, f.Name, c.key(id, f.Name+suffix), f.Sealed, count, func(file *os.File) error {
		sum := newSum()
		if _, err := io.Copy(sum, file); err != nil {
			return err
		}
		if sum.hex() != f.SealedSHA256 {
			return c.unproven(fmt.Sprintf("%s in the bucket is not what was sent there", c.key(id, f.Name+suffix)), nil)
		}
		return nil
	})
}

// receive writes an object to a file, which has its name only when it is on the disk
// and was looked at.
func (c *RemoteStore) receive(ctx context.Context, root *os.Root, name, key string, size int64, count *byteCounter, check func(*os.File) error) (err error) {
	part := name + suffix + ".partial"
	if err := ignoreMissing(root.Remove(part)); err != nil {
		return fmt.Errorf("remove an earlier %s: %w", part, err)
	}
	file, err := root.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", part, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreMissing(root.Remove(part)))
		}
	}()
	err = c.Objects.Get(ctx, key, size, writer(func(p []byte) error {
		_, err := file.Write(p)
		count.add(int64(len(p)))
		return err
	}))
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err == nil {
		err = check(file)
	}
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return root.Rename(part, name+suffix)
}

// pullContents brings the contents that a backup's listing names and that are not
// here.
func (c *RemoteStore) pullContents(ctx context.Context, m *RemoteBackup, dir string) error {
	if m.Uploads == nil {
		return nil
	}
	_, names, err := c.Keys.recipients()
	if err != nil {
		return c.unproven("no key", err)
	}
	st, err := openStore(dir, c.Keys, nil, names)
	if err != nil {
		return c.unproven("open the store of files", err)
	}
	defer st.Close()
	var list []*Upload
	var total int64
	asked := map[objectName]bool{}
	err = readUploads(dir, c.Keys.Identity, func(u *Upload) error {
		if u.Kind != isFile || asked[u.Object] || st.has(u.Object) == u.Sealed && u.Sealed > 0 {
			return nil
		}
		asked[u.Object] = true
		list = append(list, u)
		if total += u.Sealed; u.Sealed < 0 || u.Sealed > maxSealed || total > maxSealed {
			return errors.New("it names more than any disk holds")
		}
		return nil
	})
	if err != nil {
		return c.unproven("the list of its files", err)
	}
	if err := requireSpace(c.Host, dir, total); err != nil {
		return err
	}
	count := &byteCounter{copies: c, total: total}
	for _, u := range list {
		if err := st.folder(u.Object); err != nil {
			return err
		}
	}
	err = forEachParallel(ctx, list, func(ctx context.Context, _ int, u *Upload) error { return c.pullContent(ctx, st, u, count) })
	if err != nil {
		return err
	}
	return st.sync()
}

func (c *RemoteStore) pullContent(ctx context.Context, st *store, u *Upload, count *byteCounter) error {
	key := c.objectKey(u.Object)
	return c.receive(ctx, st.root, u.Object.file(), key, u.Sealed, count, func(file *os.File) error {
		r, err := unseal(file, u.Object.file(), c.Keys.Identity, io.Discard)
		if err == nil {
			err = u.verify(r)
		}
		if err != nil {
			return c.unproven(fmt.Sprintf("%s in the bucket, the content of %q", key, u.Path), err)
		}
		return nil
	})
}

// Verify reads all of a backup in the bucket and proves it, without keeping any of
// it here. Contents in proven are known to be good, and the others are added to it.
func (c *RemoteStore) Verify(ctx context.Context, m RemoteBackup, proven map[[32]byte]bool) error {
	if m.Err != nil {
		return c.unproven("backup "+m.ID+" in the bucket", m.Err)
	}
	var list []*Upload
	err := m.verify(func(f File) (dump *pgarchive.Contents, newest int64, err error) {
		c.tell(Event{Stage: "read " + f.Name + " in the bucket"})
		err = c.stream(ctx, c.key(m.ID, f.Name+suffix), f.Sealed, func(r io.Reader) (err error) {
			dump, newest, err = proveSealed(r, f, c.Keys.Identity)
			return err
		})
		return dump, newest, err
	})
	if err == nil && m.Uploads != nil {
		list, err = c.listedContents(ctx, m.ID, m.sizes, proven)
	}
	if err == nil {
		err = c.verifyContents(ctx, list)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return c.unproven("backup "+m.ID+" in the bucket", err)
	}
	for _, u := range list {
		proven[u.Object] = true
	}
	return nil
}

func (c *RemoteStore) verifyContents(ctx context.Context, list []*Upload) error {
	return forEachParallel(ctx, list, func(ctx context.Context, _ int, u *Upload) error {
		err := c.stream(ctx, c.objectKey(u.Object), u.Sealed, func(r io.Reader) error { return decryptsWith(r, u, c.Keys.Identity) })
		if err != nil {
			return fmt.Errorf("%s, the content of %q: %w", c.objectKey(u.Object), u.Path, err)
		}
		return nil
	})
}

func decryptsWith(r io.Reader, u *Upload, id age.Identity) error {
	plain, err := unseal(r, u.Object.file(), id, io.Discard)
	if err != nil {
		return err
	}
	return u.verify(plain)
}

// listedContents returns the contents that a listing in the bucket names, each once, but for those
// that are known.
func (c *RemoteStore) listedContents(ctx context.Context, id string, sizes map[string]int64, known map[[32]byte]bool) (list []*Upload, err error) {
	asked := map[objectName]bool{}
	err = c.stream(ctx, c.key(id, listing+suffix), sizes[listing+suffix], func(r io.Reader) error {
		plain, err := unseal(r, listing, c.Keys.Identity, io.Discard)
		if err != nil {
			return err
		}
		return readListing(plain, func(u *Upload) error {
			if u.Kind == isFile && !asked[u.Object] && !known[u.Object] {
				asked[u.Object] = true
				list = append(list, u)
			}
			return nil
		})
	})
	return list, err
}
