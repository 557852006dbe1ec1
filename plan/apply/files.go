package apply

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"

	"liftalot/plan"
	"liftalot/plan/compose"
	"liftalot/remote"
)

// Client's files and secrets are small; anything larger is not what it seems.
const maxFile = 10 << 20

func sha256Hex(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

// mode sets a folder's mode, and makes the folder when it is not there.
func (e *Engine) mode(ctx context.Context, op plan.Mode) error {
	script := linkScript + `[ -d "$1" ] || mkdir "$1"
chmod "$2" "$1"`
	if op.To == 0 {
		// The rollback of a folder that we made: gone, if it is empty again.
		script = "set -eu\n" + `[ -L "$1" ] || [ ! -d "$1" ] || rmdir "$1"`
	}
	_, err := e.runRoot(ctx, remote.Command{Name: "set the mode of " + op.Path, Script: script, Args: []string{op.Path, octal(op.To)}})
	return err
}

func octal(m fs.FileMode) string { return "0" + strconv.FormatUint(uint64(m.Perm()), 8) }

// edit writes the edited file in place of the one that was planned on. The file
// as it is decides: already edited is done, anything else than both is refused.
func (e *Engine) edit(ctx context.Context, op plan.Edit) error {
	now, err := e.Host.ReadFile(ctx, op.Path, maxFile)
	if err != nil {
		return err
	}
	switch now.SHA256 {
	case op.After:
		return nil
	case op.Before:
	default:
		return &RefusedByHostError{fmt.Sprintf("%s was changed by somebody else since the plan was made: plan again", op.Path)}
	}
	after, err := compose.Replay(now.Data, op.Splices)
	if err != nil {
		return err
	}
	if sha256Hex(after) != op.After {
		return fmt.Errorf("%s: the edit does not give the file that was planned", op.Path)
	}
	return e.replace(ctx, now, after)
}

// replace writes a file's new content with the owner, group and mode it has.
func (e *Engine) replace(ctx context.Context, now remote.File, data []byte) error {
	return e.Host.WriteFile(ctx, now.Path, data, remote.WriteOptions{
		KeepMeta: true, UID: -1, GID: -1, ExpectSHA256: now.SHA256, Owner: e.Plan.ID,
	})
}

// revertEdit takes our splices out again and leaves what the client has changed
// since. Where both changed the same place a person must look.
func (e *Engine) revertEdit(ctx context.Context, op plan.RevertEdit) error {
	now, err := e.Host.ReadFile(ctx, op.Path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		// Nothing of ours is in a file that somebody took away, and the server that ran
		// comes back without it.
		e.tell(Event{Kind: Output, Text: op.Path + " is not there any more: there is nothing to take out of it"})
		return nil
	}
	if err != nil {
		return err
	}
	if now.SHA256 == op.Before {
		return nil
	}
	before, err := e.Workstation.Original(ctx, op.Path)
	if err != nil {
		return fmt.Errorf("%s as it was before: %w", op.Path, err)
	}
	if sha256Hex(before) != op.Before {
		return fmt.Errorf("%s in the backup is not the file the plan was made on", op.Path)
	}
	ours, err := compose.Replay(before, op.Splices)
	if err != nil {
		return err
	}
	undone, err := compose.Undo(before, ours, now.Data)
	var both *compose.UndoConflictError
	if errors.As(err, &both) {
		return &RefusedByHostError{fmt.Sprintf("%s was changed by somebody else in the same place as by the upgrade; nothing was written. %v", op.Path, both)}
	}
	if err != nil {
		return err
	}
	return e.replace(ctx, now, undone.Content)
}

// tempPrefix begins the name of a temporary file beside another, for removeLeftovers to find.
func (e *Engine) tempPrefix(beside string) string {
	return path.Join(path.Dir(beside), remote.TempPrefix(e.Plan.ID))
}

// tokenScript makes the updater's token on the host, so that it is never seen
// here. A file with content is kept: the server may be using it.
//
//	$1 file  $2 mode  $3 beginning of a temporary file's name
const tokenScript = `set -eu
if [ -e "$1" ] && tr -d ' \t\r\n' <"$1" | grep -q .; then
	echo kept
	exit 0
fi
umask 077
t=$(mktemp "$3XXXXXX")
trap 'rm -f "$t"' EXIT
od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$t"
[ "$(wc -c <"$t")" -eq 64 ]
if [ -e "$1" ]; then chown "$(stat -c %u:%g "$1")" "$t"; fi
chmod "$2" "$t"
sync
mv -f "$t" "$1"
trap - EXIT
`

// linkScript begins a script that changes a mode. The mode of what a link leads to is
// not ours to change; that it is the wanted one is enough, so that a step which was refused
// here has a rollback that succeeds.
//
//	$1 file or folder  $2 mode
const linkScript = `set -eu
if [ -L "$1" ]; then
	[ "$((0$(stat -L -c %a "$1") & 0777))" -ne "$(($2))" ] || exit 0
	echo "it is a link, and what it leads to has another mode than $2: that is not changed" >&2
	exit 1
fi
`

// openScript adds the wanted bits to a file's mode and takes none away.
const openScript = linkScript + `[ -f "$1" ]
chmod "$2" "$1"`

// secret fills a secret file that is missing or blank, or opens its mode.
func (e *Engine) secret(ctx context.Context, op plan.WriteSecret) error {
	switch op.Source {
	case plan.FromRandom:
		_, err := e.runRoot(ctx, remote.Command{Name: "make " + op.Path, Script: tokenScript, Args: []string{op.Path, octal(op.Mode), e.tempPrefix(op.Path)}})
		return err
	case plan.FromItself:
		_, err := e.runRoot(ctx, remote.Command{Name: "open " + op.Path, Script: openScript, Args: []string{op.Path, octal(op.Mode)}})
		return err
	}
	now, err := e.Host.ReadFile(ctx, op.Path, maxFile)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return err
	}
	if !missing && !isBlank(now.Data) {
		return nil
	}
	body, err := e.secretContent(ctx, op)
	if err != nil {
		return err
	}
	opt := remote.WriteOptions{Mode: op.Mode, UID: -1, GID: -1, Owner: e.Plan.ID}
	if !missing {
		opt.UID, opt.GID, opt.ExpectSHA256 = now.UID, now.GID, now.SHA256
	}
	return e.Host.WriteFile(ctx, op.Path, body, opt)
}

