package images

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"liftalot/testenv/vps/engine"
)

func TestTarIsTheSameEveryTime(t *testing.T) {
	entries := []Entry{
		{Path: "srv/", Mode: 0o755},
		{Path: "srv/key", Data: []byte("k"), Mode: 0o600, UID: 999, GID: 998},
		{Path: "srv/link", Link: "key"},
	}
	first, err := Tar(entries)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Tar(entries)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("two archives of the same entries differ (%v)", err)
	}
	var got []string
	r := tar.NewReader(bytes.NewReader(first))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.ModTime.Unix() != 0 || h.Uname != "" {
			t.Errorf("%s carries a time or a name", h.Name)
		}
		got = append(got, string(h.Typeflag)+" "+h.Name+" "+h.Linkname)
	}
	want := []string{"5 srv/ ", "0 srv/key ", "2 srv/link key"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries differ (-want +got):\n%s", diff)
	}
}

// A bootstrap that breaks off leaves no image under the name that the next run takes for
// good: the engine imports half an archive without a word.
func TestHalfABaseImageHasNoName(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT RUN: making a base image needs root")
	}
	for end, want := range map[string]bool{"exit 1": false, "exit 0": true} {
		dir := t.TempDir()
		for name, script := range map[string]string{
			"mmdebstrap": "#!/bin/sh\necho half\n" + end + "\n",
			"docker":     "#!/bin/sh\n[ \"$1\" != import ] || cat >/dev/null\nprintf '%s\\n' \"$1\" >>" + dir + "/calls\n",
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
		docker, err := engine.Find(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = New(docker, dir, io.Discard).bootstrap(t.Context(), "trixie", "base:x")
		calls, _ := os.ReadFile(filepath.Join(dir, "calls"))
		named := strings.Contains(string(calls), "tag")
		if (err == nil) != named || named != want || !strings.Contains(string(calls), "import") {
			t.Errorf("mmdebstrap ends with %s: %v, docker was asked for %q", end, err, calls)
		}
	}
}

// Each context must hold its Dockerfile, or an engine answers with riddles.
func TestContextsAreEmbeddedWhole(t *testing.T) {
	for kind, want := range map[string]string{
		"vps":      "Dockerfile daemon.json init sshd.conf",
		"postgres": "Dockerfile docker-entrypoint.sh",
		"lane":     "Dockerfile setup",
	} {
		var sum bytes.Buffer
		archive, err := contextTar(kind, &sum)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		r := tar.NewReader(archive)
		for h, err := r.Next(); err == nil; h, err = r.Next() {
			names = append(names, h.Name)
		}
		if got := strings.Join(names, " "); got != want || sum.Len() == 0 {
			t.Errorf("context %s holds %q, want %q", kind, got, want)
		}
	}
}

func TestProgramsAreKeptByContent(t *testing.T) {
	folder := t.TempDir()
	first, fresh, err := keep(folder, "standin", []byte("one"))
	if err != nil || !fresh {
		t.Fatalf("fresh is %t (%v)", fresh, err)
	}
	again, fresh, err := keep(folder, "standin", []byte("one"))
	if err != nil || fresh || again != first {
		t.Errorf("the same content: %s, fresh %t (%v)", again, fresh, err)
	}
	other, fresh, err := keep(folder, "standin", []byte("two"))
	if err != nil || !fresh || other == first {
		t.Errorf("other content: %s, fresh %t (%v)", other, fresh, err)
	}
	if data, err := os.ReadFile(first); err != nil || string(data) != "one" {
		t.Errorf("the first program is now %q (%v)", data, err)
	}
}

func TestLockWaitsAndGivesUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder", "a.lock")
	unlock, err := Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := Lock(short, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("second holder: %v; want %v", err, context.DeadlineExceeded)
	}
	unlock()
	unlock, err = Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}
