package images

import (
	"archive/tar"
	"bytes"
	"fmt"
	"strings"
	"time"
)

// An Entry is one file of an archive, or a folder when Path ends in a slash,
// or a symbolic link when Link is set.
type Entry struct {
	Path     string
	Data     []byte
	Link     string
	Mode     int64
	UID, GID int
}

// Tar writes an archive. The same entries give the same bytes: no clock, no
// user names.
func Tar(entries []Entry) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		header := &tar.Header{
			Name: e.Path, Linkname: e.Link, Mode: e.Mode, Uid: e.UID, Gid: e.GID,
			Size: int64(len(e.Data)), Typeflag: tar.TypeReg, ModTime: time.Unix(0, 0),
			Format: tar.FormatGNU, // pax headers confuse old engines
		}
		switch {
		case e.Link != "":
			header.Typeflag = tar.TypeSymlink
		case strings.HasSuffix(e.Path, "/"):
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("archive %s: %w", e.Path, err)
		}
		if _, err := w.Write(e.Data); err != nil {
			return nil, fmt.Errorf("archive %s: %w", e.Path, err)
		}
	}
	err := w.Close()
	return out.Bytes(), err
}
