package plan

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"liftalot/plan/compose"
)

// Facts is what one read-only look at a host saw. It can be printed and saved:
// values of environment variables and contents of secrets are never in it, and
// the bytes of the client's own files are left out of its JSON form.
type Facts struct {
	Host      string          `json:"host"`
	Machine   Machine         `json:"machine"`
	Docker    Docker          `json:"docker"`
	Compose   string          `json:"compose"` // version of the compose plugin, "" when there is none
	Project   Project         `json:"project"`
	Others    []Project       `json:"others,omitempty"`   // further stacks with a service of that name
	Services  []Container     `json:"services"`           // containers of the project
	Everyone  []HostContainer `json:"everyone,omitempty"` // every container on the host, the project's too
	Networks  []Network       `json:"networks"`
	Volumes   []string        `json:"volumes"`
	Images    []Image         `json:"images"`
	Files     []File          `json:"files"`              // compose files and .env, in the project's order
	Included  []File          `json:"included,omitempty"` // further files that were read, for what they name in turn
	Secrets   []Secret        `json:"secrets"`
	Exposed   []string        `json:"exposed,omitempty"`  // secret files, there or not, whose folder everybody on the host can enter
	Unplaced  []string        `json:"unplaced,omitempty"` // secret files that have no folder yet
	Health    Health          `json:"health"`
	Database  Database        `json:"database"`
	Disks     []Disk          `json:"disks"`
	Resources HostResources   `json:"places,omitzero"`
	Failures  []Failure       `json:"failures,omitempty"` // parts of the look that did not succeed

	// Model is the merged compose model with every profile active, as the
	// host's own compose sees it. Hashes are its config hashes per service.
	Model  *compose.Model    `json:"-"`
	Hashes map[string]string `json:"hashes,omitempty"`
}

// Machine is the operating system's side of a host.
type Machine struct {
	UID      int               `json:"uid"` // of the looking process: 0 once sudo works
	Kernel   string            `json:"kernel"`
	Arch     string            `json:"arch"` // as uname -m says it
	OS       string            `json:"os"`   // PRETTY_NAME of os-release
	BootID   string            `json:"boot_id"`
	Clock    time.Time         `json:"clock"`
	Tools    map[string]string `json:"tools"` // name to path, for those that were found
	IPv6Off  bool              `json:"ipv6_off"`
	Hostname string            `json:"hostname"`
}

// Docker is the engine of a host.
type Docker struct {
	Version  string   `json:"version"`
	API      string   `json:"api"`
	Root     string   `json:"root"`             // its data folder
	Images   string   `json:"images,omitempty"` // where images lie, if not there
	Arch     string   `json:"arch"`             // amd64, arm64, …
	Security []string `json:"security,omitempty"`
	Stranger bool     `json:"stranger,omitempty"` // the docker command tells of no engine
}

// Rootless reports whether the engine runs without root or remaps user ids:
// the socket proxy cannot work there (trap F4).
func (d Docker) Rootless() bool {
	for _, s := range d.Security {
		if strings.Contains(s, "rootless") || strings.Contains(s, "userns") {
			return true
		}
	}
	return false
}

// Snap reports whether the engine is Ubuntu's snap. It sees homes, and neither /dev/shm nor
// the usual folders of servers (canonical/docker-snap#334).
func (d Docker) Snap() bool { return strings.HasPrefix(d.Root, "/var/snap/") }

// Project is a compose project as the labels of its containers tell it: the
// only place that knows which files, folder and name it was really started with.
type Project struct {
	Name       string   `json:"name"`
	WorkingDir string   `json:"working_dir"`
	Files      []string `json:"files"`
	EnvFiles   []string `json:"env_files,omitempty"`
	Service    string   `json:"service"`         // the chat server's service
	Git        bool     `json:"git"`             // the folder is a git checkout
	Loose      []string `json:"loose,omitempty"` // override files that lie there but are not in use
}

// Args gives the compose arguments that address exactly this project.
func (p Project) Args() []string {
	args := []string{"-p", p.Name, "--project-directory", p.WorkingDir}
	for _, f := range p.EnvFiles {
		args = append(args, "--env-file", f)
	}
	for _, f := range p.Files {
		args = append(args, "-f", f)
	}
	return args
}

