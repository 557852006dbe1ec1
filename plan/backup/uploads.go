package backup

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"filippo.io/age"

	"liftalot/remote"
	"liftalot/units"
)

//go:embed uploads_list.sh
var listScript string

//go:embed uploads_hash.sh
var hashScript string

//go:embed uploads_send.sh
var sendScript string

// Uploads says what a backup has of the server's uploaded files.
type Uploads struct {
	Folders []string `json:"folders"` // inside the server
	Files   int      `json:"files"`
	Bytes   int64    `json:"bytes"`
	Pulled  int64    `json:"pulled"` // bytes that were not here before
	Lost    int      `json:"lost"`   // changed or went while they were copied
	Others  int      `json:"others"` // links and the like, written down and not kept
	Note    string   `json:"note,omitempty"`
}

// large is from what size on a file travels by itself, in pieces, over as many
// connections as the line needs, and goes on in the middle after a break.
const large = 8 * piece

// uploads brings what is new among the server's files, and writes down which
// content each of them has.
func (t *Creator) uploads(ctx context.Context, req Request, dir string, root *os.Root, to []age.Recipient, m *Manifest) error {
	st, err := openStore(dir, t.Keys, to, m.Recipients)
	if err != nil {
		return t.unproven("open the store of files", err)
	}
	defer st.Close()
	u := &uploading{Creator: t, store: st, in: helperContainer{host: t.watch(), database: req.Container, server: req.Server}, root: root}
	u.before = t.formerUploads(dir)
	if err := u.listFiles(ctx, m); err != nil {
		return t.pullError("the list of files", err)
	}
	if err := u.matchFormer(ctx); err != nil {
		return t.pullError("the hashes of files", err)
	}
	// Written down already here: a new start need not hash the same files again.
	if _, err := u.write(to); err != nil {
		return t.unproven("write the list of files", err)
	}
	if err := u.fetch(ctx, dir, m); err != nil {
		return t.pullError("the files", err)
	}
	if err := st.sync(); err != nil {
		return t.unproven("flush the store of files", err)
	}
	for _, f := range u.fresh {
		if err := proveObject(st.root, f, t.Keys.Identity); err != nil {
			return t.unproven("the files", err)
		}
	}
	if err := u.checkStored(m.Uploads); err != nil {
		return t.unproven("the files", err)
	}
	f, err := u.write(to)
	if err != nil {
		return t.unproven("write the list of files", err)
	}
	m.Files = append(m.Files, f)
	return nil
}

// uploading is a backup's files under way.
type uploading struct {
	*Creator
	store  *store
	in     helperContainer
	root   *os.Root
	before map[string]Upload // by path, as they were last seen
	list   []Upload
	fresh  []*Upload // whose content came now
}

// formerUploads is what is known of the files from the newest sound backup, and from an
// earlier start of this one. That neither can be read is no error: then all of it
// is hashed again.
func (t *Creator) formerUploads(dir string) map[string]Upload {
	known := map[string]Upload{}
	note := func(dir string) {
		_ = readUploads(dir, t.Keys.Identity, func(u *Upload) error {
			if u.Kind == isFile {
				known[u.Path] = *u
			}
			return nil
		})
	}
	list, err := List(filepath.Dir(dir))
	if err != nil {
		return known
	}
	for _, e := range slices.Backward(list) {
		if e.Err == nil && e.Uploads != nil {
			note(e.Dir)
			break
		}
	}
	note(dir)
	return known
}

// listFiles lists the files on the host.
func (u *uploading) listFiles(ctx context.Context, m *Manifest) error {
	u.tell(Event{Stage: "list the uploaded files"})
	folders, err := u.in.folders(ctx)
	if err != nil {
		return err
	}
	m.Uploads = &Uploads{Folders: folders}
	if len(folders) == 0 {
		m.Uploads.Note = "the server has no volume and no folder it may write to"
		return nil
	}
	return overBreaks(u.pause).Do(ctx, func() (bool, error) {
		u.list, m.Uploads.Note, err = u.in.list(ctx, listScript, folders)
		return false, err
	})
}

