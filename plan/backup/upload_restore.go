package backup

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"

	"liftalot/remote"
)

//go:embed uploads_place.sh
var placeScript string

// A UploadRestore brings uploaded files of a backup back to their server. Nothing there
// is removed, and what is newer than the backup stays, unless Overwrite is set.
type UploadRestore struct {
	*Creator                   // of the host, for its connection, its keys and its voice
	Manifest         *Manifest // of a backup with uploaded files
	Dir              string    // of the backup
	ID               string    // of this act, names its folders on the host
	Overwrite        bool      // put files back that are newer on the host, too
	Database, Server string    // containers
}

// Difference is what a host lacks of a backup's files.
type Difference struct {
	Folders []*Upload // that are missing
	Missing []*Upload
	Changed []*Upload // they will be written over
	Kept    []*Upload // newer on the host, or no file there any more: they stay
	Same    int
	Lost    int // the backup itself has no content of them
}

// Files are those that are to be sent, and Bytes how much that is.
func (d *Difference) Files() []*Upload { return slices.Concat(d.Missing, d.Changed) }

// Bytes is how much is to be sent.
func (d *Difference) Bytes() (n int64) {
	for _, f := range d.Files() {
		n += f.Size
	}
	return n
}

func (p *UploadRestore) helper(write bool) helperContainer {
	host := p.watch()
	if write {
		host = p.Host
	}
	return helperContainer{host: host, database: p.Database, server: p.Server, write: write}
}

