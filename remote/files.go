package remote

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// FileInfo is what a host says of a file.
type FileInfo struct {
	Path     string
	RealPath string // after symbolic links; empty when they lead nowhere
	Size     int64
	Mode     fs.FileMode
	UID, GID int
	Links    int  // hard links; replacing a file with more than one splits it
	IsLink   bool // Path itself is a symbolic link
}

// A File is a file that was read whole. Its FileInfo is that of RealPath.
type File struct {
	FileInfo
	Data   []byte
	SHA256 string // of Data, in hex
}

// ReadFile reads a regular file of at most limit bytes, as root where the host
// offers it. Symbolic links are followed. A missing file is [fs.ErrNotExist]
// and a forbidden one [fs.ErrPermission], on the host's evidence.
func (c *Client) ReadFile(ctx context.Context, name string, limit int64) (File, error) {
	f, err := c.readFile(ctx, name, limit)
	if err != nil {
		return File{}, fmt.Errorf("%s: read %q: %w", c.cfg.Name, name, err)
	}
	return f, nil
}

func (c *Client) readFile(ctx context.Context, name string, limit int64) (File, error) {
	release, err := c.acquire(ctx, c.files)
	if err != nil {
		return File{}, err
	}
	defer release()
	info, err := c.look(ctx, name, true)
	if err != nil {
		return File{}, err
	}
	if !info.Mode.IsRegular() {
		return File{}, fmt.Errorf("%w: it is not a regular file but %s", ErrNotStarted, info.Mode.Type())
	}
	if info.Size > limit {
		return File{}, &TooLargeError{Size: info.Size, Limit: limit}
	}
	data, err := c.content(ctx, info.RealPath, limit)
	if err != nil {
		return File{}, err
	}
	if int64(len(data)) != info.Size && info.Size != 0 { // /proc says 0 of everything
		return File{}, fmt.Errorf("%w: it changed while it was read: %d bytes of %d", ErrNotStarted, len(data), info.Size)
	}
	return File{FileInfo: info, Data: data, SHA256: digest(data)}, nil
}

// A TooLargeError means that a file was not read because of its size.
type TooLargeError struct{ Size, Limit int64 }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("it has %d bytes, at most %d are read", e.Size, e.Limit)
}

// Unwrap returns ErrNotStarted: nothing was changed.
func (e *TooLargeError) Unwrap() error { return ErrNotStarted }

// content fetches the bytes, over SFTP where there is one.
func (c *Client) content(ctx context.Context, name string, limit int64) ([]byte, error) {
	s, err := c.session(ctx)
	switch {
	case err == nil:
		return s.read(ctx, name, limit)
	case !errors.Is(err, errNoSFTP):
		return nil, err
	}
	res, err := c.Run(ctx, Command{
		Name: "read file", Script: `exec cat -- "$1"`, Args: []string{name}, Root: true, MaxStdout: limit,
	})
	if err != nil {
		return nil, err
	}
	if res.StdoutLost > 0 {
		return nil, &TooLargeError{Size: limit + res.StdoutLost, Limit: limit}
	}
	return res.Stdout, nil
}

// Lstat looks at a file without following a symbolic link. A missing file is
// [fs.ErrNotExist].
func (c *Client) Lstat(ctx context.Context, name string) (FileInfo, error) {
	info, err := c.look(ctx, name, false)
	if err != nil {
		return FileInfo{}, fmt.Errorf("%s: look at %q: %w", c.cfg.Name, name, err)
	}
	return info, nil
}

// Remove removes a file or a symbolic link, never a folder. A missing file is
// [fs.ErrNotExist].
func (c *Client) Remove(ctx context.Context, name string) error {
	if _, err := c.runScript(ctx, "remove file", presence+`exec rm -f -- "$p"`, name); err != nil {
		return fmt.Errorf("%s: remove %q: %w", c.cfg.Name, name, err)
	}
	return nil
}

// The statuses by which our scripts say what they found.
const (
	exitNoSFTP  = 43
	exitAbsent  = 44
	exitDenied  = 45
	exitNoTool  = 46
	exitDiffers = 47
	exitExists  = 48
	exitDamaged = 49
)

