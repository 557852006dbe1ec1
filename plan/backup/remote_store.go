package backup

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Objects keep what a backup is made of in a bucket; a [bucket.Bucket] is one. Get
// writes exactly size bytes or gives an error, List and Folders name what is below a
// folder.
type Objects interface {
	Put(ctx context.Context, key string, r io.ReaderAt, size int64, tell func(more int64)) error
	Get(ctx context.Context, key string, size int64, w io.Writer) error
	List(ctx context.Context, folder string, each func(name string, size int64, changed time.Time) error) error
	Folders(ctx context.Context, folder string) ([]string, error)
	Remove(ctx context.Context, key string) error
}

// RemoteStore are a host's backups in a bucket, sealed as they lie here: HOST/ID/ has
// what a backup's folder has, HOST/files the contents of uploaded files.
//
// A manifest is sent last, and a folder there without one is no backup. Beside it
// lies manifest.mac: a keyed hash by which this machine knows a manifest of its own.
// Everybody can encrypt to a recipient, so that a file which opens proves nothing
// about who wrote it; see [RemoteBackup].
//
// What the bucket says is foreign: names are those of a backup or are passed over,
// sizes are bounded, a manifest is held to what a local one is.
type RemoteStore struct {
	Objects Objects
	Host    string
	Keys    Keys
	Tell    func(Event) // nil for silence

	mu sync.Mutex // of Tell
}

// A RemoteBackup is a backup in a bucket. Its Dir is empty.
type RemoteBackup struct {
	Entry
	// Authenticated says that a machine with this machine's key has sent the manifest, as
	// a backup of this host. Without it the bucket's owner may have made it up.
	Authenticated bool

	data  []byte           // the manifest as it lies there
	sizes map[string]int64 // of the objects beside it
}

const (
	// vouchFile holds the keyed hash of a manifest.
	vouchFile = "manifest.mac"
	// maxCopies bounds how many backups a bucket may list.
	maxCopies = 10_000
	// maxSealed bounds a single file, so that sums of sizes cannot overflow.
	maxSealed = 1 << 45
	// atOnce is how many small objects travel at a time.
	atOnce = 8
)