// Container is one container of the project.
type Container struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Service    string            `json:"service"`
	Image      string            `json:"image"`    // reference it was created from
	ImageID    string            `json:"image_id"` // sha256:…
	State      string            `json:"state"`    // running, exited, restarting, …
	Health     string            `json:"health"`   // healthy, unhealthy, starting or ""
	Restarts   int               `json:"restarts"`
	Started    string            `json:"started"`
	ConfigHash string            `json:"config_hash"`
	User       string            `json:"user"`
	EnvKeys    []string          `json:"env_keys"`
	Env        map[string]string `json:"env"` // the few values that are no secrets
	Networks   []string          `json:"networks"`
	Volumes    []string          `json:"volumes"`
	Ports      []string          `json:"ports"`
	Retagged   bool              `json:"moved,omitempty"`  // its reference names another image by now
	Unsure     bool              `json:"unsure,omitempty"` // compose's note of its image cannot be compared

	// Inspect is all that the engine tells of the container, as docker inspect prints
	// it: secrets too, so it is never saved.
	Inspect json.RawMessage `json:"-"`
}

// HostContainer is any container of a host, as far as others than its own project meet it:
// by its name, its ports, the folders it mounts and the namespaces it shares.
type HostContainer struct {
	ID          string                `json:"id"`
	Name        string                `json:"name"`
	State       string                `json:"state"`
	Project     string                `json:"project,omitempty"` // "" for one that compose did not make
	Service     string                `json:"service,omitempty"`
	User        string                `json:"user,omitempty"`
	Image       string                `json:"image,omitempty"`        // the reference it was created from
	NetworkMode string                `json:"network_mode,omitempty"` // container:ID for one inside another's network
	PidMode     string                `json:"pid_mode,omitempty"`
	IpcMode     string                `json:"ipc_mode,omitempty"`
	VolumesFrom []string              `json:"volumes_from,omitempty"` // name or ID, perhaps with :ro
	Links       []string              `json:"links,omitempty"`        // /other:/name/alias
	Ports       map[string][]HostPort `json:"ports,omitempty"`        // "8080/tcp" to where it is published, running or not
	Mounts      []HostMount           `json:"mounts,omitempty"`
}

// HostPort is where a port is published. The names are the engine's.
type HostPort struct {
	HostIP   string `json:"HostIp"`
	HostPort string `json:"HostPort"`
}

// HostMount is a volume or a path of the host inside a container. The names are the
// engine's.
type HostMount struct {
	Type        string `json:"Type"`
	Name        string `json:"Name,omitempty"`
	Source      string `json:"Source"`
	Destination string `json:"Destination"`
	RW          bool   `json:"RW"`
}

// MountsOf is what a container mounts, each as "KIND SOURCE DESTINATION", in order: its
// volumes by name and the host's folders by path. Nil is not known.
func (f *Facts) MountsOf(id string) []string {
	var list []string
	for _, c := range f.Everyone {
		if c.ID != id {
			continue
		}
		for _, m := range c.Mounts {
			source := m.Source
			if m.Name != "" {
				source = m.Name // where the engine keeps a volume is its own business
			}
			list = append(list, fmt.Sprintf("%s %s %s", m.Type, source, m.Destination))
		}
	}
	slices.Sort(list)
	return list
}

// Running reports whether the container runs right now.
func (c Container) Running() bool { return c.State == "running" }

// Network is a docker network.
type Network struct {
	Name     string `json:"name"`
	Internal bool   `json:"internal"`
	Project  string `json:"project,omitempty"`
	Key      string `json:"key,omitempty"` // name inside the compose file
}

// Image is an image present on the host.
type Image struct {
	ID      string   `json:"id"`
	Tags    []string `json:"tags,omitempty"`
	Digests []string `json:"digests,omitempty"`
	Arch    string   `json:"arch"`

	// Inspect is all that the engine tells of the image.
	Inspect json.RawMessage `json:"-"`
}

// File is one of the client's own files.
type File struct {
	Path    string      `json:"path"`
	Real    string      `json:"real"` // after symlinks
	SHA256  string      `json:"sha256"`
	Size    int64       `json:"size"`
	Mode    fs.FileMode `json:"mode"`
	UID     int         `json:"uid"`
	GID     int         `json:"gid"`
	Missing bool        `json:"missing,omitempty"`
	Data    []byte      `json:"-"`
}

// Secret describes a secret file without its content, and a link by what it leads to.
type Secret struct {
	Name    string      `json:"name"` // base name
	Path    string      `json:"path"`
	Mode    fs.FileMode `json:"mode"`
	UID     int         `json:"uid"`
	GID     int         `json:"gid"`
	Size    int64       `json:"size"`
	Dir     bool        `json:"dir,omitempty"`
	Link    bool        `json:"link,omitempty"`   // its path itself is a symbolic link
	Broken  bool        `json:"broken,omitempty"` // one that leads nowhere
	Blank   bool        `json:"blank"`            // nothing but white space
	Newline bool        `json:"newline"`          // the last byte is a line end
	Hex64   bool        `json:"hex64,omitempty"`  // exactly 64 hexadecimal digits
	SHA256  string      `json:"sha256,omitempty"` // only of the public key file
}