// matchFormer finds out which content each file has: from the last backup where it
// has not been touched since, else by hashing it on the host.
func (u *uploading) matchFormer(ctx context.Context) error {
	var todo []*Upload
	var total int64
	for k := range u.list {
		f := &u.list[k]
		if f.Kind != isFile {
			continue
		}
		if was, ok := u.before[f.Path]; ok && f.same(&was) {
			f.Sum = was.Sum
			continue
		}
		todo = append(todo, f)
		total += f.Size
	}
	if len(todo) > 0 {
		u.tell(Event{Stage: fmt.Sprintf("hash %d uploaded files, %s", len(todo), units.Bytes(total))})
		var done int64
		if err := u.hash(ctx, todo, func(more int64) { done += more; u.tell(Event{Done: done, Total: total}) }); err != nil {
			return err
		}
	}
	for k := range u.list {
		if f := &u.list[k]; f.Kind == isFile {
			f.Object = u.store.name(f.Sum)
			f.Sealed = u.store.has(f.Object)
		}
	}
	return nil
}

// hash has files hashed, over breaks of the line.
func (u *uploading) hash(ctx context.Context, files []*Upload, tell func(more int64)) error {
	return overBreaks(u.pause).Do(ctx, func() (bool, error) {
		if len(files) == 0 {
			return false, nil
		}
		n, err := u.in.hash(ctx, hashScript, files, tell)
		files = files[n:]
		return n > 0, err
	})
}

// write writes the listing beside the dump.
func (u *uploading) write(to []age.Recipient) (File, error) {
	return encrypt(u.root, listing, to, func(w io.Writer) error { return writeListing(w, u.list) })
}

// missingContents are the contents that are not here, each once.
func (u *uploading) missingContents() []*Upload {
	var want []*Upload
	asked := map[objectName]bool{}
	for k := range u.list {
		f := &u.list[k]
		if f.Kind != isFile || asked[f.Object] {
			continue
		}
		was, known := u.before[f.Path]
		// An object that is not as long as it was written is as good as none.
		if f.Sealed > 0 && (!known || was.Object != f.Object || was.Sealed == 0 || was.Sealed == f.Sealed) {
			continue
		}
		asked[f.Object] = true
		if known && was.Object != f.Object && u.store.adopt(f, &was) {
			continue
		}
		want = append(want, f)
	}
	return want
}

// fetch pulls the contents that are not here.
func (u *uploading) fetch(ctx context.Context, dir string, m *Manifest) error {
	want := u.missingContents()
	var total int64
	for _, f := range want {
		total += f.Size
	}
	const perObject = 4 << 10 // a header, and the rest of a block
	if err := u.requireSpace(dir, total+int64(len(want))*perObject); err != nil {
		return err
	}
	if len(want) > 0 {
		u.tell(Event{Stage: fmt.Sprintf("pull %d new contents of uploaded files, %s", len(want), units.Bytes(total))})
	}
	p := &fetching{uploading: u, total: total}
	small, big := split(want)
	if err := p.pullSmall(ctx, small); err != nil {
		return err
	}
	if err := p.pullBig(ctx, big); err != nil {
		return err
	}
	m.Uploads.Pulled = p.done
	return u.rehash(ctx, p.other)
}

func split(want []*Upload) (small, big []*Upload) {
	for _, f := range want {
		if f.Size < large {
			small = append(small, f)
		} else {
			big = append(big, f)
		}
	}
	return small, big
}

// fetching counts what has come.
type fetching struct {
	*uploading
	done, total int64
	other       []*Upload // arrived as something else than was hashed
}

// storeContent puts one content into the store; one that is something else is noted.
func (p *fetching) storeContent(f *Upload, r io.Reader) error {
	err := p.store.put(f, r)
	switch {
	case errors.Is(err, errOther):
		p.other = append(p.other, f)
	case err != nil:
		return err
	default:
		p.fresh = append(p.fresh, f)
		p.done += f.Size
	}
	return nil
}

