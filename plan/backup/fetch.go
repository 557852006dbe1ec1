package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"liftalot/remote"
)

// A source is a file on a host, read over one or more connections at once. Each
// connection has one command that sends every n-th piece, so that a long line is
// kept full without a question per piece; the pieces are put together in their
// order, so that memory does not grow with the file. Over exec channels, never
// by SFTP, which can end early without an error.
type source struct {
	hosts []Runner // one per connection
	path  string
	size  int64
	tell  func(done int64)                    // nil for silence
	pause time.Duration                       // after a break, see overBreaks
	wrap  func(remote.Command) remote.Command // where the file is to be read; nil means on the host itself
}

// piece is how much travels, and is asked for again after a break, as a whole.
// One of it and a channel's window of 2 MiB are in memory for each connection: the
// window fills while the piece waits for its turn.
const piece = 1 << 20

// maxBroken is how many breaks one after the other, without a whole piece in
// between, a transfer bears: about three minutes.
const maxBroken = 10

// overBreaks is how a transfer is tried again; a first pause of 0 means 2 seconds.
func overBreaks(pause time.Duration) remote.Retry {
	return remote.Retry{Breaks: maxBroken, Pause: cmp.Or(pause, 2*time.Second), Longest: 30 * time.Second}
}

// transferTime is for a command that moves so many bytes: a fixed part, and one
// for the slowest line.
func transferTime(n int64) time.Duration {
	const slowest = 64 << 10 // bytes a second
	return 2*time.Minute + time.Duration(n/slowest)*time.Second
}

// rangeScript sends every $4-th piece of a file from the $3-rd on.
//
//	$1 file  $2 bytes of a piece  $3 first piece  $4 step  $5 pieces in all
const rangeScript = `set -eu
if [ "$4" -eq 1 ]; then
	tail -c "+$(($3 * $2 + 1))" "$1"
	exit 0
fi
i=$3
while [ "$i" -lt "$5" ]; do
	dd if="$1" bs="$2" skip="$i" count=1 2>/dev/null
	i=$((i + $4))
done`

// copy writes the whole file to w, in order.
func (s source) copy(ctx context.Context, w io.Writer) error {
	pieces := int((s.size + piece - 1) / piece)
	n := max(1, min(len(s.hosts), pieces/2))
	g, ctx := errgroup.WithContext(ctx)
	lanes := make([]*stripe, n)
	for k := range lanes {
		l := &stripe{source: s, host: s.hosts[k], next: k, step: n, pieces: pieces, full: make(chan []byte), free: make(chan []byte, 2)}
		l.free <- []byte{} // grown when it is used; nil means there is none
		if n == 1 {
			l.free <- []byte{} // a lane among others waits for its turn anyway
		}
		lanes[k] = l
		g.Go(func() error { return l.run(ctx) })
	}
	g.Go(func() error {
		var done int64
		for i := range pieces {
			l := lanes[i%n]
			select {
			case b := <-l.full:
				if _, err := w.Write(b); err != nil {
					return err
				}
				done += int64(len(b))
				l.free <- b
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if s.tell != nil {
				s.tell(done)
			}
		}
		return nil
	})
	return g.Wait()
}

// A stripe is one connection's share of a file.
type stripe struct {
	source
	host   Runner
	next   int // the piece that comes next
	step   int
	pieces int
	full   chan []byte
	free   chan []byte
	cur    []byte // the piece under way
}

// run sends pieces until the share is done, over breaks of the line.
func (l *stripe) run(ctx context.Context) error {
	return overBreaks(l.pause).Do(ctx, func() (further bool, err error) {
		for l.next < l.pieces && err == nil {
			before := l.next
			err = l.command(ctx)
			further = further || l.next > before
			if err == nil && l.next == before {
				err = fmt.Errorf("%s ended before its %d bytes", path.Base(l.path), l.size)
			}
		}
		return further, err
	})
}

// command asks for what is left of the share. What arrived of a piece that is
// not whole is dropped.
func (l *stripe) command(ctx context.Context) error {
	if l.cur == nil {
		select {
		case l.cur = <-l.free:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	l.cur = l.cur[:0]
	cmd := remote.Command{
		Name: "pull " + path.Base(l.path), Script: rangeScript, Root: true, Stdout: writer(func(p []byte) error { return l.split(ctx, p) }),
		Args:    []string{l.path, strconv.Itoa(piece), strconv.Itoa(l.next), strconv.Itoa(l.step), strconv.Itoa(l.pieces)},
		Timeout: transferTime(l.size),
	}
	if l.wrap != nil {
		cmd = l.wrap(cmd)
	}
	_, err := l.host.Run(ctx, cmd)
	return err
}

// writer makes a function an io.Writer.
type writer func(p []byte) error

func (w writer) Write(p []byte) (int, error) {
	if err := w(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// split cuts what arrives into pieces and hands on those that are whole.
func (l *stripe) split(ctx context.Context, p []byte) error {
	for len(p) > 0 {
		if l.next >= l.pieces {
			return errors.New("more arrived than the host announced")
		}
		if l.cur == nil {
			select {
			case l.cur = <-l.free:
				l.cur = l.cur[:0]
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		want := int(min(piece, l.size-int64(l.next)*piece))
		if cap(l.cur) < want {
			l.cur = make([]byte, 0, want)
		}
		n := min(want-len(l.cur), len(p))
		l.cur, p = append(l.cur, p[:n]...), p[n:]
		if len(l.cur) < want {
			continue
		}
		select {
		case l.full <- l.cur:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		l.cur = nil
		l.next += l.step
	}
	return nil
}
