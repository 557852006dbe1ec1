package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	"github.com/goreleaser/nfpm/v2/rpm"
)

// description is what a package manager shows: a line, and what it takes more of them.
const description = `lifts running chatalot servers onto managed updates, over SSH
A whole inventory of servers, with proof before each change and a rollback
after it. Nothing is installed on the servers.`

// linuxPackage is a package of one format for one architecture.
type linuxPackage struct {
	packager nfpm.Packager
	info     *nfpm.Info
	dir      string // nfpm reads files, and these are in memory
}

func (r *release) newPackage(format string, b binary) (*linuxPackage, error) {
	p := &linuxPackage{packager: deb.Default}
	zsh, licence := "/usr/share/zsh/vendor-completions/_liftalot", "/usr/share/doc/liftalot/copyright"
	if format == "rpm" {
		p.packager, zsh, licence = rpm.DefaultRPM, "/usr/share/zsh/site-functions/_liftalot", "/usr/share/licenses/liftalot/LICENSE"
	}
	var err error
	if p.dir, err = os.MkdirTemp("", "liftalot-package-"); err != nil {
		return nil, err
	}
	p.info = nfpm.WithDefaults(&nfpm.Info{
		Name: "liftalot", Arch: b.arch, Platform: "linux", Version: packageVersion(r.version, r), VersionSchema: "none", Release: "1",
		Section: "admin", Priority: "optional", Maintainer: "The liftalot authors", License: "Apache-2.0", Description: description,
		MTime: r.made, DisableGlobbing: true,
		Overridables: nfpm.Overridables{RPM: nfpm.RPM{BuildHost: "localhost", Summary: strings.SplitN(description, "\n", 2)[0]}},
	})
	placed := map[string]string{
		"README.md": "/usr/share/doc/liftalot/README.md", "CHANGELOG.md": "/usr/share/doc/liftalot/CHANGELOG.md", "LICENSE": licence,
		"liftalot.bash": "/usr/share/bash-completion/completions/liftalot", "_liftalot": zsh,
		"liftalot.fish": "/usr/share/fish/vendor_completions.d/liftalot.fish",
	}
	all := []file{{"/usr/bin/liftalot", 0o755, b.data}}
	for _, group := range [][]file{r.texts, r.shells} {
		for _, f := range group {
			if at := placed[f.name]; at != "" { // of PowerShell nobody asks on Linux
				all = append(all, file{at, f.mode, f.data})
			}
		}
	}
	for _, page := range r.manual {
		packed, err := packPage(page.data)
		if err != nil {
			return nil, err
		}
		all = append(all, file{"/usr/share/man/man1/" + page.name + ".gz", page.mode, packed})
	}
	for i, f := range all {
		if err := p.add(fmt.Sprintf("%03d", i), f, r); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *linuxPackage) add(name string, f file, r *release) error {
	source := filepath.Join(p.dir, name)
	if err := os.WriteFile(source, f.data, 0o600); err != nil {
		return err
	}
	p.info.Contents = append(p.info.Contents, &files.Content{
		Source: source, Destination: f.name, FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: f.mode, MTime: r.made},
	})
	return nil
}

func (p *linuxPackage) name() string {
	return p.packager.ConventionalFileName(p.info)
}

func (p *linuxPackage) write(w io.Writer) error { return p.packager.Package(p.info, w) }

func (p *linuxPackage) remove() { _ = os.RemoveAll(p.dir) }

// packageVersion is a version as Debian and RPM order them: a pre-release comes before its
// release, and a build that is none before every release, by its time.
func packageVersion(version string, r *release) string {
	if release, _, _ := strings.Cut(version, "-"); strings.Count(release, ".") == 2 {
		return strings.ReplaceAll(version, "-", "~")
	}
	return "0~" + r.made.Format("20060102150405") + "." + strings.Trim(version, "()")
}

func packPage(page []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(page); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
