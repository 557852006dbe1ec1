package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"filippo.io/age"

	"liftalot/plan/backup/pgarchive"
)

// suffix is age's own.
const suffix = ".age"

// sum counts and hashes what passes.
type sum struct {
	hash.Hash
	n int64
}

func newSum() *sum { return &sum{Hash: sha256.New()} }

func (s *sum) Write(p []byte) (int, error) {
	s.n += int64(len(p))
	return s.Hash.Write(p)
}

func (s *sum) hex() string { return hex.EncodeToString(s.Sum(nil)) }

// encrypt writes one file of a backup: what fill writes is encrypted on its way,
// so that its plain text never touches the disk. The file has its name only
// when all of it is on the disk.
func encrypt(root *os.Root, name string, to []age.Recipient, fill func(io.Writer) error) (f File, err error) {
	final, part := name+suffix, name+suffix+".partial"
	// A leftover of an earlier try is ours and worth nothing.
	if err := root.Remove(part); err != nil && !isMissing(err) {
		return File{}, fmt.Errorf("remove an earlier %s: %w", part, err)
	}
	file, err := root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return File{}, fmt.Errorf("write %s: %w", part, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close(), ignoreMissing(root.Remove(part)))
		}
	}()
	plain, cipher := newSum(), newSum()
	late := &asyncWriter{to: io.MultiWriter(file, cipher)}
	w, err := age.Encrypt(late, to...)
	if err != nil {
		return File{}, fmt.Errorf("encrypt %s: %w", name, err)
	}
	if err := fill(io.MultiWriter(plain, w)); err != nil {
		_ = late.Close() // nothing of it is kept
		return File{}, err
	}
	if err := errors.Join(w.Close(), late.Close(), file.Sync()); err != nil {
		return File{}, fmt.Errorf("write %s: %w", part, err)
	}
	if err := file.Close(); err != nil {
		return File{}, fmt.Errorf("write %s: %w", part, err)
	}
	if err := root.Rename(part, final); err != nil {
		return File{}, fmt.Errorf("name %s: %w", final, err)
	}
	return File{Name: name, Size: plain.n, SHA256: plain.hex(), Sealed: cipher.n, SealedSHA256: cipher.hex()}, nil
}

func ignoreMissing(err error) error {
	if isMissing(err) {
		return nil
	}
	return err
}

// open opens a file of a backup as it lies on the disk. What is read from it is
// authentic piece by piece, and whole once it has come to its end.
func open(root *os.Root, name string, id age.Identity, pass io.Writer) (io.Reader, io.Closer, error) {
	file, err := root.Open(name + suffix)
	if err != nil {
		return nil, nil, err
	}
	r, err := unseal(file, name, id, pass)
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return r, file, nil
}

// unseal decrypts what is read, and passes on what was encrypted.
func unseal(file io.Reader, name string, id age.Identity, pass io.Writer) (io.Reader, error) {
	r, err := age.Decrypt(io.TeeReader(file, pass), id)
	var stranger *age.NoIdentityMatchError
	if errors.As(err, &stranger) {
		err = errors.New("the key of this machine does not open it; the manifest names those that do")
	}
	if err != nil {
		return nil, fmt.Errorf("open %s%s: %w", name, suffix, err)
	}
	return r, nil
}

// prove reads a file as it lies on the disk to its end; see proveSealed.
func prove(root *os.Root, f File, id age.Identity) (*pgarchive.Contents, int64, error) {
	file, err := root.Open(f.Name + suffix)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	return proveSealed(file, f, id)
}

// proveSealed reads a file to its end: it opens with the key, it is bit for bit what
// the host had, and a dump is a whole archive.
func proveSealed(file io.Reader, f File, id age.Identity) (*pgarchive.Contents, int64, error) {
	plain, cipher := newSum(), newSum()
	r, err := unseal(file, f.Name, id, cipher)
	if err != nil {
		return nil, 0, err
	}
	var c *pgarchive.Contents
	var newest int64
	r = io.TeeReader(r, plain)
	if f.Name == Dump {
		c, err = pgarchive.Read(r, func(t pgarchive.Table, row []byte) { newest = max(newest, migration(t, row)) })
	} else {
		_, err = io.Copy(io.Discard, r)
	}
	if err != nil {
		return nil, 0, err
	}
	if plain.n != f.Size || plain.hex() != f.SHA256 {
		return nil, 0, fmt.Errorf("%d bytes on this disk are not the %d that were backed up", plain.n, f.Size)
	}
	if cipher.n != f.Sealed || cipher.hex() != f.SealedSHA256 {
		return nil, 0, errors.New("the encrypted file is not the one that was written")
	}
	return c, newest, nil
}

// migration is the version in a row of sqlx's table: its first column.
func migration(t pgarchive.Table, row []byte) int64 {
	if t.Schema != "public" || t.Name != "_sqlx_migrations" {
		return 0
	}
	text, _, _ := bytes.Cut(row, []byte("\t"))
	var n int64
	for _, c := range string(text) {
		if c < '0' || c > '9' || n > 1<<58 {
			return 0
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

// countRows counts the tables of the schema public in an archive, and their rows. A partitioned
// table has no rows of its own.
func countRows(c *pgarchive.Contents) (tables int, rows map[string]int64) {
	rows = map[string]int64{}
	for _, t := range c.Tables {
		if t.Schema == "public" {
			tables++
			rows[t.Name] = max(0, t.Rows)
		}
	}
	return tables, rows
}

// Open opens a file of a backup for reading; its SHA-256 is for the reader to
// compare. The reader is closed by the caller.
func (m *Manifest) Open(dir string, f File, id age.Identity) (io.ReadCloser, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	r, c, err := open(root, f.Name, id, io.Discard)
	if err != nil {
		return nil, &UnprovenError{Host: m.Host, What: f.Name, Err: err}
	}
	return struct {
		io.Reader
		io.Closer
	}{r, c}, nil
}

// maxOriginal bounds a client's file that is read whole.
const maxOriginal = 64 << 20

// Read returns the backed up bytes of a client's file, after checking them.
func Read(dir, path string, id age.Identity) ([]byte, error) {
	m, err := Load(dir)
	if err != nil {
		return nil, err
	}
	f, ok := m.Find(path)
	if !ok {
		return nil, fmt.Errorf("backup %s holds no %s", m.ID, path)
	}
	return m.bytes(dir, f, id)
}

func (m *Manifest) bytes(dir string, f File, id age.Identity) ([]byte, error) {
	r, err := m.Open(dir, f, id)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxOriginal))
	if err != nil {
		return nil, &UnprovenError{Host: m.Host, What: f.Name, Err: err}
	}
	if got := sha256.Sum256(data); hex.EncodeToString(got[:]) != f.SHA256 {
		return nil, &UnprovenError{Host: m.Host, What: f.Name + " is not what was backed up"}
	}
	return data, nil
}
