package compose

import (
	"maps"
	"slices"
	"strings"
)

// A FileRef is another file that a compose file names, as it is written there.
type FileRef struct {
	Kind    RefKind
	Path    string
	Service string // of Extends: the service in that file
	Folder  string // of Include: project_directory, "" for that of its first file
	First   string // of Include: the first file of the same entry
	Name    string // of Config and Secret: what the compose file calls it
}

// RefKind says what a file is named for.
type RefKind string

// The keys of Compose that name files.
const (
	Include   RefKind = "include"
	Extends   RefKind = "extends"
	EnvFile   RefKind = "env_file"
	LabelFile RefKind = "label_file"
	Config    RefKind = "config"
	Secret    RefKind = "secret"
	Seccomp   RefKind = "seccomp"
)

// FileRefs lists the files that a compose file names, of all its services, or of one
// and those that it extends in the same file. Variables are not filled in.
func (f *File) FileRefs(service string) []FileRef {
	var refs []FileRef
	services := f.value.get("services")
	if service != "" {
		for seen := []string{}; service != "" && !slices.Contains(seen, service); {
			v := services.get(service)
			refs = append(refs, serviceRefs(v)...)
			seen = append(seen, service)
			if name, file := extends(v); file == "" {
				service = name
			} else {
				service = ""
			}
		}
		return refs
	}
	refs = append(refs, includeRefs(f.value.get("include"))...)
	if services != nil {
		for _, name := range slices.Sorted(maps.Keys(services.fields)) {
			refs = append(refs, serviceRefs(services.fields[name])...)
		}
	}
	for _, s := range []struct {
		section string
		kind    RefKind
	}{{"configs", Config}, {"secrets", Secret}} {
		section := f.value.get(s.section)
		if section == nil {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(section.fields)) {
			if file := section.get(name, "file").scalar(); file != "" {
				refs = append(refs, FileRef{Kind: s.kind, Path: file, Name: name})
			}
		}
	}
	return refs
}

func includeRefs(v *value) []FileRef {
	if v == nil {
		return nil
	}
	var refs []FileRef
	for _, item := range v.items {
		paths := references(listOf(item), "path")
		var folder string
		var env []string
		if item.kind == mapValue {
			paths, folder, env = references(item.get("path"), ""), item.get("project_directory").scalar(), references(item.get("env_file"), "path")
		}
		for _, p := range paths {
			refs = append(refs, FileRef{Kind: Include, Path: p, Folder: folder, First: paths[0]})
		}
		for _, p := range env {
			refs = append(refs, FileRef{Kind: EnvFile, Path: p})
		}
	}
	return refs
}

func serviceRefs(v *value) []FileRef {
	var refs []FileRef
	add := func(kind RefKind, paths []string) {
		for _, p := range paths {
			refs = append(refs, FileRef{Kind: kind, Path: p})
		}
	}
	add(EnvFile, references(v.get("env_file"), "path"))
	add(LabelFile, references(v.get("label_file"), "path"))
	for _, option := range v.get("security_opt").strings() {
		// Compose reads a profile itself and sends its text.
		path, ok := strings.CutPrefix(strings.Replace(option, "seccomp=", "seccomp:", 1), "seccomp:")
		if ok && path != "unconfined" && path != "builtin" {
			add(Seccomp, []string{path})
		}
	}
	if name, file := extends(v); file != "" {
		refs = append(refs, FileRef{Kind: Extends, Path: file, Service: name})
	}
	return refs
}
