package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"fmt"
	"io"
	"path"
	"slices"
)

func (r *release) stem(b binary) string {
	return fmt.Sprintf("liftalot-%s-%s-%s", r.version, b.os, b.arch)
}

func (r *release) archiveName(b binary) string {
	if b.os == "windows" {
		return r.stem(b) + ".zip"
	}
	return r.stem(b) + ".tar.gz"
}

// archive writes all of a platform's files, in one folder.
func (r *release) archive(w io.Writer, b binary) error {
	all := slices.Concat([]file{b.file}, r.texts, in("man", r.manual), in("completions", r.shells))
	all = in(r.stem(b), all)
	if b.os == "windows" {
		return r.zip(w, all)
	}
	return r.tarball(w, all)
}

// in puts files into a folder.
func in(folder string, files []file) (all []file) {
	for _, f := range files {
		f.name = path.Join(folder, f.name)
		all = append(all, f)
	}
	return all
}

func (r *release) tarball(w io.Writer, files []file) error {
	packed, err := gzip.NewWriterLevel(w, gzip.DefaultCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(packed)
	for _, f := range files {
		header := &tar.Header{Name: f.name, Mode: int64(f.mode), Size: int64(len(f.data)), ModTime: r.made, Format: tar.FormatUSTAR}
		if err := t.WriteHeader(header); err != nil {
			return err
		}
		if _, err := t.Write(f.data); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return packed.Close()
}

func (r *release) zip(w io.Writer, files []file) error {
	z := zip.NewWriter(w)
	for _, f := range files {
		header := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: r.made}
		header.SetMode(f.mode)
		entry, err := z.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := entry.Write(f.data); err != nil {
			return err
		}
	}
	return z.Close()
}
