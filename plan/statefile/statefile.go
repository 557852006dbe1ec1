// Package statefile writes files of this machine so that a crash leaves the old content or
// the new one, and never a part: the journal, plans, manifests and results.
package statefile

import (
	"crypto/rand"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// tmpSuffix ends the names of files that are being written.
const tmpSuffix = ".tmp"

// WriteFile replaces a file so that after a crash it holds either the old
// bytes or the new ones: temporary file in the same folder, fsync, rename,
// fsync of the folder. The folder must exist.
func WriteFile(path string, data []byte, mode fs.FileMode) error {
	return WriteFileTo(OS{}, path, data, mode)
}

// WriteFileTo is [WriteFile] on a file system of the caller's choice.
func WriteFileTo(fsys FS, path string, data []byte, mode fs.FileMode) error {
	tmp := path + "." + rand.Text() + tmpSuffix
	if err := writeSynced(fsys, tmp, data, mode); err != nil {
		fsys.Remove(tmp) // best effort: the write's error is the one to report
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := fsys.Rename(tmp, path); err != nil {
		fsys.Remove(tmp)
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := fsys.SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("write %s: flush its folder: %w", path, err)
	}
	return nil
}

func writeSynced(fsys FS, path string, data []byte, mode fs.FileMode) (err error) {
	f, err := fsys.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

// Sweep removes what [WriteFile] left beside path when its process died. Only
// who holds the folder's lock may call it: another's file that is just being
// written has the same form of name.
func Sweep(path string) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("sweep beside %s: %w", path, err)
	}
	for _, e := range entries {
		random, ok := strings.CutPrefix(e.Name(), filepath.Base(path)+".")
		random, tmp := strings.CutSuffix(random, tmpSuffix)
		if !ok || !tmp || len(random) != len(rand.Text()) || !e.Type().IsRegular() {
			continue
		}
		if err := os.Remove(filepath.Join(filepath.Dir(path), e.Name())); err != nil {
			return fmt.Errorf("sweep beside %s: %w", path, err)
		}
	}
	return nil
}
