package backup

import (
	"bufio"
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func FuzzReadListing(f *testing.F) {
	var b bytes.Buffer
	list := []Upload{
		{Path: "/a\nb \xff", Kind: isFile, Mode: 0o640, UID: 7, GID: 8, Size: 3, Modified: -5, Changed: 6, Inode: 9, Sum: [32]byte{1}, Object: objectName{2}, Sealed: 300},
		{Path: "/ d ", Kind: isFolder, Mode: 0o755}, {Path: "/end 2", Kind: isLost},
	}
	if err := writeListing(&b, list); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		var got []Upload
		if err := readListing(bytes.NewReader(data), func(u *Upload) error { got = append(got, *u); return nil }); err != nil {
			return
		}
		var again bytes.Buffer
		if err := writeListing(&again, got); err != nil {
			t.Fatal(err)
		}
		var once []Upload
		if err := readListing(&again, func(u *Upload) error { once = append(once, *u); return nil }); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if diff := cmp.Diff(got, once); diff != "" {
			t.Error(diff)
		}
	})
}

// What a host says of its files is read or refused, and never more than it may be.
func FuzzReadList(f *testing.F) {
	f.Add([]byte("at 1795465800\nsome 2\n81a0 0 0 3 1 1 7\n41ed 1 1 0 1 1 8\n/a\x00/b\n\x00gone\nend 0\n"))
	f.Add([]byte("at 1\nsome 99999999\nend 0\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, _, err := readList(bufio.NewReader(bytes.NewReader(data)))
		for _, u := range list {
			if !strings.HasPrefix(u.Path, "/") || strings.Contains(u.Path, "\x00") || u.Size < 0 {
				t.Errorf("%+v, %v", u, err)
			}
		}
	})
}