// ReadableBy reports whether the given user and group may read the file itself.
// The folder above does not count: docker mounts the file, not the folder.
func (s Secret) ReadableBy(uid, gid int) bool {
	switch {
	case s.UID == uid:
		return s.Mode&0o400 != 0
	case s.GID == gid:
		return s.Mode&0o040 != 0
	default:
		return s.Mode&0o004 != 0
	}
}

// Health is what the server said about itself, asked from inside its container.
type Health struct {
	Asked      bool   `json:"asked"`
	Code       int    `json:"code"`
	Status     string `json:"status"`
	Version    string `json:"version"` // wrong on most public builds (trap H1)
	DBHealthy  bool   `json:"db_healthy"`
	WebVersion string `json:"web_version,omitempty"`
	Updates    string `json:"updates,omitempty"` // "401 JSON" on a managed server
}

// OK reports whether the server is healthy: degraded is HTTP 200 too.
func (h Health) OK() bool { return h.Code == 200 && h.Status == "ok" && h.DBHealthy }

// Database is the server's database, found through its DATABASE_URL.
type Database struct {
	Host      string      `json:"host"`
	Port      int         `json:"port"`
	User      string      `json:"user"`
	Name      string      `json:"name"`
	Query     string      `json:"query,omitempty"`
	Container string      `json:"container"` // "" when it is no container of this project
	Service   string      `json:"service"`
	Version   int         `json:"version"` // server_version_num
	Bytes     int64       `json:"bytes"`
	Tables    int         `json:"tables"`
	Migrated  []Migration `json:"migrations"`

	// HasPassword, PlainPassword and FilePassword say what kind of password the
	// URL carries: any at all, one that needs no escaping in a URL, or the
	// placeholder for a secret file.
	HasPassword   bool `json:"has_password"`
	PlainPassword bool `json:"plain_password"`
	FilePassword  bool `json:"file_password"`

	// LacksCreateDB says that the server's login may not make a database or may not rename
	// this one, as putting one back does; false also where that is not known.
	LacksCreateDB bool `json:"confined,omitempty"`
}

// unconfine says what lets the server's login put a database back.
func (d Database) unconfine() string {
	return fmt.Sprintf(`as a superuser of the database: ALTER ROLE "%s" CREATEDB; and where "%s" is not its own: ALTER DATABASE "%[2]s" OWNER TO "%[1]s"`, d.User, d.Name)
}

// Latest is the highest migration that is applied, 0 when none is known.
func (d Database) Latest() int64 {
	var top int64
	for _, m := range d.Migrated {
		top = max(top, m.Version)
	}
	return top
}

// Migration is one row of sqlx's table.
type Migration struct {
	Version  int64  `json:"version"`
	Success  bool   `json:"success"`
	Checksum string `json:"checksum"`
}

// Disk is the file system under a path the upgrade writes to.
type Disk struct {
	Path   string `json:"path"`
	Mount  string `json:"mount"`
	Free   int64  `json:"free"`   // bytes
	Inodes int64  `json:"inodes"` // free ones, -1 where the file system has no such number
}

// Failure is a part of the look that did not succeed.
type Failure struct {
	Part   string `json:"part"`
	Code   int    `json:"code"`
	Detail string `json:"detail"` // from the host: untrusted text, without what may be a secret
}

// Container returns the project's container of a service.
func (f *Facts) Container(service string) (Container, bool) {
	for _, c := range f.Services {
		if c.Service == service {
			return c, true
		}
	}
	return Container{}, false
}

// Server is the chat server's container.
func (f *Facts) Server() (Container, bool) { return f.Container(f.Project.Service) }

// Secret returns a secret file by its base name, from the project's own folder.
func (f *Facts) Secret(name string) (Secret, bool) {
	for _, s := range f.Secrets {
		if s.Name == name && !s.Dir {
			return s, true
		}
	}
	return Secret{}, false
}

// ImageByID returns an image of the host.
func (f *Facts) ImageByID(id string) (Image, bool) {
	for _, i := range f.Images {
		if i.ID == id {
			return i, true
		}
	}
	return Image{}, false
}

// DiskFor returns the file system under one of the paths that were asked for.
func (f *Facts) DiskFor(path string) (Disk, bool) {
	for _, d := range f.Disks {
		if d.Path == path {
			return d, true
		}
	}
	return Disk{}, false
}