// Compare finds out what a host lacks. It changes nothing there.
func (p *UploadRestore) Compare(ctx context.Context) (*Difference, error) {
	if p.Manifest.Uploads == nil {
		return nil, p.unproven("backup "+p.Manifest.ID+" was taken without uploaded files", nil)
	}
	in := p.helper(false)
	folders, err := in.folders(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range p.Manifest.Uploads.Folders {
		if !slices.Contains(folders, f) {
			return nil, p.unproven(fmt.Sprintf("the server has nothing mounted at %s, where the files were", f), nil)
		}
	}
	p.tell(Event{Stage: "list the files of the server"})
	var now []Upload
	err = overBreaks(p.pause).Do(ctx, func() (bool, error) {
		now, _, err = in.list(ctx, listScript, p.Manifest.Uploads.Folders)
		return false, err
	})
	if err != nil {
		return nil, err
	}
	there := map[string]*Upload{}
	for k := range now {
		there[now[k].Path] = &now[k]
	}
	d, doubtful, err := p.compare(there)
	if err != nil {
		return nil, p.unproven("the list of its files", err)
	}
	return d, p.hashDoubtful(ctx, in, d, doubtful, there)
}

// compare decides what needs no reading. Doubtful are files that only their
// content can tell apart.
func (p *UploadRestore) compare(there map[string]*Upload) (d *Difference, doubtful []*Upload, err error) {
	d = new(Difference)
	err = readUploads(p.Dir, p.Keys.Identity, func(was *Upload) error {
		is := there[was.Path]
		switch {
		case was.Kind == isLost:
			d.Lost++
		case was.Kind == isFolder && is == nil:
			d.Folders = append(d.Folders, was)
		case was.Kind != isFile:
		case is == nil:
			d.Missing = append(d.Missing, was)
		case is.same(was):
			d.Same++
		case is.Kind == isFile && is.Size == was.Size:
			doubtful = append(doubtful, was)
		default:
			p.differs(d, was, is)
		}
		return nil
	})
	return d, doubtful, err
}

// differs decides about a file that is another now.
func (p *UploadRestore) differs(d *Difference, was, is *Upload) {
	if is.Kind == isFile && (p.Overwrite || is.Modified <= was.Modified) {
		d.Changed = append(d.Changed, was)
		return
	}
	d.Kept = append(d.Kept, was)
}

// hashDoubtful has the doubtful hashed.
func (p *UploadRestore) hashDoubtful(ctx context.Context, in helperContainer, d *Difference, doubtful []*Upload, there map[string]*Upload) error {
	files := make([]*Upload, len(doubtful))
	for k, was := range doubtful {
		files[k] = there[was.Path]
	}
	u := &uploading{Creator: p.Creator, in: in}
	if err := u.hash(ctx, slices.Clone(files), func(int64) {}); err != nil {
		return err
	}
	for k, was := range doubtful {
		if files[k].Kind == isFile && files[k].Sum == was.Sum {
			d.Same++
			continue
		}
		p.differs(d, was, files[k])
	}
	return nil
}

// What is staged at once: so much more space than the files themselves a host
// needs, and so much is sent anew after a break.
const (
	batchBytes = 256 << 20
	batchFiles = 1000
)

// Do sends what is lacking, a batch at a time: it lies in a folder of our own on the
// same mount until its hashes are those of the backup, and then goes to its place by
// one rename for each file. Interrupted at any point, a new comparison finds what
// is left.
func (p *UploadRestore) Do(ctx context.Context, d *Difference) error {
	files := d.Files()
	slices.SortFunc(files, func(a, b *Upload) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(d.Folders, func(a, b *Upload) int { return cmp.Compare(a.Path, b.Path) })
	total, done := d.Bytes(), int64(0)
	for _, mount := range p.Manifest.Uploads.Folders {
		folders := p.filesOn(mount, d.Folders)
		mine := p.filesOn(mount, files)
		for len(mine) > 0 || len(folders) > 0 {
			n, bytes := 0, int64(0)
			for ; n < len(mine) && n < batchFiles && (n == 0 || bytes+mine[n].Size <= batchBytes); n++ {
				bytes += mine[n].Size
			}
			p.tell(Event{Done: done, Total: total})
			err := overBreaks(p.pause).Do(ctx, func() (bool, error) { return false, p.batch(ctx, mount, folders, mine[:n]) })
			if err != nil {
				return err
			}
			folders, mine, done = nil, mine[n:], done+bytes
		}
	}
	p.tell(Event{Done: total, Total: total})
	return nil
}

// filesOn returns the files that lie on a mount, and on none below it.
func (p *UploadRestore) filesOn(mount string, files []*Upload) (mine []*Upload) {
	for _, f := range files {
		best := ""
		for _, m := range p.Manifest.Uploads.Folders {
			if len(m) > len(best) && (f.Path == m || strings.HasPrefix(f.Path, m+"/")) {
				best = m
			}
		}
		if best == mount {
			mine = append(mine, f)
		}
	}
	return mine
}

// stageScript makes an empty folder and unpacks into it what comes.
const stageScript = `set -eu
rm -rf "$1"
mkdir "$1"
chmod 0700 "$1"
tar -x -p -f - -C "$1"`

// unstageTime is for the removal of the staging folder, whatever has happened.
const unstageTime = 30 * time.Second

func (p *UploadRestore) batch(ctx context.Context, mount string, folders, files []*Upload) (err error) {
	in, staging := p.helper(true), path.Join(mount, ".liftalot-"+p.ID)
	run := func(ctx context.Context, cmd remote.Command) error {
		res, err := in.host.Run(ctx, in.command(cmd))
		var exit *remote.ExitError
		if errors.As(err, &exit) && len(res.Stderr) > 0 {
			return p.unproven(cmd.Name+": "+lastLine(res.Stderr), err)
		}
		return err
	}
	defer func() {
		tidy, cancel := context.WithTimeout(context.WithoutCancel(ctx), unstageTime)
		defer cancel()
		err = errors.Join(err, run(tidy, remote.Command{Name: "remove the staging folder", Script: `rm -rf "$1"`, Args: []string{staging}}))
	}()
	r, w := io.Pipe()
	packed := make(chan error, 1)
	go func() {
		err := p.pack(w, files)
		w.CloseWithError(err)
		packed <- err
	}()
	var bytes int64
	for _, f := range files {
		bytes += f.Size
	}
	err = run(ctx, remote.Command{Name: "send files", Script: stageScript, Args: []string{staging}, Stdin: r, Timeout: transferTime(bytes)})
	r.CloseWithError(errors.New("no longer wanted"))
	if perr := <-packed; err == nil || errors.As(perr, new(*UnprovenError)) {
		err = perr // a content that is damaged here is why the host got half of it
	}
	if err != nil {
		return err
	}
	if err := p.checkStaged(ctx, in, staging, files); err != nil {
		return err
	}
	return run(ctx, remote.Command{
		Name: "put files in their place", Script: placeScript, Args: []string{staging}, Stdin: records(folders, files), Timeout: transferTime(0) + time.Duration(len(files)+len(folders))*time.Second,
	})
}

// pack writes the contents as a tar archive, with numbers for names.
func (p *UploadRestore) pack(w io.Writer, files []*Upload) error {
	root, err := os.OpenRoot(filepath.Join(filepath.Dir(p.Dir), storeFolder))
	if err != nil {
		return p.unproven("open the store of files", err)
	}
	defer root.Close()
	t := tar.NewWriter(w)
	for k, f := range files {
		h := &tar.Header{Name: strconv.Itoa(k), Mode: int64(f.Mode), Uid: int(f.UID), Gid: int(f.GID), Size: f.Size, ModTime: time.Unix(f.Modified, 0), Typeflag: tar.TypeReg}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if err := p.content(t, root, f); err != nil {
			return err
		}
	}
	return t.Close()
}

func (p *UploadRestore) content(w io.Writer, root *os.Root, f *Upload) error {
	r, file, err := open(root, f.Object.file(), p.Keys.Identity, io.Discard)
	if err != nil {
		return p.unproven(fmt.Sprintf("the content of %q", f.Path), err)
	}
	defer file.Close()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, h), io.LimitReader(r, f.Size))
	switch {
	case err != nil:
		return p.unproven(fmt.Sprintf("the content of %q", f.Path), err)
	case n != f.Size || [32]byte(h.Sum(nil)) != f.Sum:
		return p.unproven(fmt.Sprintf("the content of %q", f.Path), errOther)
	}
	return nil
}

