package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"path"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"liftalot/testenv/fakes"
)

func builder() *Builder { return NewBuilder([]byte("program"), []byte("busybox"), []byte("authority")) }

func settings(t *testing.T) fakes.Config {
	t.Helper()
	c, err := fakes.ForVersion("0.24.6")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// readTar returns the entries by path.
func readTar(t *testing.T, r io.Reader) map[string]*tar.Header {
	t.Helper()
	entries := make(map[string]*tar.Header)
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		name := path.Clean(h.Name)
		if entries[name] != nil {
			t.Errorf("%s is there twice", name)
		}
		if dir := path.Dir(name); dir != "." && entries[dir] == nil {
			t.Errorf("%s comes before its folder", name)
		}
		entries[name] = h
	}
}

func TestRootfs(t *testing.T) {
	tests := []struct {
		kind    Kind
		program string
		folder  string // one a fresh volume takes its owner from
		uid     int
	}{
		{Server, "chatalot-server", "app/data/files", 999},
		{Updater, "chatalot-updater", "var/lib/chatalot-updater", 1001},
		{Updater, "chatalot-updater", "var/backups/chatalot", 1001},
		{SocketProxy, "docker-socket-proxy", "usr/local/etc/haproxy", 0},
	}
	for _, tt := range tests {
		t.Run(string(tt.kind)+" "+tt.folder, func(t *testing.T) {
			data, err := builder().Rootfs(tt.kind, settings(t))
			if err != nil {
				t.Fatal(err)
			}
			entries := readTar(t, bytes.NewReader(data))
			for _, name := range []string{"etc/chatalot/standin.json", "etc/passwd", "tmp", "bin/sh", "usr/local/bin/" + tt.program} {
				if entries[name] == nil {
					t.Errorf("no %s", name)
				}
			}
			if h := entries[tt.folder]; h == nil || h.Uid != tt.uid || h.Gid != tt.uid || h.Typeflag != tar.TypeDir {
				t.Errorf("%s is %+v", tt.folder, h)
			}
			if h := entries["usr/local/bin/standin"]; h == nil || h.Mode != 0o755 || h.Size != int64(len("program")) {
				t.Errorf("the program is %+v", h)
			}
		})
	}
	if _, err := builder().Rootfs("other", settings(t)); err == nil {
		t.Error("an image nobody knows was made")
	}
}

// The image must hold what a build from the same tree would.
func TestImageHoldsTheRootfs(t *testing.T) {
	b := builder()
	img, err := b.Image(Server, settings(t), "amd64")
	if err != nil {
		t.Fatal(err)
	}
	flat := mutate.Extract(img)
	defer flat.Close()
	data, err := b.Rootfs(Server, settings(t))
	if err != nil {
		t.Fatal(err)
	}
	fromRootfs := readTar(t, bytes.NewReader(data))
	extracted := make(map[string]bool)
	for tr := tar.NewReader(flat); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		extracted[path.Clean(h.Name)] = true
	}
	for name := range fromRootfs {
		if !extracted[name] {
			t.Errorf("the image lacks %s", name)
		}
	}
}

func TestDigestsAreStable(t *testing.T) {
	digest := func(b *Builder, c fakes.Config) v1.Hash {
		idx, err := b.Index(Server, c, "amd64", "arm64")
		if err != nil {
			t.Fatal(err)
		}
		h, err := idx.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	first := digest(builder(), settings(t))
	if again := digest(builder(), settings(t)); again != first {
		t.Errorf("%v, then %v", first, again)
	}
	bad := settings(t)
	bad.Behaviour = fakes.Crash
	if other := digest(builder(), bad); other == first {
		t.Error("another behaviour has the same digest")
	}
}

func TestDockerfileAsksTheNetworkForNothing(t *testing.T) {
	for _, kind := range []Kind{Server, Updater, SocketProxy} {
		text, err := Dockerfile(kind)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(text, "FROM scratch\nADD rootfs.tar /\n") || strings.Contains(text, "syntax=") {
			t.Errorf("%s:\n%s", kind, text)
		}
	}
	text, err := Dockerfile(Server)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"USER chatalot", "EXPOSE 8080/tcp", `CMD ["chatalot-server"]`,
		"HEALTHCHECK --interval=30s --timeout=10s --retries=3 CMD curl -f http://localhost:8080/api/health || exit 1",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
}
