package backup

import "io"

// A asyncWriter writes what it is given a little later, on a goroutine of its own, so that
// one core encrypts while another one hashes and writes. What fits into one stride is
// written by Close, without a goroutine.
type asyncWriter struct {
	to   io.Writer
	cur  []byte
	full chan []byte   // nil until the first stride is full
	free chan []byte   // strides that have been written
	done chan struct{} // closed when nothing will be written any more
	err  error         // why; to be read when done is closed
}

// stride is how much is handed over at once; two of them are in memory.
const stride = 256 << 10

func (b *asyncWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		k := min(len(p), stride-len(b.cur))
		b.cur, p = append(b.cur, p[:k]...), p[k:]
		if len(b.cur) < stride {
			break
		}
		if err := b.handOver(); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// handOver gives the stride away and takes another one.
func (b *asyncWriter) handOver() error {
	if b.full == nil {
		b.full, b.free, b.done = make(chan []byte), make(chan []byte, 2), make(chan struct{})
		b.free <- make([]byte, 0, stride)
		go b.run()
	}
	select {
	case b.full <- b.cur:
		b.cur = nil
	case <-b.done:
		return b.err
	}
	select {
	case b.cur = <-b.free:
		return nil
	case <-b.done:
		return b.err
	}
}

func (b *asyncWriter) run() {
	defer close(b.done)
	for p := range b.full {
		if _, b.err = b.to.Write(p); b.err != nil {
			return
		}
		b.free <- p[:0]
	}
}

// Close writes the rest. It is called once, whatever has failed before: nothing is
// written after it.
func (b *asyncWriter) Close() error {
	if b.full == nil {
		_, err := b.to.Write(b.cur)
		return err
	}
	var err error
	if len(b.cur) > 0 {
		err = b.handOver()
	}
	close(b.full)
	<-b.done
	if err == nil {
		err = b.err
	}
	return err
}