// pullSmall pulls many files by one command. After a break it resumes the first
// that did not arrive whole.
func (p *fetching) pullSmall(ctx context.Context, want []*Upload) error {
	next := 0
	return overBreaks(p.pause).Do(ctx, func() (bool, error) {
		begun := next
		if next == len(want) {
			return false, nil
		}
		var left int64
		for _, f := range want[next:] {
			left += f.Size
		}
		cmd := remote.Command{
			Name: "pull the files", Script: sendScript, Timeout: transferTime(left) + time.Duration(len(want)-next)*time.Second/10,
			Stdin: names(want[next:], func(b *bytes.Buffer, f *Upload) {
				b.WriteString(strconv.FormatInt(f.Size, 10))
				b.WriteByte(0)
				b.WriteString(f.Path)
			}),
		}
		err := p.in.read(ctx, cmd, func(r *bufio.Reader) error {
			for ; next < len(want); next++ {
				// A content that is not what was hashed has been read to its
				// announced length too: the next one begins behind it.
				if err := p.storeContent(want[next], r); err != nil {
					return err
				}
				p.tell(Event{Done: p.done, Total: p.total})
			}
			return nil
		})
		return next > begun, err
	})
}

// pullBig pulls files one after the other, each over all connections.
func (p *fetching) pullBig(ctx context.Context, want []*Upload) error {
	if len(want) == 0 {
		return nil
	}
	hosts, hangUp, err := p.connections(ctx, p.total)
	if err != nil {
		return err
	}
	defer hangUp()
	for _, f := range want {
		if err := p.pullOne(ctx, hosts, f); err != nil {
			return err
		}
	}
	return nil
}

func (p *fetching) pullOne(ctx context.Context, hosts []Runner, f *Upload) error {
	r, w := io.Pipe()
	ended := make(chan error, 1)
	before := p.done // the last word of it may come when p.done has moved on
	go func() {
		err := source{hosts: hosts, path: f.Path, size: f.Size, pause: p.pause, wrap: p.in.command, tell: func(n int64) {
			p.tell(Event{Done: before + n, Total: p.total})
		}}.copy(ctx, w)
		w.CloseWithError(err)
		ended <- err
	}()
	err := p.storeContent(f, r)
	r.CloseWithError(errUnwanted)
	switch sent := <-ended; {
	case err == nil || sent == nil || errors.Is(sent, errUnwanted):
		return err
	case provesNothing(sent):
		return sent // the reader may have taken it for the end; see inside.read
	case errors.Is(err, sent):
		// It went, or became shorter or longer, or something worse: the host is asked.
		p.other = append(p.other, f)
		return nil
	}
	return err
}

// rehash has files hashed again that arrived as something else than they were: one
// that has changed is lost to this backup, and the others stand against it.
func (u *uploading) rehash(ctx context.Context, files []*Upload) error {
	if len(files) == 0 {
		return nil
	}
	again := make([]*Upload, len(files))
	for k, f := range files {
		c := *f
		again[k] = &c
	}
	if err := u.hash(ctx, again, func(int64) {}); err != nil {
		return err
	}
	lost := map[objectName]bool{}
	for k, f := range files {
		if again[k].Kind == isFile && again[k].Sum == f.Sum {
			return fmt.Errorf("%q arrived as something else than the host has", f.Path)
		}
		lost[f.Object] = true
	}
	for k := range u.list {
		if f := &u.list[k]; f.Kind == isFile && lost[f.Object] {
			f.Kind = isLost
		}
	}
	return nil
}

// checkStored makes sure that every content the listing names is here, and says how
// much that is.
func (u *uploading) checkStored(sum *Uploads) error {
	for k := range u.list {
		switch f := &u.list[k]; f.Kind {
		case isFile:
			if f.Sealed = u.store.has(f.Object); f.Sealed == 0 {
				return fmt.Errorf("the content of %q is not here", f.Path)
			}
			sum.Files++
			sum.Bytes += f.Size
		case isLost:
			sum.Lost++
		case isLink, isOther:
			sum.Others++
		}
	}
	return nil
}
