package backup

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestBehindWritesAllOfItInOrder(t *testing.T) {
	for _, size := range []int{0, 1, stride - 1, stride, stride + 1, 3 * stride, 3*stride + 7} {
		for _, at := range []int{1 << 10, stride, 2*stride + 5} {
			data := make([]byte, size)
			for i := range data {
				data[i] = byte(i * 31 >> 3)
			}
			var got bytes.Buffer
			b := &asyncWriter{to: &got}
			for rest := data; len(rest) > 0; {
				n := min(at, len(rest))
				if m, err := b.Write(rest[:n]); m != n || err != nil {
					t.Fatalf("%d bytes, %d at a time: wrote %d, %v", size, at, m, err)
				}
				rest = rest[n:]
			}
			if err := b.Close(); err != nil || !bytes.Equal(got.Bytes(), data) {
				t.Fatalf("%d bytes, %d at a time: %d arrived, %v", size, at, got.Len(), err)
			}
		}
	}
}

// An error of the disk reaches the one who writes, or Close; never nobody.
func TestBehindTellsWhatFailed(t *testing.T) {
	full := errors.New("no space")
	for fails := range 4 {
		b := &asyncWriter{to: writer(func([]byte) error {
			if fails--; fails < 0 {
				return full
			}
			return nil
		})}
		_, err := io.Copy(b, bytes.NewReader(make([]byte, 3*stride+1)))
		if err = errors.Join(err, b.Close()); !errors.Is(err, full) {
			t.Errorf("got %v", err)
		}
	}
}
