package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// AnyContent as WriteOptions.ExpectSHA256 replaces a file whatever it holds.
const AnyContent = "any"

// WriteOptions say what a file is to be and what it must have been.
type WriteOptions struct {
	Mode     fs.FileMode // permission bits; 0 keeps the replaced file's, or means 0600
	UID, GID int         // -1 keeps the replaced file's, or means the login's

	// ExpectSHA256 is the digest of what is replaced, in hex. Empty means that
	// there must be no file; AnyContent, that nobody looks.
	ExpectSHA256 string

	// KeepMeta keeps owner, group and mode of a file that is replaced, whatever
	// Mode, UID and GID say; they are then for a new file only.
	KeepMeta bool

	// Owner is whose write it is, such as a run, for [RemoveTemps] to go by. It
	// becomes part of a file name.
	Owner string
}

// A ChangedError means that a file is not what the caller took it for. It was
// not touched.
type ChangedError struct {
	Path string
	Want string // digest that was expected
	Got  string // digest that was found; empty when the host did not say
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("%q has changed on the host", e.Path)
}

// Unwrap returns ErrNotStarted: nothing was changed.
func (e *ChangedError) Unwrap() error { return ErrNotStarted }

// A replacement is a write made ready: where, what, and on which condition.
type replacement struct {
	temp, dest string
	data       []byte
	sum        string
	mode       fs.FileMode
	uid, gid   int // -1 leaves it as created
	expect     string
}

// WriteFile replaces a file at once and for good, or creates it: a temporary
// file beside it, written, flushed to disk, given owner and mode, read back and
// compared, and only then renamed; what is replaced is compared once more just
// before. Of a symbolic link the target is replaced.
//
// An error that wraps [ErrNotStarted] means that the file is as it was; a
// temporary file may be left beside it when the link broke, which [RemoveTemps]
// removes. A file that is there and should not be is [fs.ErrExist], one that
// differs a [*ChangedError].
func (c *Client) WriteFile(ctx context.Context, name string, data []byte, opt WriteOptions) error {
	if err := c.writeFile(ctx, name, data, opt); err != nil {
		return fmt.Errorf("%s: write %q: %w", c.cfg.Name, name, err)
	}
	return nil
}

func (c *Client) writeFile(ctx context.Context, name string, data []byte, opt WriteOptions) error {
	release, err := c.acquire(ctx, c.files)
	if err != nil {
		return err
	}
	defer release()
	r, err := c.prepare(ctx, name, data, opt)
	if err != nil {
		return asNotStarted(err)
	}
	s, err := c.session(ctx)
	switch {
	case err == nil && s.canReplace():
		err = s.replace(ctx, c, r)
	case err == nil || errors.Is(err, errNoSFTP):
		err = c.replaceByScript(ctx, r)
	}
	if err != nil {
		return err
	}
	c.syncFolder(ctx, path.Dir(r.dest))
	return nil
}

// prepare looks at what is there and decides what will be.
func (c *Client) prepare(ctx context.Context, name string, data []byte, opt WriteOptions) (replacement, error) {
	if strings.Contains(opt.Owner, "/") {
		return replacement{}, fmt.Errorf("%q is no part of a file name", opt.Owner)
	}
	r := replacement{
		dest: name, data: data, sum: digest(data), expect: opt.ExpectSHA256,
		mode: opt.Mode.Perm(), uid: opt.UID, gid: opt.GID,
	}
	old, err := c.look(ctx, name, false)
	switch {
	case err == nil && r.expect == "":
		return r, fs.ErrExist
	case err == nil && old.IsLink:
		if old, err = c.look(ctx, name, true); err != nil {
			return r, fmt.Errorf("follow the symbolic link: %w", err)
		}
	case errors.Is(err, fs.ErrNotExist) && (r.expect == "" || r.expect == AnyContent):
		if r.mode == 0 {
			r.mode = 0o600
		}
		r.temp = tempBeside(r.dest, opt.Owner)
		return r, nil
	}
	if err != nil {
		return r, err
	}
	if !old.Mode.IsRegular() {
		return r, fmt.Errorf("it is not a regular file but %s", old.Mode.Type())
	}
	r.dest = old.RealPath
	r.temp = tempBeside(r.dest, opt.Owner)
	if opt.KeepMeta || r.mode == 0 {
		r.mode = old.Mode & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
	}
	if opt.KeepMeta || r.uid < 0 {
		r.uid = old.UID
	}
	if opt.KeepMeta || r.gid < 0 {
		r.gid = old.GID
	}
	return r, nil
}

// asNotStarted marks an error from before the first change.
func asNotStarted(err error) error {
	if errors.Is(err, ErrNotStarted) {
		return err
	}
	if errors.Is(err, ErrUnknownOutcome) {
		// Only a look was lost, so nothing is in doubt about the file.
		return fmt.Errorf("%w: %v", ErrNotStarted, err)
	}
	return fmt.Errorf("%w: %w", ErrNotStarted, err)
}

// syncFolder makes a rename last. Not every host has a sync that takes names,
// and none loses more than the rename by it.
func (c *Client) syncFolder(ctx context.Context, folder string) {
	_, _ = c.Run(ctx, Command{
		Name: "flush folder", Script: `sync -- "$1" 2>/dev/null || sync`, Args: []string{folder}, Root: true,
	})
}