// presence ends the script unless the file "$1" is there. That a file is
// absent is a claim: it is made only when the nearest folder above it can be
// searched.
const presence = `p=$1
if [ ! -e "$p" ] && [ ! -L "$p" ]; then
	d=$p
	while [ ! -e "$d" ] && [ ! -L "$d" ]; do
		d=${d%/*}
		[ -n "$d" ] || d=/
	done
	[ ! -d "$d" ] || [ -x "$d" ] || exit 45
	exit 44
fi
`

// lookScript prints st_mode in hex, links, owner, group and size, then whether
// "$1" is a link, then where it leads. "$2" is -L to describe the target.
const lookScript = presence + `command -v stat >/dev/null && command -v readlink >/dev/null || exit 46
[ -z "$2" ] || [ -e "$p" ] || exit 44
stat $2 -c '%f %h %u %g %s' -- "$p" || exit 1
if [ -L "$p" ]; then echo link; else echo plain; fi
readlink -f -- "$p"
exit 0
`

func (c *Client) look(ctx context.Context, name string, follow bool) (FileInfo, error) {
	flag := ""
	if follow {
		flag = "-L"
	}
	res, err := c.runScript(ctx, "look at file", lookScript, name, flag)
	if err != nil {
		return FileInfo{}, err
	}
	info, err := parseLook(name, res.Stdout)
	if err != nil {
		return FileInfo{}, fmt.Errorf("%w: %w", ErrNotStarted, err)
	}
	return info, nil
}

// runScript runs a script of ours on a path and gives its statuses their meaning.
func (c *Client) runScript(ctx context.Context, what, script, name string, args ...string) (Result, error) {
	if !path.IsAbs(name) || path.Clean(name) != name {
		return Result{}, fmt.Errorf("%w: the path is not absolute and clean", ErrNotStarted)
	}
	res, err := c.Run(ctx, Command{Name: what, Script: script, Args: append([]string{name}, args...), Root: true})
	var exit *ExitError
	if errors.As(err, &exit) {
		switch exit.Code {
		case exitAbsent:
			return res, fs.ErrNotExist
		case exitDenied:
			return res, fs.ErrPermission
		case exitNoTool:
			return res, fmt.Errorf("%w: stat or readlink is missing on the host", ErrNotStarted)
		}
	}
	return res, err
}

// parseLook reads the answer of lookScript.
func parseLook(name string, answer []byte) (FileInfo, error) {
	first, rest, ok1 := strings.Cut(string(answer), "\n")
	kind, real, ok2 := strings.Cut(rest, "\n")
	fields := strings.Fields(first)
	if !ok1 || !ok2 || len(fields) != 5 {
		return FileInfo{}, errors.New("the answer is not understood")
	}
	mode, err := strconv.ParseUint(fields[0], 16, 32)
	numbers := make([]int64, 4)
	for i, f := range fields[1:] {
		n, nErr := strconv.ParseInt(f, 10, 64)
		if nErr != nil || n < 0 {
			err = errors.Join(err, fmt.Errorf("%q is no number", f))
		}
		numbers[i] = n
	}
	if err != nil {
		return FileInfo{}, fmt.Errorf("the answer is not understood: %w", err)
	}
	return FileInfo{
		Path: name, RealPath: strings.TrimSuffix(real, "\n"),
		Links: int(numbers[0]), UID: int(numbers[1]), GID: int(numbers[2]), Size: numbers[3],
		Mode: fileMode(uint32(mode)), IsLink: kind == "link",
	}, nil
}

// fileMode turns st_mode into Go's form.
func fileMode(st uint32) fs.FileMode {
	mode := fs.FileMode(st & 0o777)
	for _, b := range []struct {
		st   uint32
		mode fs.FileMode
	}{{0o4000, fs.ModeSetuid}, {0o2000, fs.ModeSetgid}, {0o1000, fs.ModeSticky}} {
		if st&b.st != 0 {
			mode |= b.mode
		}
	}
	switch st & 0o170000 {
	case 0o100000:
	case 0o040000:
		mode |= fs.ModeDir
	case 0o120000:
		mode |= fs.ModeSymlink
	case 0o010000:
		mode |= fs.ModeNamedPipe
	case 0o140000:
		mode |= fs.ModeSocket
	case 0o020000:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	case 0o060000:
		mode |= fs.ModeDevice
	default:
		mode |= fs.ModeIrregular
	}
	return mode
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
