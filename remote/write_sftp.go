package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/pkg/sftp"
)

// canReplace reports whether the server can rename over a file. Without, a
// script does it all.
func (s *sftpSession) canReplace() bool {
	_, ok := s.client.HasExtension("posix-rename@openssh.com")
	return ok
}

// replace carries out a replacement over SFTP. Until the rename nothing has
// happened to the file, whatever went wrong.
func (s *sftpSession) replace(ctx context.Context, c *Client, r replacement) error {
	created := false
	err := s.withTimeout(ctx, func() error { return s.writeTemp(r, &created) })
	if err == nil {
		err = s.flushAndVerify(ctx, c, r)
	}
	if err == nil {
		err = s.compare(ctx, r)
	}
	if err != nil {
		if created {
			s.discard(ctx, c, r)
		}
		return asNotStarted(err)
	}
	err = s.withTimeout(ctx, func() error { return s.rename(r) })
	switch {
	case err == nil:
		return nil
	case isAnswer(err):
		s.discard(ctx, c, r)
		return s.renameRefused(ctx, r, err)
	}
	return fmt.Errorf("rename: %w: %w", ErrUnknownOutcome, err)
}

// writeTemp creates the temporary file, which the wrapper's umask makes 0600.
func (s *sftpSession) writeTemp(r replacement, created *bool) (err error) {
	f, err := s.client.OpenFile(r.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return fmt.Errorf("create a temporary file: %w", err)
	}
	*created = true
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(r.data); err != nil {
		return fmt.Errorf("write the temporary file: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*sftp.FileStat)
	if !ok {
		return errors.New("the host does not say who owns the temporary file")
	}
	uid, gid := keepBits(r.uid, st.UID), keepBits(r.gid, st.GID)
	if uid != int(st.UID) || gid != int(st.GID) {
		if err := f.Chown(uid, gid); err != nil {
			return fmt.Errorf("give the file its owner: %w", err)
		}
	}
	if err := f.Chmod(r.mode); err != nil { // after the owner, whose change takes bits away
		return fmt.Errorf("give the file its mode: %w", err)
	}
	if _, ok := s.client.HasExtension("fsync@openssh.com"); ok {
		if err := f.Sync(); err != nil {
			return fmt.Errorf("flush the file: %w", err)
		}
	}
	return nil
}

func keepBits(want int, have uint32) int {
	if want < 0 {
		return int(have)
	}
	return want
}

// flushAndVerify flushes the file where the server cannot, and reads it back.
func (s *sftpSession) flushAndVerify(ctx context.Context, c *Client, r replacement) error {
	if _, ok := s.client.HasExtension("fsync@openssh.com"); !ok {
		_, err := c.Run(ctx, Command{
			Name: "flush file", Script: `sync -- "$1" 2>/dev/null || sync`, Args: []string{r.temp}, Root: true,
		})
		if err != nil {
			return fmt.Errorf("flush the file: %w", err)
		}
	}
	back, err := s.read(ctx, r.temp, int64(len(r.data)))
	if err != nil {
		return fmt.Errorf("read the file back: %w", err)
	}
	if digest(back) != r.sum {
		return errors.New("the host holds other bytes than were sent")
	}
	return nil
}

// compare makes sure that what will be replaced is what the caller has seen.
func (s *sftpSession) compare(ctx context.Context, r replacement) error {
	if r.expect == "" || r.expect == AnyContent {
		return nil
	}
	now, err := s.read(ctx, r.dest, maxCompare)
	if err != nil {
		return fmt.Errorf("read what is to be replaced: %w", err)
	}
	if got := digest(now); got != r.expect {
		return &ChangedError{Path: r.dest, Want: r.expect, Got: got}
	}
	return nil
}

// maxCompare bounds the file that is compared before it is replaced.
const maxCompare = 64 << 20

// rename puts the file in place. The protocol's own rename does not replace,
// which is just right for a file that must not exist.
func (s *sftpSession) rename(r replacement) error {
	if r.expect == "" {
		return s.client.Rename(r.temp, r.dest)
	}
	return s.client.PosixRename(r.temp, r.dest)
}

// renameRefused gives the answer to a rename its meaning.
func (s *sftpSession) renameRefused(ctx context.Context, r replacement, err error) error {
	if r.expect == "" {
		there := s.withTimeout(ctx, func() error { _, err := s.client.Lstat(r.dest); return err })
		if there == nil {
			err = fs.ErrExist
		}
	}
	return fmt.Errorf("rename: %w", asNotStarted(err))
}

// discard removes the temporary file, in a time of its own when the caller has
// run out of his.
func (s *sftpSession) discard(ctx context.Context, c *Client, r replacement) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTimeout)
	defer cancel()
	if s.alive() && s.withTimeout(ctx, func() error { return s.client.Remove(r.temp) }) == nil {
		return
	}
	_, _ = c.Run(ctx, Command{Name: "remove temporary file", Script: `rm -f -- "$1"`, Args: []string{r.temp}, Root: true})
}
