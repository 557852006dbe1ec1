package images

import (
	"fmt"
	"os"
	"strings"
)

// LaneEnv names the variable that chooses the lane where nothing else does.
const LaneEnv = "LIFTALOT_LANE"

// A Lane is one kind of server: which Debian, engine, Compose, tools and
// database it has. Every scenario and every story can be run on each.
type Lane struct {
	Name string
	// About says in a line what the servers have that others do not.
	About string
	// Suite is the Debian the server is made from.
	Suite string
	// Packages are Debian's engine and what else the lane takes from there.
	Packages []string
	// Programs are built from their modules and put over Debian's.
	Programs []Program
	// Traits are functions of lane/setup, run in this order.
	Traits []string
	// Postgres is the database's major version.
	Postgres int
}

// A Program is one that a lane builds from its Go module.
type Program struct {
	Package, Version string
	// At is where the server has it.
	At string
	// Tags are Go's build tags; Cgo links C in, statically.
	Tags string
	Cgo  bool
	// VersionVar is the variable that says its version, which the linker sets.
	VersionVar string
}

const (
	moby       = "github.com/moby/moby/v2/cmd/"
	mobyTag    = "v2.0.0-beta.24"
	mobyTags   = "exclude_graphdriver_btrfs exclude_graphdriver_devicemapper"
	containerd = "github.com/containerd/containerd/v2/cmd/"
	composeAt  = "/usr/libexec/docker/cli-plugins/docker-compose"
)

var (
	debianEngine = []string{"docker-cli", "docker-compose", "docker.io"}
	compose2     = Program{Package: "github.com/docker/compose/v2/cmd", Version: "v2.40.3", At: composeAt, VersionVar: "github.com/docker/compose/v2/internal.Version"}
	compose5     = Program{Package: "github.com/docker/compose/v5/cmd", Version: "v5.5.1", At: composeAt, VersionVar: "github.com/docker/compose/v5/internal.Version"}
)

// Lanes are the kinds of servers there are. The first is what is lent where
// nobody asks for another.
//
// Debian's runc is too old for that engine, whose containers want a time
// namespace, and so is its docker-proxy.
func Lanes() []Lane {
	return []Lane{
		{Name: "trixie", About: "engine 26.1 and Compose 2.26.1 of Debian 13", Suite: "trixie", Packages: debianEngine, Postgres: 17},
		{
			Name: "engine-29", About: "engine 29 (moby v2 beta) with the containerd image store, Compose 5.5.1", Suite: "trixie", Packages: debianEngine,
			Programs: []Program{
				{Package: moby + "dockerd", Version: mobyTag, At: "/usr/sbin/dockerd", Tags: mobyTags, VersionVar: "github.com/moby/moby/v2/dockerversion.Version"},
				{Package: moby + "docker-proxy", Version: mobyTag, At: "/usr/sbin/docker-proxy", Tags: mobyTags},
				{Package: containerd + "containerd", Version: "v2.2.9", At: "/usr/bin/containerd"},
				{Package: containerd + "containerd-shim-runc-v2", Version: "v2.2.9", At: "/usr/bin/containerd-shim-runc-v2"},
				{Package: "github.com/opencontainers/runc", Version: "v1.4.0", At: "/usr/sbin/runc", Tags: "seccomp", Cgo: true},
				compose5,
			},
			Traits: []string{"containerd_store"}, Postgres: 17,
		},
		{
			Name: "sid", About: "engine and Compose of Debian sid with the containerd image store; sudo-rs, uutils, PostgreSQL 18", Suite: "sid",
			Packages: append([]string{"sudo-rs", "rust-coreutils"}, debianEngine...),
			Traits:   []string{"containerd_store", "sudo_rs", "uutils"}, Postgres: 18,
		},
		{
			Name: "bookworm", About: "engine 20.10 of Debian 12, Compose 2.40.3, PostgreSQL 15", Suite: "bookworm",
			Packages: []string{"docker.io"}, Programs: []Program{compose2}, Postgres: 15,
		},
		{
			Name: "compose-2.40", About: "engine 26.1 of Debian 13, Compose 2.40.3", Suite: "trixie",
			Packages: debianEngine, Programs: []Program{compose2}, Postgres: 17,
		},
		{
			Name: "busybox", About: "engine 26.1 of Debian 13, BusyBox for every tool that it has", Suite: "trixie",
			Packages: debianEngine, Traits: []string{"busybox_tools"}, Postgres: 17,
		},
	}
}

// FindLane returns the lane of that name; "" is what [LaneEnv] says, or the
// first.
func FindLane(name string) (Lane, error) {
	if name == "" {
		name = os.Getenv(LaneEnv)
	}
	all := Lanes()
	if name == "" {
		return all[0], nil
	}
	var names []string
	for _, l := range all {
		if l.Name == name {
			return l, nil
		}
		names = append(names, l.Name)
	}
	return Lane{}, fmt.Errorf("lane %q: want one of %s", name, strings.Join(names, ", "))
}

// plain reports that nothing is changed after Debian's packages are there.
func (l Lane) plain() bool { return len(l.Programs) == 0 && len(l.Traits) == 0 }

// PostgresRef is what compose files of the lane call the database's image.
func (l Lane) PostgresRef() string { return fmt.Sprintf("postgres:%d", l.Postgres) }

// postgresData is the folder that a volume of the image is mounted at.
func (l Lane) postgresData() string {
	if l.Postgres >= 18 {
		return "/var/lib/postgresql"
	}
	return "/var/lib/postgresql/data"
}

// Compose is a compose file, written for the first lane's database, as the
// lane's database wants it.
func (l Lane) Compose(text []byte) []byte {
	first := Lanes()[0]
	return []byte(strings.NewReplacer(
		first.PostgresRef(), l.PostgresRef(),
		":"+first.postgresData(), ":"+l.postgresData(),
	).Replace(string(text)))
}