// checkStaged holds what has arrived against the backup.
func (p *UploadRestore) checkStaged(ctx context.Context, in helperContainer, staging string, files []*Upload) error {
	arrived := make([]*Upload, len(files))
	for k, f := range files {
		arrived[k] = &Upload{Kind: isFile, Path: path.Join(staging, strconv.Itoa(k)), Size: f.Size}
	}
	if len(files) == 0 {
		return nil
	}
	if _, err := in.hash(ctx, hashScript, arrived, func(int64) {}); err != nil {
		return err
	}
	for k, f := range files {
		if arrived[k].Kind != isFile || arrived[k].Sum != f.Sum {
			return p.unproven(fmt.Sprintf("%q did not arrive as it is in the backup; nothing of this batch was put in its place", f.Path), nil)
		}
	}
	return nil
}

// records are what placeScript reads.
func records(folders, files []*Upload) io.Reader {
	var b bytes.Buffer
	for _, f := range folders {
		fmt.Fprintf(&b, "d\x00%o\x00%d\x00%d\x00%s\x00", f.Mode, f.UID, f.GID, f.Path)
	}
	for k, f := range files {
		fmt.Fprintf(&b, "%d\x00%o\x00%d\x00%d\x00%s\x00", k, f.Mode, f.UID, f.GID, f.Path)
	}
	return &b
}

// VerifyUploads proves the contents that a backup names, as they lie on the disk.
// Those in proven are known to be good, and the others are added to it.
func (m *Manifest) VerifyUploads(ctx context.Context, dir string, id age.Identity, proven map[[32]byte]bool) error {
	if m.Uploads == nil {
		return nil
	}
	root, err := os.OpenRoot(filepath.Join(filepath.Dir(dir), storeFolder))
	if err != nil {
		return &UnprovenError{Host: m.Host, What: "open the store of files", Err: err}
	}
	defer root.Close()
	err = readUploads(dir, id, func(u *Upload) error {
		if u.Kind != isFile || proven[u.Object] {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := proveObject(root, u, id); err != nil {
			return err
		}
		proven[u.Object] = true // only now: other backups name it too
		return nil
	})
	if err != nil && ctx.Err() == nil {
		return &UnprovenError{Host: m.Host, What: "the files", Err: err}
	}
	return err
}
