package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"filippo.io/age"

	"liftalot/remote"
)

// aroundScript says how much of a file the host has: all of it, with the right
// hash, or so many bytes of its beginning. A copy that it still has from the
// backup itself is taken.
//
//	$1 file  $2 SHA-256  $3 where a copy may be
const aroundScript = `set -eu
umask 077
mkdir -p "${1%/*}"
chmod 0700 "${1%/*}"
is() { [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$2" ]; }
if is "$1" "$2"; then echo whole; exit 0; fi
rm -f "$1"
if is "$3" "$2"; then
	cp "$3" "$1.part"
	sync
	mv "$1.part" "$1"
	echo whole
	exit 0
fi
[ -f "$1.part" ] || : >"$1.part"
wc -c <"$1.part" | tr -d ' '
`

// appendScript adds what comes to what is there, if that is as long as we think.
//
//	$1 file  $2 length so far
const appendScript = `set -eu
umask 077
if [ "$(wc -c <"$1.part" | tr -d ' ')" != "$2" ]; then
	echo "somebody else has written to it" >&2
	exit 1
fi
cat >>"$1.part"
`

// unsendScript removes what came of a file that will not be whole: the disk may be
// full, and the database writes there too.
//
//	$1 file
const unsendScript = `rm -f "$1.part"
rmdir "${1%/*}" 2>/dev/null || true
`

// settleScript gives a file its name when it is whole.
//
//	$1 file  $2 SHA-256
const settleScript = `set -eu
if [ "$(sha256sum "$1.part" | cut -d' ' -f1)" != "$2" ]; then
	echo "what is there is not what the backup has" >&2
	exit 1
fi
sync
mv "$1.part" "$1"
`

// A DumpUploader puts a file of a backup onto a host.
type DumpUploader struct {
	Host     Runner
	Manifest *Manifest
	Dir      string // of the backup
	Identity age.Identity
	Tell     func(done, total int64) // nil for silence
}

// Send writes a file of the backup on the host as to, decrypted on its way, and holds it
// against the hash of the backup there. A copy on the host is used in its place where it is
// bit for bit the same. After a break in the line the rest is sent. A part stays on the host
// only where the upload can be resumed.
func (s *DumpUploader) Send(ctx context.Context, f File, to, copied string) error {
	err := s.sendWhole(ctx, f, to, copied)
	if err == nil || ctx.Err() != nil || provesNothing(err) {
		return err
	}
	tidy, cancel := context.WithTimeout(ctx, tidyTime)
	defer cancel()
	_, uerr := s.Host.Run(tidy, remote.Command{Name: "remove the half of " + path.Base(to), Script: unsendScript, Args: []string{to}, Root: true})
	if uerr != nil {
		uerr = fmt.Errorf("half of it may still be on the host: remove %s.part: %w", to, uerr)
	}
	return errors.Join(err, uerr)
}

// sendWhole sends until the host has all of it, over breaks of the line.
func (s *DumpUploader) sendWhole(ctx context.Context, f File, to, copied string) error {
	most := int64(0)
	return overBreaks(0).Do(ctx, func() (further bool, err error) {
		have, err := s.send(ctx, f, to, copied)
		further, most = have > most, max(have, most)
		return further, err
	})
}

// send sends what the host has not. It returns how much the host had before.
func (s *DumpUploader) send(ctx context.Context, f File, to, copied string) (have int64, err error) {
	res, err := s.run(ctx, remote.Command{
		Name: "ask for " + path.Base(to), Script: aroundScript, Args: []string{to, f.SHA256, copied}, Root: true, Timeout: transferTime(f.Size),
	})
	if err != nil {
		return 0, err
	}
	answer := strings.TrimSpace(string(res.Stdout))
	if answer == "whole" {
		return f.Size, nil
	}
	if have, err = strconv.ParseInt(answer, 10, 64); err != nil || have < 0 || have > f.Size {
		return 0, fmt.Errorf("send %s: the host has something else there", f.Name)
	}
	if err := s.sendRest(ctx, f, to, have); err != nil {
		return have, err
	}
	_, err = s.run(ctx, remote.Command{
		Name: "hash " + path.Base(to), Script: settleScript, Args: []string{to, f.SHA256}, Root: true, Timeout: transferTime(f.Size),
	})
	return have, err
}

func (s *DumpUploader) sendRest(ctx context.Context, f File, to string, have int64) error {
	r, err := s.Manifest.Open(s.Dir, f, s.Identity)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := io.CopyN(io.Discard, r, have); err != nil {
		return &UnprovenError{Host: s.Manifest.Host, What: f.Name, Err: err}
	}
	done := have
	_, err = s.run(ctx, remote.Command{
		Name: "send " + path.Base(to), Script: appendScript, Args: []string{to, strconv.FormatInt(have, 10)}, Root: true, Timeout: transferTime(f.Size),
		Stdin: reader(func(p []byte) (int, error) {
			n, err := r.Read(p)
			done += int64(n)
			if s.Tell != nil {
				s.Tell(done, f.Size)
			}
			return n, err
		}),
	})
	return err
}

// run is a command whose error has the host's last words.
func (s *DumpUploader) run(ctx context.Context, cmd remote.Command) (remote.Result, error) {
	res, err := s.Host.Run(ctx, cmd)
	var exit *remote.ExitError
	if errors.As(err, &exit) && len(res.Stderr) > 0 {
		err = fmt.Errorf("%w: %s", err, lastLine(res.Stderr))
	}
	return res, err
}

// reader makes a function an io.Reader.
type reader func(p []byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }
