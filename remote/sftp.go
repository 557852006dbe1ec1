package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/pkg/sftp"
)

// errNoSFTP means that the host has no sftp-server to start; files then travel
// over scripts.
var errNoSFTP = errors.New("no sftp-server on the host")

// sftpScript becomes the host's sftp-server. Its place differs between
// distributions; where the usual ones fail, sshd's configuration knows.
const sftpScript = `for f in /usr/lib/openssh/sftp-server /usr/libexec/openssh/sftp-server \
	/usr/lib/ssh/sftp-server /usr/libexec/sftp-server /usr/lib/sftp-server \
	/usr/local/libexec/sftp-server /usr/libexec/ssh/sftp-server \
	$(sed -n 's/^[[:space:]]*[Ss]ubsystem[[:space:]]\{1,\}sftp[[:space:]]\{1,\}\([^[:space:]]*\).*/\1/p' \
		/etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf 2>/dev/null)
do
	if [ -f "$f" ] && [ -x "$f" ]; then exec "$f"; fi
done
exit 43
`

const (
	// sftpLife bounds a session by the longest evening.
	sftpLife = 12 * time.Hour
	// fileTimeout bounds one operation on a file of configuration size.
	fileTimeout = 60 * time.Second
)

// An sftpSession is an sftp-server under the same wrapper, and thus the same
// sudo, as every command: its packets are the command's input and output.
type sftpSession struct {
	client *sftp.Client
	in     *io.PipeWriter
	out    *io.PipeReader
	end    context.CancelFunc
	ended  chan struct{}
	limit  time.Duration // of one operation
}

// session returns the living session, starting one when there is none. The
// caller holds Client.files.
func (c *Client) session(ctx context.Context) (*sftpSession, error) {
	switch {
	case c.noSFTP:
		return nil, errNoSFTP
	case c.sftp != nil && c.sftp.alive():
		return c.sftp, nil
	}
	var err error
	c.sftp, err = c.startSFTP(ctx)
	c.noSFTP = errors.Is(err, errNoSFTP)
	return c.sftp, err
}

func (c *Client) startSFTP(ctx context.Context) (*sftpSession, error) {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	// The session outlives the operation that has started it, not the
	// connection. Its start is part of that operation and bounded as the rest is.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	ctx, cancel := context.WithTimeout(ctx, c.fileTimeout)
	defer cancel()
	s := &sftpSession{in: inW, out: outR, end: end, ended: make(chan struct{}), limit: c.fileTimeout}
	var runErr error
	c.tasks.Go(func() {
		defer close(s.ended)
		defer end()
		_, runErr = c.runAnywhere(life, Command{
			Name: "start sftp-server", Script: sftpScript, Root: true,
			Stdin: inR, Stdout: outW, Timeout: sftpLife, MaxStderr: maxPreamble, live: true,
		})
		inR.CloseWithError(io.ErrClosedPipe)
		outW.CloseWithError(io.ErrUnexpectedEOF)
	})
	stop := context.AfterFunc(ctx, s.close)
	defer stop()
	client, err := sftp.NewClientPipe(outR, inW, sftp.UseConcurrentReads(false))
	if err != nil {
		s.close()
		<-s.ended
		return nil, startError(ctx, runErr, err)
	}
	s.client = client
	// A library that has stopped listening, at an answer to nobody's question,
	// would leave the server's next word in the pipe, and a reader of it waiting.
	c.tasks.Go(func() {
		_ = client.Wait()
		s.close()
	})
	return s, nil
}

// startError says why there is no session. Nothing of the operation itself has
// happened by then.
func startError(ctx context.Context, runErr, err error) error {
	var exit *ExitError
	switch {
	case errors.As(runErr, &exit) && exit.Code == exitNoSFTP:
		return errNoSFTP
	case ctx.Err() != nil:
		return fmt.Errorf("start sftp-server: %w: %w", ErrNotStarted, context.Cause(ctx))
	case errors.Is(runErr, ErrNotStarted):
		return runErr
	}
	return fmt.Errorf("start sftp-server: %w: %w", ErrNotStarted, brief(err))
}

func (s *sftpSession) alive() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

func (s *sftpSession) close() {
	s.end()
	s.in.CloseWithError(io.ErrClosedPipe)
	s.out.CloseWithError(io.ErrClosedPipe)
}

// withTimeout bounds an operation: the library knows no deadlines, so the session
// ends with the operation's time.
func (s *sftpSession) withTimeout(ctx context.Context, op func() error) error {
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	stop := context.AfterFunc(ctx, s.close)
	defer stop()
	err := brief(op())
	if err != nil && ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), err)
	}
	return err
}

// read reads a whole file of at most limit bytes. The caller knows its real
// path; that a server may answer a read with less than was asked for is why
// the library's own copying is not used (pkg/sftp issue 658).
func (s *sftpSession) read(ctx context.Context, name string, limit int64) (data []byte, err error) {
	err = s.withTimeout(ctx, func() error {
		f, err := s.client.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		buf := make([]byte, 32<<10)
		for {
			n, err := f.ReadAt(buf, int64(len(data)))
			data = append(data, buf[:n]...)
			switch {
			case int64(len(data)) > limit:
				return &TooLargeError{Size: int64(len(data)), Limit: limit}
			case n == 0 && errors.Is(err, io.EOF):
				return nil
			case n == 0 && err != nil:
				return err
			case n == 0:
				return io.ErrNoProgress
			}
		}
	})
	switch {
	case err == nil:
		return data, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, ErrNotStarted):
		return nil, err
	}
	return nil, fmt.Errorf("%w: %w", ErrNotStarted, err) // reading changes nothing
}

// isAnswer reports whether an error is the server's answer. Any other may hide
// a request that was carried out.
func isAnswer(err error) bool {
	var status *sftp.StatusError
	return errors.As(err, &status) || errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrExist)
}
