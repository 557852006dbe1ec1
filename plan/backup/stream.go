package backup

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"

	"filippo.io/age"

	"liftalot/remote"
)

// streamScript dumps without a file on the host. The size and hash of what was
// sent are taken on the host too, by a reader of its own, and pg_dump's status
// is written down: a pipe would hide it.
//
//	$1 folder  $2 container  $3 user  $4 database
const streamScript = `set -eu
rm -f "$1/pipe" "$1/streamed" "$1/status"
mkfifo "$1/pipe"
date +%s >"$1/at"
{ sha256sum <"$1/pipe" | cut -d' ' -f1 >"$1/streamed"; } &
{ docker exec "$2" pg_dump -U "$3" -Fc --lock-wait-timeout=30000 "$4" </dev/null && echo 0 >"$1/status"; } | tee "$1/pipe"
wait
rm -f "$1/pipe"
[ "$(cat "$1/status" 2>/dev/null)" = 0 ]
`

// streamedScript says what streamScript saw.
const streamedScript = `printf '%s %s %s\n' "$(cat "$1/at")" "$(cat "$1/streamed")" "$(date +%s)"`

var streamed = regexp.MustCompile(`^([0-9]{1,12}) ([0-9a-f]{64}) ([0-9]{1,12})\n$`)

// stream takes the dump straight off the host. A line that breaks ends it: what
// was sent cannot be sent again.
func (t *Creator) stream(ctx context.Context, req Request, root *os.Root, to []age.Recipient, m *Manifest) error {
	t.tell(Event{Stage: "stream the dump: the host lacks the room for it"})
	f, err := encrypt(root, Dump, to, func(w io.Writer) error { return t.dump(ctx, req, w) })
	if err := t.pullError(Dump, err); err != nil {
		return err
	}
	res, err := t.Host.Run(ctx, remote.Command{Name: "read what was streamed", Script: streamedScript, Root: true, Args: []string{req.Dir}})
	if err := t.pullError(Dump, err); err != nil {
		return err
	}
	said := streamed.FindStringSubmatch(string(res.Stdout))
	if said == nil || said[2] != f.SHA256 {
		return t.unproven("the dump that arrived is not the one that was sent", nil)
	}
	at, known := readClock(string(said[1]))
	now, also := readClock(string(said[3]))
	if !known || !also {
		return t.unproven(errClock.Error(), nil)
	}
	m.Taken, m.HostClock = dumpTime(timeOfID(req.ID), t.now(), at, now), at
	m.Files = append(m.Files, f)
	return nil
}

// dump has the host send its dump. An error of w is not the line's, though the
// command that it ends says so.
func (t *Creator) dump(ctx context.Context, req Request, w io.Writer) error {
	var done int64
	var here error
	res, err := t.Host.Run(ctx, remote.Command{
		Name: "stream the dump", Script: streamScript, Root: true, Timeout: req.TimeLimit(),
		Args: []string{req.Dir, req.Container, req.User, req.Database},
		Stdout: writer(func(p []byte) error {
			if _, here = w.Write(p); here != nil {
				return here
			}
			done += int64(len(p))
			t.tell(Event{Done: done})
			return nil
		}),
	})
	switch {
	case here != nil:
		return here
	case err != nil && !remote.Unanswered(err) && len(res.Stderr) > 0:
		return fmt.Errorf("%s: %w", lastLine(res.Stderr), err)
	}
	return err
}