func isBlank(data []byte) bool {
	for _, b := range data {
		if b != ' ' && b != '\t' && b != '\r' && b != '\n' {
			return false
		}
	}
	return true
}

// removeSecret reverts what secret did. A token in use goes with the updater
// that used it; content that was there before was never replaced.
func (e *Engine) removeSecret(ctx context.Context, op plan.RemoveSecret) error {
	if op.Source == plan.FromItself {
		_, err := e.runRoot(ctx, remote.Command{Name: "close " + op.Path, Script: openScript, Args: []string{op.Path, octal(op.Prior.Mode)}})
		return err
	}
	if op.Prior.Missing {
		script := `rm -f -- "$1"`
		if op.Source == plan.FromNothing {
			script = `[ -s "$1" ] || ` + script // what is in it, the client has put there since
		}
		_, err := e.runRoot(ctx, remote.Command{Name: "remove " + op.Path, Script: script, Args: []string{op.Path}})
		return err
	}
	// What was there was blank: its copy in the backup has the same bytes,
	// owner and mode; without a copy it was a placeholder of no bytes.
	_, err := e.runRoot(ctx, remote.Command{
		Name: "empty " + op.Path, Script: blankScript,
		Args: []string{op.Path, op.Copy, octal(op.Prior.Mode), fmt.Sprintf("%d:%d", op.Prior.UID, op.Prior.GID), e.tempPrefix(op.Path)},
	})
	return err
}

// blankScript puts a placeholder back.
//
//	$1 file  $2 its copy, or ""  $3 mode  $4 owner  $5 beginning of a temporary file's name
const blankScript = `set -eu
umask 077
t=$(mktemp "$5XXXXXX")
trap 'rm -f "$t"' EXIT
if [ -n "$2" ]; then cat "$2" >"$t"; fi
chown "$4" "$t"
chmod "$3" "$t"
sync
mv -f "$t" "$1"
trap - EXIT
`
