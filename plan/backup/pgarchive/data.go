package pgarchive

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Kinds of blocks.
const (
	blockData  = 1
	blockBlobs = 3
)

// block reads the data of one entry to their end.
func (a *archive) block(kind byte) error {
	id, err := a.number()
	if err != nil {
		return err
	}
	e := a.data[id]
	if e == nil {
		return fmt.Errorf("a block of an entry %d that has no data, or had them before", id)
	}
	delete(a.data, id)
	switch {
	case kind == blockData && e.name == "":
		return a.list(io.Discard)
	case kind == blockData:
		return a.rows(e)
	case kind == blockBlobs && e.name == "":
		return a.blobs()
	}
	return fmt.Errorf("a block of kind %d for entry %d", kind, id)
}

func (a *archive) blobs() error {
	for {
		oid, err := a.number()
		if err != nil {
			return err
		}
		if oid == 0 {
			return nil
		}
		if err := a.list(io.Discard); err != nil {
			return fmt.Errorf("large object %d: %w", oid, err)
		}
	}
}

// rows reads the data of a table: lines of COPY, and a mark that ends them.
func (a *archive) rows(e *entry) error {
	c := &copied{}
	if e.table >= 0 {
		c.table, c.row = a.Tables[e.table], a.row
	}
	if err := a.list(c); err != nil {
		return fmt.Errorf("data of table %q: %w", e.name, err)
	}
	if !c.ended {
		return fmt.Errorf("data of table %q: their closing mark is missing: %w", e.name, io.ErrUnexpectedEOF)
	}
	if e.table >= 0 {
		a.Tables[e.table].Rows = c.n
	}
	return nil
}

// list unpacks a list of chunks to w.
func (a *archive) list(w io.Writer) error {
	chunks := &chunks{a: a}
	if err := a.unpack.to(w, a.Packing, chunks); err != nil {
		return err
	}
	if !chunks.ended {
		// The compressed stream has ended, and so must the list.
		if _, err := chunks.ReadByte(); !errors.Is(err, io.EOF) || !chunks.ended {
			return errors.Join(errors.New("something follows the compressed data"), err)
		}
	}
	return nil
}

// chunks is the reader of a list of chunks. Its io.EOF is the end of the list;
// the end of the archive before that is io.ErrUnexpectedEOF.
type chunks struct {
	a     *archive
	left  int64
	any   bool
	ended bool
}

// next makes sure that there is a chunk to read from.
func (c *chunks) next() error {
	if c.ended {
		return io.EOF
	}
	if c.left > 0 {
		return nil
	}
	n, err := c.a.number()
	switch {
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	case err != nil:
		return err
	case n < 0:
		return fmt.Errorf("a chunk of %d bytes", n)
	case n == 0:
		c.ended = true
		return io.EOF
	}
	c.left, c.any = n, true
	return nil
}

func (c *chunks) Read(p []byte) (int, error) {
	if err := c.next(); err != nil {
		return 0, err
	}
	n, err := c.a.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// ReadByte keeps the decoder from reading past the end of its stream.
func (c *chunks) ReadByte() (byte, error) {
	if err := c.next(); err != nil {
		return 0, err
	}
	b, err := c.a.r.ReadByte()
	if errors.Is(err, io.EOF) {
		return 0, io.ErrUnexpectedEOF
	}
	c.left--
	return b, err
}

// An unpacker keeps its decoders from one list to the next.
type unpacker struct {
	zlib io.ReadCloser
	zstd *zstd.Decoder
	buf  []byte
}

// maxWindow is zstd's largest window at the levels pg_dump is asked for, and
// then some.
const maxWindow = 32 << 20

func (u *unpacker) to(w io.Writer, p Packing, c *chunks) error {
	if err := c.next(); err != nil { // a list without a chunk is empty, packed or not
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	}
	if u.buf == nil {
		u.buf = make([]byte, 64<<10)
	}
	r, err := u.reader(p, c)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, u.buf)
	return err
}

func (u *unpacker) reader(p Packing, c *chunks) (r io.Reader, err error) {
	switch {
	case p == Zlib && u.zlib == nil:
		u.zlib, err = zlib.NewReader(c)
		return u.zlib, err
	case p == Zlib:
		return u.zlib, u.zlib.(zlib.Resetter).Reset(c, nil)
	case p == Zstd && u.zstd == nil:
		u.zstd, err = zstd.NewReader(c, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		return u.zstd, err
	case p == Zstd:
		return u.zstd, u.zstd.Reset(c)
	}
	return c, nil
}

// copied counts the rows of a table as they come.
type copied struct {
	table Table
	row   func(Table, []byte)
	line  []byte // the beginning of the line under way
	n     int64
	ended bool
}

// closing is the line that ends the rows. A row can never look like it: COPY
// writes a backslash as two.
const closing = `\.`

func (c *copied) Write(p []byte) (int, error) {
	all := len(p)
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			c.keep(p)
			break
		}
		c.keep(p[:i])
		if err := c.end(); err != nil {
			return 0, err
		}
		p = p[i+1:]
	}
	return all, nil
}

func (c *copied) keep(p []byte) {
	c.line = append(c.line, p[:min(len(p), MaxRow-len(c.line))]...)
}

func (c *copied) end() error {
	switch {
	case c.ended && len(c.line) > 0:
		return errors.New("rows follow their closing mark")
	case c.ended:
	case string(c.line) == closing:
		c.ended = true
	default:
		c.n++
		if c.row != nil {
			c.row(c.table, c.line)
		}
	}
	c.line = c.line[:0]
	return nil
}
