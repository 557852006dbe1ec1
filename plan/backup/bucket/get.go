package bucket

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Get writes an object of so many bytes to w. After a break it goes on where it
// was, so that w gets each byte once; that they are the right ones is for the
// caller to find out. An object of another length is an error.
func (b *Bucket) Get(ctx context.Context, key string, size int64, w io.Writer) error {
	var done int64
	c := call{op: "get", method: http.MethodGet, key: key, from: &done}
	c.answer = func(resp *http.Response) error {
		if done > 0 && (resp.StatusCode != http.StatusPartialContent || !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", done))) {
			return c.foreign()
		}
		if said := resp.ContentLength; said >= 0 && said != size-done {
			return &Error{Op: c.op, Key: key, Err: fmt.Errorf("%w: it has %d bytes and not the %d it should have", errLength, done+said, size)}
		}
		out := errWriter{w: w}
		n, err := io.Copy(&out, io.LimitReader(resp.Body, size-done))
		done += n
		switch {
		case out.err != nil:
			return out.err
		case err == nil && done < size:
			return &Error{Op: c.op, Key: key, Err: io.ErrUnexpectedEOF}
		}
		return err
	}
	return b.do(ctx, c)
}

// An errWriter remembers that its writer refused: that is not the line's doing.
type errWriter struct {
	w   io.Writer
	err error
}

func (w *errWriter) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.err = err
	return n, err
}

// Bounds of a list.
const (
	maxPage  = 4 << 20 // a thousand of the longest names
	maxPages = 10_000
	// maxFolders is how many a folder may have; they are held in memory.
	maxFolders = 20_000
)

// List tells of the objects below a folder: the name below it, the size, and when
// it was changed by the store's clock.
func (b *Bucket) List(ctx context.Context, folder string, each func(name string, size int64, changed time.Time) error) error {
	return b.pages(ctx, folder, "", func(p *page) error {
		for _, o := range p.Contents {
			name, ok := strings.CutPrefix(p.name(o.Key), b.full(folder)+"/")
			if !ok || o.Size < 0 {
				return &Error{Op: "list " + folder, Err: errForeign}
			}
			if err := each(name, o.Size, o.LastModified); err != nil {
				return err
			}
		}
		return nil
	})
}

// Folders names what a folder has folders of.
func (b *Bucket) Folders(ctx context.Context, folder string) (names []string, err error) {
	err = b.pages(ctx, folder, "/", func(p *page) error {
		for _, f := range p.CommonPrefixes {
			key, ok := strings.CutPrefix(p.name(f.Prefix), b.full(folder)+"/")
			if !ok {
				return &Error{Op: "list " + folder, Err: errForeign}
			}
			names = append(names, strings.TrimSuffix(key, "/"))
		}
		if len(names) > maxFolders {
			return fmt.Errorf("list %s: there is more than can be read", folder)
		}
		return nil
	})
	return names, err
}

// A page is a part of a list.
type page struct {
	XMLName      xml.Name `xml:"ListBucketResult"`
	EncodingType string
	IsTruncated  bool
	NextToken    string `xml:"NextContinuationToken"`
	Contents     []struct {
		Key          string
		Size         int64
		LastModified time.Time
	}
	CommonPrefixes []struct{ Prefix string }
}

// name undoes the encoding that was asked for, so that names of any bytes fit into
// XML; not every store knows it. What cannot be undone is below no folder of ours.
func (p *page) name(text string) string {
	if p.EncodingType != "url" {
		return text
	}
	name, err := url.QueryUnescape(text)
	if err != nil {
		return ""
	}
	return name
}

func (b *Bucket) pages(ctx context.Context, folder, delimiter string, each func(*page) error) error {
	query := url.Values{"list-type": {"2"}, "prefix": {b.full(folder) + "/"}, "encoding-type": {"url"}}
	if delimiter != "" {
		query.Set("delimiter", delimiter)
	}
	for range maxPages {
		var p page
		c := call{op: "list " + folder, method: http.MethodGet, query: query}
		c.answer = func(resp *http.Response) error {
			p = page{}
			return c.document(resp, maxPage, &p)
		}
		if err := b.do(ctx, c); err != nil {
			return err
		}
		if err := each(&p); err != nil {
			return err
		}
		if !p.IsTruncated {
			return nil
		}
		if p.NextToken == "" || p.NextToken == query.Get("continuation-token") {
			return c.foreign()
		}
		query.Set("continuation-token", p.NextToken)
	}
	return fmt.Errorf("list %s: there is more than can be read", folder)
}
