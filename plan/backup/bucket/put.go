package bucket

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// partSize is what travels, and is sent again after a break, as a whole.
	// Smaller than 5 MiB a part may not be.
	partSize = 16 << 20
	// maxParts is how many an object may have.
	maxParts = 10_000
	// lanes is how many parts travel at a time: one connection does not fill a
	// long line.
	lanes = 3
	// abortTime is for telling the store to forget the parts of what failed.
	abortTime = 10 * time.Second
)

// Put sends an object, all of it or nothing. Tell hears of bytes that were sent,
// and with a negative number of those that have to be sent again; it may be called
// by several goroutines.
func (b *Bucket) Put(ctx context.Context, key string, r io.ReaderAt, size int64, tell func(more int64)) error {
	if size <= partSize {
		sums, err := hash(r, size)
		if err != nil {
			return fmt.Errorf("read what becomes %s: %w", key, err)
		}
		return b.do(ctx, call{op: "put", method: http.MethodPut, key: key, body: r, size: size, sums: sums, moved: tell})
	}
	return b.inParts(ctx, key, r, size, tell)
}

// sums are the hashes of what is sent.
type sums struct {
	sha256 [sha256.Size]byte
	// md5 is what a bucket with object lock insists on; nothing relies on it.
	md5 [md5.Size]byte
}

func hash(r io.ReaderAt, size int64) (sums, error) {
	strong, weak := sha256.New(), md5.New()
	n, err := io.Copy(io.MultiWriter(strong, weak), io.NewSectionReader(r, 0, size))
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	return sums{[sha256.Size]byte(strong.Sum(nil)), [md5.Size]byte(weak.Sum(nil))}, err
}

// A part is one that has arrived.
type part struct {
	XMLName xml.Name `xml:"Part"`
	Number  int      `xml:"PartNumber"`
	ETag    string   `xml:"ETag"`
}

func (b *Bucket) inParts(ctx context.Context, key string, r io.ReaderAt, size int64, tell func(int64)) (err error) {
	id, err := b.begin(ctx, key)
	if err != nil {
		return err
	}
	upload := url.Values{"uploadId": {id}}
	defer func() {
		if err == nil {
			return
		}
		// Parts that nobody asks for cost money until somebody finds them. That
		// they could not be removed is not worth another error.
		tidy, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
		defer cancel()
		_ = b.do(tidy, call{op: "forget the parts of", method: http.MethodDelete, key: key, query: upload})
	}()
	step := max(partSize, (size+maxParts-1)/maxParts)
	parts := make([]part, (size+step-1)/step)
	g, sending := errgroup.WithContext(ctx)
	g.SetLimit(lanes)
	for i := range parts {
		if sending.Err() != nil {
			break
		}
		g.Go(func() (err error) {
			from := int64(i) * step
			parts[i], err = b.part(sending, key, id, i+1, io.NewSectionReader(r, from, min(step, size-from)), tell)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	list, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"CompleteMultipartUpload"`
		Parts   []part
	}{Parts: parts})
	if err != nil {
		return err
	}
	body := bytes.NewReader(list)
	sums, err := hash(body, body.Size())
	if err != nil {
		return err
	}
	c := call{op: "put together", method: http.MethodPost, key: key, query: upload, body: body, size: body.Size(), sums: sums}
	c.answer = func(resp *http.Response) error { return c.document(resp, maxRefusal, new(struct{})) }
	return b.do(ctx, c)
}

// begin asks for a number under which parts can be sent.
func (b *Bucket) begin(ctx context.Context, key string) (id string, err error) {
	c := call{op: "begin to put", method: http.MethodPost, key: key, query: url.Values{"uploads": {""}}}
	c.answer = func(resp *http.Response) error {
		var said struct {
			XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
			UploadID string   `xml:"UploadId"`
		}
		if err := c.document(resp, maxRefusal, &said); err != nil {
			return err
		}
		if id = said.UploadID; id == "" || len(id) > 1024 {
			return c.foreign()
		}
		return nil
	}
	return id, b.do(ctx, c)
}

// etagForm keeps out what would not survive a list in XML.
var etagForm = regexp.MustCompile(`^[!-~]{1,200}$`)

func (b *Bucket) part(ctx context.Context, key, id string, number int, r *io.SectionReader, tell func(int64)) (part, error) {
	sums, err := hash(r, r.Size())
	if err != nil {
		return part{}, fmt.Errorf("read what becomes %s: %w", key, err)
	}
	p := part{Number: number}
	c := call{
		op: "put part " + strconv.Itoa(number) + " of", method: http.MethodPut, key: key, body: r, size: r.Size(), sums: sums, moved: tell,
		query: url.Values{"uploadId": {id}, "partNumber": {strconv.Itoa(number)}},
	}
	c.answer = func(resp *http.Response) error {
		if p.ETag = resp.Header.Get("ETag"); !etagForm.MatchString(p.ETag) {
			return c.foreign()
		}
		return nil
	}
	return p, b.do(ctx, c)
}

// Remove takes an object away. That it was not there is no error.
func (b *Bucket) Remove(ctx context.Context, key string) error {
	err := b.do(ctx, call{op: "remove", method: http.MethodDelete, key: key})
	if errors.Is(err, ErrNone) {
		return nil
	}
	return err
}
