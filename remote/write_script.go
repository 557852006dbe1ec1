package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"
)

// discardTimeout is what tidying up may take.
const discardTimeout = 10 * time.Second

// replaceScript is WriteFile for a host without SFTP. Its input is the new
// content, whose digest it checks, so that a link that breaks half way cannot
// pass for the end of the file.
//
//	$1 temporary file  $2 file  $3 digest of the content  $4 mode
//	$5 owner or ""     $6 digest to be replaced, "any", or "" for no file
const replaceScript = `t=$1 d=$2
if command -v sha256sum >/dev/null; then sum() { sha256sum < "$1" | cut -d ' ' -f 1; }
elif command -v openssl >/dev/null; then sum() { openssl dgst -sha256 -r < "$1" | cut -d ' ' -f 1; }
else exit 46; fi
trap 'exit 1' HUP INT TERM PIPE
set -C
: > "$t" || exit 1
set +C
trap 'rm -f -- "$t"' EXIT
cat > "$t" || exit 1
[ "$(sum "$t")" = "$3" ] || exit 49
[ -z "$5" ] || chown -- "$5" "$t" || exit 1
chmod -- "$4" "$t" || exit 1
sync -- "$t" 2>/dev/null || sync
[ ! -d "$d" ] || exit 1
case $6 in
'')
	ln -- "$t" "$d" && exit 0
	[ -e "$d" ] || [ -L "$d" ] || exit 1
	exit 48 ;;
any) ;;
*) [ "$(sum "$d")" = "$6" ] || exit 47 ;;
esac
mv -f -- "$t" "$d"
`

func (c *Client) replaceByScript(ctx context.Context, r replacement) error {
	owner := ""
	if r.uid >= 0 {
		owner = strconv.Itoa(r.uid)
	}
	if r.gid >= 0 {
		owner += ":" + strconv.Itoa(r.gid)
	}
	_, err := c.Run(ctx, Command{
		Name: "replace file", Script: replaceScript, Root: true, Stdin: bytes.NewReader(r.data),
		Args: []string{r.temp, r.dest, r.sum, strconv.FormatUint(uint64(unixMode(r.mode)), 8), owner, r.expect},
	})
	var exit *ExitError
	if !errors.As(err, &exit) {
		return err
	}
	switch exit.Code {
	case exitDiffers:
		return &ChangedError{Path: r.dest, Want: r.expect}
	case exitExists:
		return asNotStarted(fs.ErrExist)
	case exitDamaged:
		return asNotStarted(errors.New("the host holds other bytes than were sent"))
	case exitNoTool:
		return asNotStarted(errors.New("neither sha256sum nor openssl is on the host"))
	}
	return asNotStarted(fmt.Errorf("%w: on the host: %q", exit, clip(exit.Stderr)))
}

// clip shortens a complaint of cp, chown and the like, which never hold
// content.
func clip(said []byte) []byte {
	return said[:min(len(said), 200)]
}

// unixMode is the inverse of fileMode for the bits that chmod takes.
func unixMode(mode fs.FileMode) uint32 {
	bits := uint32(mode.Perm())
	if mode&fs.ModeSetuid != 0 {
		bits |= 0o4000
	}
	if mode&fs.ModeSetgid != 0 {
		bits |= 0o2000
	}
	if mode&fs.ModeSticky != 0 {
		bits |= 0o1000
	}
	return bits
}
