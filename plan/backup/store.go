package backup

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"filippo.io/age"

	"liftalot/plan/statefile"
)

// storeFolder lies beside the backups of a host and holds the contents of its
// uploaded files, each once: files/AB/ABC….age.
const storeFolder = "files"

// An objectName is what a content is called: a hash keyed with this machine's
// key, so that the name does not tell who knows a file that it is here, and of
// the recipients, so that a content is there once for each set of them.
type objectName [32]byte

func (n objectName) String() string { return hex.EncodeToString(n[:]) }

// file is where an object lies in the store, without age's suffix.
func (n objectName) file() string { return n.String()[:2] + "/" + n.String() }

// A store holds contents, encrypted.
type store struct {
	root *os.Root
	keys Keys
	to   []age.Recipient
	key  []byte
	dirs map[string]bool // written to
}

// openStore opens the store beside a backup's folder, and makes it.
func openStore(dir string, keys Keys, to []age.Recipient, names []string) (*store, error) {
	folder := filepath.Join(filepath.Dir(dir), storeFolder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, []byte(keys.Identity.String()))
	io.WriteString(mac, "names of objects for "+strings.Join(names, " "))
	return &store{root: root, keys: keys, to: to, key: mac.Sum(nil), dirs: map[string]bool{}}, nil
}

func (s *store) Close() error { return s.root.Close() }

// name is what a content is called.
func (s *store) name(sum [32]byte) (n objectName) {
	mac := hmac.New(sha256.New, s.key)
	mac.Write(sum[:])
	mac.Sum(n[:0])
	return n
}

// has tells how large an object is, 0 when it is not there. One that is there was
// on the disk whole before it had its name.
func (s *store) has(n objectName) int64 {
	info, err := s.root.Lstat(n.file() + suffix)
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return info.Size()
}

// errOther reports a content that is not what its hash says.
var errOther = errors.New("it is not what was hashed")

// put writes a content of which hash and length are known.
func (s *store) put(u *Upload, r io.Reader) error {
	name := u.Object.file()
	if err := s.folder(u.Object); err != nil {
		return err
	}
	f, err := encrypt(s.root, name, s.to, func(w io.Writer) error {
		h := sha256.New()
		n, err := io.CopyN(io.MultiWriter(h, w), r, u.Size)
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%q ended after %d of %d bytes", u.Path, n, u.Size)
		}
		if err != nil {
			return err
		}
		if [32]byte(h.Sum(nil)) != u.Sum {
			return errOther
		}
		return nil
	})
	u.Sealed = f.Sealed
	return err
}

// folder makes the folder of an object.
func (s *store) folder(n objectName) error {
	dir := filepath.Dir(n.file())
	if s.dirs[dir] {
		return nil
	}
	if err := s.root.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	s.dirs[dir] = true
	return nil
}

// adopt gives an object the name and the recipients of today: those in the
// inventory have changed since it was written. It reports whether it could.
func (s *store) adopt(u, was *Upload) bool {
	if was == nil || was.Sum != u.Sum || s.has(was.Object) != was.Sealed || was.Sealed == 0 {
		return false
	}
	r, file, err := open(s.root, was.Object.file(), s.keys.Identity, io.Discard)
	if err != nil {
		return false
	}
	defer file.Close()
	return s.put(u, r) == nil
}

// sync makes the names of new objects survive a crash.
func (s *store) sync() error {
	for dir := range s.dirs {
		if err := (statefile.OS{}).SyncDir(filepath.Join(s.root.Name(), dir)); err != nil {
			return err
		}
	}
	return (statefile.OS{}).SyncDir(s.root.Name())
}

// proveObject reads an object as it lies on the disk to its end.
func proveObject(root *os.Root, u *Upload, id age.Identity) error {
	r, file, err := open(root, u.Object.file(), id, io.Discard)
	if isMissing(err) {
		return fmt.Errorf("%s/%s%s is not there, the content of %q", storeFolder, u.Object.file(), suffix, u.Path)
	}
	if err != nil {
		return fmt.Errorf("the content of %q: %w", u.Path, err)
	}
	defer file.Close()
	if err := u.verify(r); err != nil {
		return fmt.Errorf("%s/%s%s, the content of %q: %w; remove that file, and the next backup with files brings it again",
			storeFolder, u.Object.file(), suffix, u.Path, err)
	}
	return nil
}