// idForm is what the folder of a backup may be called; it becomes one here.
var idForm = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,79}$`)

func isID(name string) bool { return idForm.MatchString(name) && name != storeFolder }

// isPart reports whether an object of that name belongs to a backup.
func isPart(name string) bool {
	file, sealed := strings.CutSuffix(name, suffix)
	return name == manifestFile || name == vouchFile || sealed && fileName.MatchString(file)
}

func (c *RemoteStore) key(parts ...string) string { return c.Host + "/" + strings.Join(parts, "/") }

func (c *RemoteStore) tell(e Event) {
	if c.Tell != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.Tell(e)
	}
}

func (c *RemoteStore) unproven(what string, err error) error {
	return &UnprovenError{Host: c.Host, What: what, Err: err}
}

// List returns the host's backups in the bucket, the oldest first. Like [List] it
// looks whether all of a backup is there, and reads none of it but the manifest.
func (c *RemoteStore) List(ctx context.Context) ([]RemoteBackup, error) {
	ids, _, err := c.folders(ctx)
	if err != nil {
		return nil, err
	}
	found := make([]*RemoteBackup, len(ids))
	err = forEachParallel(ctx, ids, func(ctx context.Context, i int, id string) (err error) {
		found[i], err = c.findBackup(ctx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	var list []RemoteBackup
	for _, f := range found {
		if f != nil {
			list = append(list, *f)
		}
	}
	slices.SortStableFunc(list, func(a, b RemoteBackup) int { return cmp.Or(a.Taken.Compare(b.Taken), cmp.Compare(a.ID, b.ID)) })
	return list, nil
}

// folders are the names of backups, finished or not, and whether there are contents
// of uploaded files.
func (c *RemoteStore) folders(ctx context.Context) (ids []string, contents bool, err error) {
	names, err := c.Objects.Folders(ctx, c.Host)
	if err != nil {
		return nil, false, err
	}
	contents = slices.Contains(names, storeFolder)
	names = slices.DeleteFunc(names, func(n string) bool { return !isID(n) })
	if len(names) > maxCopies {
		return nil, false, c.unproven(fmt.Sprintf("the bucket lists %d backups, more than can be", len(names)), nil)
	}
	return names, contents, nil
}

// findBackup reads what the bucket has of a backup, nil where there is no manifest.
func (c *RemoteStore) findBackup(ctx context.Context, id string) (*RemoteBackup, error) {
	sizes, _, err := c.parts(ctx, id)
	if err != nil {
		return nil, err
	}
	size, ok := sizes[manifestFile]
	if !ok {
		return nil, nil
	}
	found := &RemoteBackup{Entry: Entry{Manifest: &Manifest{ID: id}}, sizes: sizes}
	if size > maxManifest {
		found.Err = fmt.Errorf("its manifest has %d bytes, that is too many", size)
		return found, nil
	}
	if found.data, err = c.readSmall(ctx, id, manifestFile, size); err != nil {
		return nil, err
	}
	m, err := decode(found.data)
	if err != nil {
		found.Err = fmt.Errorf("read the manifest of a backup: %w", err)
		return found, nil
	}
	if found.Err = m.checkSizes(id, sizes); m.ID == id {
		found.Manifest = m
	}
	if sizes[vouchFile] == vouchSize {
		mac, err := c.readSmall(ctx, id, vouchFile, vouchSize)
		if err != nil {
			return nil, err
		}
		found.Authenticated = c.Keys.Identity != nil && hmac.Equal(mac, c.manifestMAC(id, found.data))
	}
	return found, nil
}

// parts are the objects of a backup, by name, and when the last of them came.
func (c *RemoteStore) parts(ctx context.Context, id string) (sizes map[string]int64, last time.Time, err error) {
	sizes = map[string]int64{}
	err = c.Objects.List(ctx, c.key(id), func(name string, size int64, changed time.Time) error {
		if isPart(name) {
			sizes[name] = size
		}
		if changed.After(last) {
			last = changed
		}
		return nil
	})
	return sizes, last, err
}

func (c *RemoteStore) readSmall(ctx context.Context, id, name string, size int64) ([]byte, error) {
	var b bytes.Buffer
	err := c.Objects.Get(ctx, c.key(id, name), size, &b)
	return b.Bytes(), err
}

// checkSizes reports files that the bucket lacks, or has with another length.
func (m *Manifest) checkSizes(id string, sizes map[string]int64) error {
	if m.ID != id {
		return fmt.Errorf("its manifest is that of backup %s", m.ID)
	}
	for _, f := range m.Files {
		size, ok := sizes[f.Name+suffix]
		switch {
		case !ok:
			return fmt.Errorf("%s%s is not there", f.Name, suffix)
		case size != f.Sealed || f.Sealed > maxSealed:
			return fmt.Errorf("%s%s has %d bytes, it was written with %d", f.Name, suffix, size, f.Sealed)
		}
	}
	return nil
}

// vouchSize is the length of what vouch gives.
const vouchSize = 2*sha256.Size + 1

// manifestMAC returns the hash of a manifest that only this machine's key makes. It covers host
// and id, so that a backup cannot be passed off as that of another host.
func (c *RemoteStore) manifestMAC(id string, manifest []byte) []byte {
	key := hmac.New(sha256.New, []byte(c.Keys.Identity.String()))
	io.WriteString(key, "manifests in a bucket")
	mac := hmac.New(sha256.New, key.Sum(nil))
	fmt.Fprintf(mac, "%s\n%s\n%s", c.Host, id, manifest)
	return append(hex.AppendEncode(nil, mac.Sum(nil)), '\n')
}

// contents are the objects among the contents of uploaded files, with their sizes.
func (c *RemoteStore) contents(ctx context.Context, each func(n objectName, size int64, changed time.Time) error) error {
	seen := 0
	return c.Objects.List(ctx, c.key(storeFolder), func(name string, size int64, changed time.Time) error {
		if seen++; seen > maxUploads {
			return c.unproven("the bucket lists more contents of uploaded files than can be", nil)
		}
		var n objectName
		dir, file, _ := strings.Cut(name, "/")
		if !objectFile.MatchString(file) || !strings.HasSuffix(file, suffix) || dir != file[:2] {
			return nil
		}
		if _, err := hex.Decode(n[:], []byte(file[:64])); err != nil {
			return nil
		}
		return each(n, size, changed)
	})
}

// objectKey is what a content is called in the bucket.
func (c *RemoteStore) objectKey(n objectName) string { return c.key(storeFolder, n.file()+suffix) }

// forEachParallel does something for all of a list, a few at a time, until one fails. It
// returns nil only where all of it was done.
func forEachParallel[T any](ctx context.Context, list []T, do func(ctx context.Context, i int, of T) error) error {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i, of := range list {
		if inner.Err() != nil {
			break
		}
		g.Go(func() error { return do(inner, i, of) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// stream gives an object to a reader.
func (c *RemoteStore) stream(ctx context.Context, key string, size int64, read func(io.Reader) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, w := io.Pipe()
	got := make(chan error, 1)
	go func() {
		err := c.Objects.Get(ctx, key, size, w)
		got <- err // before the reader can meet it
		w.CloseWithError(err)
	}()
	err := read(r)
	select {
	case missed := <-got: // by itself, whatever the reader has made of it
		if missed != nil {
			return missed
		}
		return err
	default:
	}
	r.CloseWithError(errUnwanted)
	cancel()
	if missed := <-got; err == nil && missed != nil && !errors.Is(missed, errUnwanted) {
		return missed
	}
	return err
}

var errUnwanted = errors.New("no longer wanted")

// A byteCounter counts bytes that travel, for the screen.
type byteCounter struct {
	copies      *RemoteStore
	mu          sync.Mutex
	done, total int64
}

func (t *byteCounter) add(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done += n
	t.copies.tell(Event{Done: t.done, Total: t.total})
}
