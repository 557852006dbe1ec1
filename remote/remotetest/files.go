package remotetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"liftalot/remote"
)

func fileCases() []testCase {
	return []testCase{
		{"what is absent is absent", false, testFileAbsent},
		{"a new file", false, testFileNew},
		{"a file is replaced only if it is the one we know", false, testFileExpect},
		{"owner, group and mode stay", false, testFileKeepMeta},
		{"owner and mode are set", false, testFileSetMeta},
		{"a link stays a link", false, testFileLink},
		{"only regular files", false, testFileKinds},
		{"sizes", false, testFileSizes},
		{"names", false, testFileNames},
		{"remove", false, testFileRemove},
		{"a failed write leaves nothing", false, testFileFailedWrite},
		{"what a broken link left is swept", false, testFileSweep},
	}
}

// anew are the options for a file that must not exist, with the login's owner.
func anew() remote.WriteOptions { return remote.WriteOptions{UID: -1, GID: -1} }

func hash(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}

func (h host) write(t *testing.T, name, data string, opt remote.WriteOptions) {
	t.Helper()
	must(t, h.WriteFile(t.Context(), name, []byte(data), opt))
}

// holds checks a file's content.
func (h host) holds(t *testing.T, name, want string) remote.File {
	t.Helper()
	f, err := h.ReadFile(t.Context(), name, 8<<20)
	must(t, err)
	if string(f.Data) != want || f.SHA256 != hash(want) || f.Size != int64(len(want)) {
		t.Errorf("%s holds %.40q, want %.40q", name, f.Data, want)
	}
	return f
}

// tidy checks that no temporary file is left.
func (h host) tidy(t *testing.T) {
	t.Helper()
	if left := h.sh(t, `cd "$1" && ls -A | grep '^\.liftalot-' || true`, h.Dir); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

func testFileAbsent(t *testing.T, h host) {
	for _, name := range []string{h.at("no"), h.at("no/such/folder/file")} {
		if _, err := h.Lstat(t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("look at %s: %v", name, err)
		}
		if _, err := h.ReadFile(t.Context(), name, 10); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("read %s: %v", name, err)
		}
	}
	for _, name := range []string{"relative", h.Dir + "/../x", h.Dir + "/"} {
		if _, err := h.Lstat(t.Context(), name); !errors.Is(err, remote.ErrNotStarted) {
			t.Errorf("look at %q: %v", name, err)
		}
	}
}

func testFileNew(t *testing.T, h host) {
	name := h.at("new.yml")
	h.write(t, name, "one\n", anew())
	if f := h.holds(t, name, "one\n"); f.Mode != 0o600 || f.Links != 1 || f.IsLink || f.RealPath != name {
		t.Errorf("got %+v", f.FileInfo)
	}
	err := h.WriteFile(t.Context(), name, []byte("two"), anew())
	if !errors.Is(err, fs.ErrExist) || !errors.Is(err, remote.ErrNotStarted) {
		t.Errorf("a file that must not exist was written over: %v", err)
	}
	h.holds(t, name, "one\n")
	h.tidy(t)
}