// verify reads a content to its end and holds it against its hash.
func (u *Upload) verify(r io.Reader) error {
	sum := newSum()
	if _, err := io.Copy(sum, r); err != nil {
		return err
	}
	if sum.n != u.Size || [32]byte(sum.Sum(nil)) != u.Sum {
		return errOther
	}
	return nil
}

// objectFile is what a store holds, and what an interrupted writer leaves there.
var objectFile = regexp.MustCompile(`^[0-9a-f]{64}\.age(\.partial)?$`)

// HasStore reports whether there are contents of uploaded files in a host's folder.
func HasStore(folder string) bool {
	info, err := os.Stat(filepath.Join(folder, storeFolder))
	return err == nil && info.IsDir()
}

// CollectGarbage removes the contents that none of a host's backups names, nor one that is
// not finished. Where it cannot read what one of them names, nothing is removed.
// The caller holds the lock of the host's folder: nobody else writes there.
func CollectGarbage(folder string, id age.Identity) (gone int, freed int64, err error) {
	root, err := os.OpenRoot(filepath.Join(folder, storeFolder))
	if isMissing(err) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("look for contents that no backup names: %w", err)
	}
	defer root.Close()
	named, err := objectsNamed(folder, id)
	if err != nil {
		return 0, 0, fmt.Errorf("contents that no backup names stay, because what this one names cannot be read: %w", err)
	}
	dirs, err := os.ReadDir(root.Name())
	if err != nil {
		return 0, 0, err
	}
	for _, d := range dirs {
		if !d.IsDir() || len(d.Name()) != 2 {
			continue
		}
		files, err := os.ReadDir(filepath.Join(root.Name(), d.Name()))
		if err != nil {
			return gone, freed, err
		}
		for _, f := range files {
			var n objectName
			if !objectFile.MatchString(f.Name()) {
				continue
			}
			if hex.Decode(n[:], []byte(f.Name()[:64])); named[n] && strings.HasSuffix(f.Name(), suffix) {
				continue
			}
			info, err := f.Info()
			if err = errors.Join(err, root.Remove(d.Name()+"/"+f.Name())); err != nil {
				return gone, freed, fmt.Errorf("remove a content that no backup names: %w", err)
			}
			gone, freed = gone+1, freed+info.Size()
		}
	}
	return gone, freed, nil
}

// objectsNamed are the contents that the listings in a host's folder name: of
// backups, and of what is not finished and will be resumed.
func objectsNamed(folder string, id age.Identity) (map[objectName]bool, error) {
	named := map[objectName]bool{}
	dirs, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, d := range dirs {
		if !d.IsDir() || d.Name() == storeFolder {
			continue
		}
		m, err := Load(filepath.Join(folder, d.Name()))
		switch {
		case err == nil && m.Uploads == nil:
			continue
		case err != nil && !isMissing(err):
			return nil, fmt.Errorf("%s: %w", d.Name(), err)
		}
		lacks := ignoreMissing(readUploads(filepath.Join(folder, d.Name()), id, func(u *Upload) error {
			if u.Kind == isFile {
				named[u.Object] = true
			}
			return nil
		}))
		if lacks != nil || err == nil && !hasListing(filepath.Join(folder, d.Name())) {
			return nil, errors.Join(fmt.Errorf("%s: its list of files", d.Name()), lacks)
		}
	}
	return named, nil
}

func hasListing(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, listing+suffix))
	return err == nil
}

// readUploads reads the listing in a backup's folder.
func readUploads(dir string, id age.Identity, each func(*Upload) error) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	r, file, err := open(root, listing, id, io.Discard)
	if err != nil {
		return err
	}
	defer file.Close()
	return readListing(r, each)
}
