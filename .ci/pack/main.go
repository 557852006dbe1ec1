// Pack makes a release of the binaries that make dist has built: an archive for each
// platform, packages for Debian and for RPM systems, and the checksums of them all.
//
//	pack -from FOLDER -to FOLDER
//
// Below -from each binary lies in a folder named OS-ARCHITECTURE. Beside the binary
// every archive and package holds manual pages and completions, made from the very
// commands that the binary has, the README, the changelog and the licence. The same
// binaries give the same bytes: every time in the files is that of the commit, or
// SOURCE_DATE_EPOCH.
package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"liftalot/cmd/internal/cli"
)

func main() {
	from := flag.String("from", "dist/bin", "folder of the binaries")
	to := flag.String("to", "dist", "folder of what is made")
	flag.Parse()
	names, err := run(".", *from, *to)
	if err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
	for _, name := range names {
		fmt.Println(filepath.Join(*to, name))
	}
}

// file is one file of an archive or a package.
type file struct {
	name string // with slashes
	mode os.FileMode
	data []byte
}

// release is what all archives and packages have in common.
type release struct {
	version string
	made    time.Time
	texts   []file // README.md and its like
	manual  []file // NAME.1
	shells  []file // completions: bash, zsh, fish and powershell
}

// binary is the program for one platform.
type binary struct {
	os, arch string
	file
}

// run packs the binaries and returns the names of what it has written.
func run(root, from, to string) ([]string, error) {
	binaries, info, err := read(from)
	if err != nil {
		return nil, err
	}
	r := release{version: cli.VersionOf(info)}
	if r.made, err = madeAt(info); err != nil {
		return nil, err
	}
	for _, name := range []string{"README.md", "CHANGELOG.md", "LICENSE"} {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return nil, err
		}
		r.texts = append(r.texts, file{name, 0o644, data})
	}
	if r.manual, err = manual(r.version, r.made); err != nil {
		return nil, err
	}
	if r.shells, err = completions(); err != nil {
		return nil, err
	}
	return r.write(binaries, to)
}

// write makes everything at the same time, and the checksums at the end.
func (r *release) write(binaries []binary, to string) ([]string, error) {
	type artefact struct {
		name string
		make func(io.Writer) error
	}
	var all []artefact
	for _, b := range binaries {
		all = append(all, artefact{r.archiveName(b), func(w io.Writer) error { return r.archive(w, b) }})
		if b.os == "linux" {
			for _, format := range []string{"deb", "rpm"} {
				p, err := r.newPackage(format, b)
				if err != nil {
					return nil, err
				}
				defer p.remove()
				all = append(all, artefact{p.name(), p.write})
			}
		}
	}
	sums, errs := make([]string, len(all)), make([]error, len(all))
	var wait sync.WaitGroup
	for i, a := range all {
		wait.Go(func() {
			var out bytes.Buffer
			if errs[i] = a.make(&out); errs[i] != nil {
				errs[i] = fmt.Errorf("%s: %w", a.name, errs[i])
				return
			}
			sums[i] = fmt.Sprintf("%x  %s\n", sha256.Sum256(out.Bytes()), a.name)
			errs[i] = os.WriteFile(filepath.Join(to, a.name), out.Bytes(), 0o644)
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	names := []string{"SHA256SUMS"}
	for _, a := range all {
		names = append(names, a.name)
	}
	slices.SortFunc(sums, func(a, b string) int { return strings.Compare(a[64:], b[64:]) })
	slices.Sort(names)
	return names, os.WriteFile(filepath.Join(to, "SHA256SUMS"), []byte(strings.Join(sums, "")), 0o644)
}

// read finds the binaries, and what the build of them says. They are of one build.
func read(from string) (all []binary, info *debug.BuildInfo, err error) {
	folders, err := os.ReadDir(from)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range folders {
		b := binary{file: file{name: "liftalot", mode: 0o755}}
		var ok bool
		if b.os, b.arch, ok = strings.Cut(f.Name(), "-"); !ok {
			return nil, nil, fmt.Errorf("%s: want a folder named OS-ARCHITECTURE", f.Name())
		}
		if b.os == "windows" {
			b.name += ".exe"
		}
		if b.data, err = os.ReadFile(filepath.Join(from, f.Name(), b.name)); err != nil {
			return nil, nil, err
		}
		got, err := buildinfo.Read(bytes.NewReader(b.data))
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		if info != nil && cli.VersionOf(got) != cli.VersionOf(info) {
			return nil, nil, fmt.Errorf("%s is of another version than the others", f.Name())
		}
		info, all = got, append(all, b)
	}
	if info == nil {
		return nil, nil, fmt.Errorf("%s: no binary is there", from)
	}
	return all, info, nil
}

// madeAt is the time that stands in everything: SOURCE_DATE_EPOCH, or that of the commit.
// Without either it is the first that a zip file can hold.
func madeAt(info *debug.BuildInfo) (time.Time, error) {
	if epoch := os.Getenv("SOURCE_DATE_EPOCH"); epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
		}
		return time.Unix(seconds, 0).UTC(), nil
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			return time.Parse(time.RFC3339, s.Value)
		}
	}
	return time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), nil
}
