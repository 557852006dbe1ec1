package backup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"liftalot/plan/statefile"
)

// An Entry is a backup that lies in a host's folder. Err says what is wrong with
// it at first sight; [Manifest.Verify] looks closely.
type Entry struct {
	*Manifest
	Dir string
	Err error
}

// List returns a host's backups, the oldest first. A folder without a manifest
// is no backup and is not among them.
func List(folder string) ([]Entry, error) {
	all, err := os.ReadDir(folder)
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the backups: %w", err)
	}
	var list []Entry
	for _, e := range all {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		dir := filepath.Join(folder, e.Name())
		m, err := Load(dir)
		switch {
		case isMissing(err):
			continue
		case err != nil:
			list = append(list, Entry{Manifest: &Manifest{ID: e.Name()}, Dir: dir, Err: err})
			continue
		}
		list = append(list, Entry{Manifest: m, Dir: dir, Err: m.complete(dir, e.Name())})
	}
	slices.SortStableFunc(list, func(a, b Entry) int { return a.Taken.Compare(b.Taken) })
	return list, nil
}

// complete reports files that are not there, or not as long as they were.
func (m *Manifest) complete(dir, name string) error {
	if m.ID != name {
		return fmt.Errorf("its manifest is that of backup %s", m.ID)
	}
	for _, f := range m.Files {
		info, err := os.Lstat(filepath.Join(dir, f.Name+suffix))
		if err != nil {
			return fmt.Errorf("%s%s is not there", f.Name, suffix)
		}
		if info.Size() != f.Sealed || !info.Mode().IsRegular() {
			return fmt.Errorf("%s%s has %d bytes, it was written with %d", f.Name, suffix, info.Size(), f.Sealed)
		}
	}
	return nil
}

// requestFile holds the request of a backup that is not finished.
const requestFile = "request.json"

// A Pending backup was begun and is not finished: its dump may be under way on
// the host, or lie there whole.
type Pending struct {
	Request
	Begun time.Time `json:"begun"`
	Dir   string    `json:"-"`
}

// Begin writes down what is going to be taken, so that a new start of this
// program finds the dump that the last one has made.
func (p *Pending) Begin() error {
	if err := os.MkdirAll(p.Dir, 0o700); err != nil {
		return fmt.Errorf("begin a backup: %w", err)
	}
	data, err := encodeJSON(p)
	if err != nil {
		return err
	}
	return statefile.WriteFile(filepath.Join(p.Dir, requestFile), data, 0o600)
}

// End forgets that the backup was under way.
func (p *Pending) End() error {
	return ignoreMissing(os.Remove(filepath.Join(p.Dir, requestFile)))
}

// Discard removes what there is here of a backup that will not be finished.
func (p *Pending) Discard() error {
	if _, err := os.Stat(filepath.Join(p.Dir, manifestFile)); err == nil {
		return p.End()
	}
	return os.RemoveAll(p.Dir)
}

// Unfinished returns the backups in a host's folder that were begun and not
// finished.
func Unfinished(folder string) ([]Pending, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*", requestFile))
	if err != nil {
		return nil, fmt.Errorf("look for unfinished backups: %w", err)
	}
	var list []Pending
	for _, file := range files {
		var p Pending
		if err := decodeJSON(file, &p); err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		p.Dir = filepath.Dir(file)
		if p.ID != filepath.Base(p.Dir) {
			return nil, fmt.Errorf("read %s: it is of backup %q", file, p.ID)
		}
		list = append(list, p)
	}
	return list, nil
}

// Remove removes a backup. Its manifest goes first: what a crash leaves is no
// backup any more.
func (e Entry) Remove() error {
	if err := ignoreMissing(os.Remove(filepath.Join(e.Dir, manifestFile))); err != nil {
		return fmt.Errorf("remove backup %s: %w", e.ID, err)
	}
	if err := errors.Join((statefile.OS{}).SyncDir(e.Dir), os.RemoveAll(e.Dir)); err != nil {
		return fmt.Errorf("remove backup %s: %w", e.ID, err)
	}
	return nil
}
