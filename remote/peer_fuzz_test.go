package remote

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/pkg/sftp"
)

// FuzzSFTPPeer: whatever an sftp-server says, reading a file ends, with at most
// as many bytes as were allowed.
func FuzzSFTPPeer(f *testing.F) {
	version := "\x00\x00\x00\x05\x02\x00\x00\x00\x03"
	handle := "\x00\x00\x00\x0a\x66\x00\x00\x00\x01\x00\x00\x00\x01h"
	f.Add([]byte(version))
	f.Add([]byte(version + handle + "\x00\x00\x00\x0c\x67\x00\x00\x00\x02\x00\x00\x00\x03abc" + "\x00\x00\x00\x11\x65\x00\x00\x00\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte(version + "\xff\xff\xff\xff"))
	f.Add([]byte("\x00\x00\x00\x0d\x02\x00\x00\x00\x03\xff\xff\xff\xffx"))
	f.Add([]byte(version + handle + "\x00\x00\x00\x09\x67\x00\x00\x00\x02\xff\xff\xff\xff"))
	const limit = 64
	f.Fuzz(func(t *testing.T, says []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		outR, outW := io.Pipe()
		inR, inW := io.Pipe()
		over := make(chan struct{})
		go func() { _, _ = io.Copy(io.Discard, inR); close(over) }()
		go func() { _, _ = io.Copy(outW, bytes.NewReader(says)); outW.CloseWithError(io.ErrUnexpectedEOF) }()
		defer func() { inR.Close(); outR.Close(); <-over }()
		client, err := sftp.NewClientPipe(outR, inW, sftp.UseConcurrentReads(false))
		if err != nil {
			return
		}
		defer client.Close()
		s := &sftpSession{client: client, in: inW, out: outR, end: func() {}, ended: make(chan struct{}), limit: fileTimeout}
		data, err := s.read(ctx, "/etc/motd", limit)
		if ctx.Err() != nil {
			t.Errorf("it took %s to find out that %q is no answer", 10*time.Second, says)
		}
		if err == nil && len(data) > limit {
			t.Errorf("read %d bytes of at most %d", len(data), limit)
		}
	})
}

// FuzzSSHPeer: whatever says it is an SSH server and then leaves, nothing was
// begun on it, and the error is short.
func FuzzSSHPeer(f *testing.F) {
	f.Add([]byte("SSH-2.0-x\r\n"))
	f.Add([]byte("welcome\r\nSSH-2.0-x\r\n\x00\x00\x00\x0c\x0a\x14" + "0123456789"))
	f.Add([]byte("SSH-2.0-x\r\n\xff\xff\xff\xff"))
	f.Add([]byte("SSH-2.0-x\r\n\x00\x00\x00\x1c\x04\x01\x00\x00\x00\x02\x00\x00\x00\x05\x1b[2Jx\x00\x00\x00\x00aaaaaaaa"))
	f.Fuzz(func(t *testing.T, says []byte) {
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			go func() { _, _ = io.Copy(io.Discard, far) }()
			_, _ = far.Write(says)
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		l := &link{authTimeout: authTimeout, leave: func() {}}
		defer l.close()
		defer near.Close()
		hop := Config{Name: "web1", Address: "192.0.2.1", User: "root"}.withDefaults()
		check, err := newHostKeyCheck(hop)
		if err != nil {
			t.Fatal(err)
		}
		err = l.greet(ctx, newKexPeek(near, ciphers()), hop, check)
		if !errors.Is(err, ErrNotStarted) || len(err.Error()) > 2*maxReason {
			t.Errorf("%q: %v", says, err)
		}
	})
}
