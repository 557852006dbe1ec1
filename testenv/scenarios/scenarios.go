// Package scenarios lists the servers to try things on: how each stack was
// laid out, and what its owner did to it since.
//
// A [Layout] is a stack as it was installed: compose file, secrets, release.
// Its disk is made once and kept. A [Scenario] is a layout and a [Change] to
// it, applied to a copy of that disk after it has started, the way people
// change servers that run. [All] is the table; [Find] looks a name up.
//
// The files are this project's own, written in the shapes that public installs
// have. Nothing here talks to an engine.
package scenarios

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed public chatalot-net staged
var files embed.FS

// Folder is where the stack lives on every server, and Project is the name
// Compose gives it.
const (
	Folder  = "/srv/chatalot"
	Project = "chatalot"
)

// ComposeFile is the name of the stack's file in [Folder].
const ComposeFile = "docker-compose.yml"

// A Layout is a stack as someone installed it.
type Layout struct {
	Name string
	// Release is what runs, built on the server by `build: .`.
	Release string
	// Server and Database are container names.
	Server, Database string
	// Compose is the bytes of the compose file.
	Compose []byte
	// Install is a script for root, run once in the empty folder: it makes
	// .env and the secrets, new ones for each disk.
	Install string
}

// A Change is what happened to a server after it was installed. The zero
// value is nothing.
type Change struct {
	// Edit returns the compose file as it was left; nil keeps it.
	Edit func(compose []byte) []byte
	// Write holds further files, by path, relative to [Folder].
	Write map[string]string
	// Script runs as root in [Folder] after the files are in place.
	Script string
}

// A Scenario is one server to try things on.
type Scenario struct {
	Name    string
	Summary string
	Layout  Layout
	Change  Change
	// Stopped says that the server does not answer, and is not meant to.
	Stopped bool
}

// Find returns the scenario of that name.
func Find(name string) (Scenario, error) {
	all, err := All()
	if err != nil {
		return Scenario{}, err
	}
	var names []string
	for _, s := range all {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Scenario{}, fmt.Errorf("no scenario %q; there are %s", name, strings.Join(names, ", "))
}

// All returns every scenario, the plain layouts first.
func All() ([]Scenario, error) {
	public, err := layout("public", "public", "0.23.0", "chatalot-server")
	if err != nil {
		return nil, err
	}
	older, err := layout("chatalot-net", "public", "0.18.44", "chatalot-server")
	if err != nil {
		return nil, err
	}
	staged, err := layout("staged", "staged", "0.24.4", "chatalot")
	if err != nil {
		return nil, err
	}
	plain := []Scenario{
		{Name: "public", Layout: public, Summary: "newest public layout: two networks, hardened, built from source"},
		{Name: "chatalot-net", Layout: older, Summary: "older public layout with the single network chatalot-net"},
		{Name: "staged", Layout: staged, Summary: "updater services defined and never started, its secrets empty"},
	}
	return slices.Concat(plain, variants(public)), nil
}

func layout(name, installedBy, release, server string) (Layout, error) {
	compose, err := fs.ReadFile(files, name+"/"+ComposeFile)
	if err != nil {
		return Layout{}, fmt.Errorf("layout %s: %w", name, err)
	}
	install, err := fs.ReadFile(files, installedBy+"/install.sh")
	if err != nil {
		return Layout{}, fmt.Errorf("layout %s: %w", name, err)
	}
	return Layout{
		Name: name, Release: release, Server: server, Database: "chatalot-db",
		Compose: compose, Install: string(install),
	}, nil
}