func testFileExpect(t *testing.T, h host) {
	name := h.at("compose.yml")
	h.write(t, name, "old", anew())
	opt := remote.WriteOptions{UID: -1, GID: -1, ExpectSHA256: hash("other")}
	err := h.WriteFile(t.Context(), name, []byte("new"), opt)
	if _, ok := errors.AsType[*remote.ChangedError](err); !ok || !errors.Is(err, remote.ErrNotStarted) {
		t.Errorf("got %v, want a changed file", err)
	}
	h.holds(t, name, "old")
	opt.ExpectSHA256 = hash("old")
	h.write(t, name, "new", opt)
	h.holds(t, name, "new")
	opt.ExpectSHA256 = remote.AnyContent
	h.write(t, name, "newer", opt)
	h.holds(t, name, "newer")
	if err := h.WriteFile(t.Context(), h.at("none"), nil, remote.WriteOptions{ExpectSHA256: hash("x")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is gone: %v", err)
	}
	h.tidy(t)
}

func testFileKeepMeta(t *testing.T, h host) {
	name := h.at("owned")
	h.write(t, name, "old", anew())
	h.sh(t, `chown 1234:4321 "$1" && chmod 4751 "$1"`, name)
	h.write(t, name, "new", remote.WriteOptions{Mode: 0o600, ExpectSHA256: hash("old"), KeepMeta: true})
	f := h.holds(t, name, "new")
	if f.UID != 1234 || f.GID != 4321 || f.Mode != 0o751|fs.ModeSetuid {
		t.Errorf("got %d:%d %v", f.UID, f.GID, f.Mode)
	}
}

func testFileSetMeta(t *testing.T, h host) {
	name := h.at("secret")
	h.write(t, name, "s", remote.WriteOptions{Mode: 0o644, UID: 999, GID: 1001})
	if f := h.holds(t, name, "s"); f.UID != 999 || f.GID != 1001 || f.Mode != 0o644 {
		t.Errorf("new: got %d:%d %v", f.UID, f.GID, f.Mode)
	}
	h.write(t, name, "s2", remote.WriteOptions{UID: -1, GID: -1, ExpectSHA256: hash("s")})
	if f := h.holds(t, name, "s2"); f.UID != 999 || f.GID != 1001 || f.Mode != 0o644 {
		t.Errorf("kept: got %d:%d %v", f.UID, f.GID, f.Mode)
	}
	h.write(t, name, "s3", remote.WriteOptions{Mode: 0o400, ExpectSHA256: hash("s2")})
	if f := h.holds(t, name, "s3"); f.UID != 0 || f.GID != 0 || f.Mode != 0o400 {
		t.Errorf("set: got %d:%d %v", f.UID, f.GID, f.Mode)
	}
}

func testFileLink(t *testing.T, h host) {
	target, link := h.at("target"), h.at("link")
	h.write(t, target, "old", anew())
	h.sh(t, `ln -s target "$1"`, link)
	info, err := h.Lstat(t.Context(), link)
	must(t, err)
	if !info.IsLink || info.RealPath != target || info.Mode&fs.ModeSymlink == 0 {
		t.Errorf("got %+v", info)
	}
	h.write(t, link, "new", remote.WriteOptions{ExpectSHA256: hash("old"), KeepMeta: true})
	if f := h.holds(t, link, "new"); f.RealPath != target || f.Path != link {
		t.Errorf("got %+v", f.FileInfo)
	}
	h.sh(t, `[ -L "$1" ] && [ ! -L "$2" ]`, link, target)

	h.sh(t, `rm "$1"`, target)
	if _, err := h.ReadFile(t.Context(), link, 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a link that leads nowhere: %v", err)
	}
	if err := h.WriteFile(t.Context(), link, nil, remote.WriteOptions{ExpectSHA256: remote.AnyContent}); !errors.Is(err, remote.ErrNotStarted) {
		t.Errorf("writing through a link that leads nowhere: %v", err)
	}
	if _, err := h.Lstat(t.Context(), link); err != nil {
		t.Errorf("the link itself is there: %v", err)
	}
	h.tidy(t)
}

func testFileKinds(t *testing.T, h host) {
	h.sh(t, `mkdir "$1" && mkfifo "$2"`, h.at("folder"), h.at("pipe"))
	for _, name := range []string{h.at("folder"), h.at("pipe")} {
		if _, err := h.ReadFile(t.Context(), name, 1<<20); err == nil {
			t.Errorf("%s was read", name)
		}
		err := h.WriteFile(t.Context(), name, nil, remote.WriteOptions{ExpectSHA256: remote.AnyContent})
		if !errors.Is(err, remote.ErrNotStarted) {
			t.Errorf("%s was written: %v", name, err)
		}
	}
	info, err := h.Lstat(t.Context(), h.at("folder"))
	if err != nil || !info.Mode.IsDir() {
		t.Errorf("got %+v, %v", info, err)
	}
}

func testFileSizes(t *testing.T, h host) {
	big := strings.Repeat("0123456789abcde\n", 3<<16) // 3 MiB
	for i, data := range []string{"", "x", big} {
		name := h.at(fmt.Sprint("size", i))
		h.write(t, name, data, anew())
		h.holds(t, name, data)
	}
	_, err := h.ReadFile(t.Context(), h.at("size2"), 1<<20)
	if large, ok := errors.AsType[*remote.TooLargeError](err); !ok || large.Size != 3<<20 {
		t.Errorf("got %v, want too large", err)
	}
	f, err := h.ReadFile(t.Context(), "/proc/meminfo", 1<<20)
	if err != nil || !bytes.Contains(f.Data, []byte("MemTotal:")) {
		t.Errorf("a file whose size is 0 by name only: %q, %v", f.Data, err)
	}
}

func testFileNames(t *testing.T, h host) {
	for _, name := range []string{`-n it's "$HOME" * # \ ü`, "line\nend\n", strings.Repeat("n", 250)} {
		name := h.at(name)
		h.write(t, name, "x", anew())
		if f := h.holds(t, name, "x"); f.RealPath != name {
			t.Errorf("real path %q, want %q", f.RealPath, name)
		}
		must(t, h.Remove(t.Context(), name))
	}
}

func testFileRemove(t *testing.T, h host) {
	h.write(t, h.at("x"), "x", anew())
	must(t, h.Remove(t.Context(), h.at("x")))
	if err := h.Remove(t.Context(), h.at("x")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removing what is not there: %v", err)
	}
	h.sh(t, `mkdir "$1"`, h.at("folder"))
	if err := h.Remove(t.Context(), h.at("folder")); err == nil {
		t.Error("a folder was removed")
	}
}

func testFileFailedWrite(t *testing.T, h host) {
	err := h.WriteFile(t.Context(), h.at("no/such/folder/file"), []byte("x"), anew())
	if !errors.Is(err, remote.ErrNotStarted) {
		t.Errorf("got %v, want not started", err)
	}
	h.tidy(t)
}

// A write of run-1 broke off beside a link's target, and one of run-10 is under
// way beside it.
func testFileSweep(t *testing.T, h host) {
	h.sh(t, `mkdir "$1/real" && echo x >"$1/real/file" && ln -s real/file "$1/link"
for n in run-1-aa run-1-bb run-10-cc; do : >"$1/real/.liftalot-$n"; done`, h.Dir)
	for range 2 {
		_, err := h.Run(t.Context(), remote.RemoveTemps([]string{"run-1", "run-2"}, []string{h.at("link"), h.at("not/there")}))
		must(t, err)
	}
	if left := h.sh(t, `ls -A "$1/real"`, h.Dir); left != ".liftalot-run-10-cc\nfile" {
		t.Errorf("left: %q", left)
	}
	opt := anew()
	opt.Owner = "a/b"
	if err := h.WriteFile(t.Context(), h.at("x"), nil, opt); !errors.Is(err, remote.ErrNotStarted) {
		t.Errorf("an owner that leads elsewhere: %v", err)
	}
}
