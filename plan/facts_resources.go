package plan

import "strings"

// HostResources is what a host has beside its containers that a new one may collide with,
// and what must be known of folders and users to say who reads what.
type HostResources struct {
	Volumes   []HostVolume        `json:"volumes,omitempty"`   // every volume of the host
	Listening []Socket            `json:"listening,omitempty"` // ports on which something of the host listens
	Real      map[string]string   `json:"real,omitempty"`      // what a path is behind its links, where it has any
	Users     map[string]HostUser `json:"users,omitempty"`     // by container ID: as whom its main process runs
}

// HostVolume is a volume of a host and the compose project it was made for, if any.
type HostVolume struct {
	Name    string `json:"name"`
	Project string `json:"project,omitempty"`
	Key     string `json:"key,omitempty"` // name inside the compose file
}

// Socket is an address of a host on which something listens.
type Socket struct {
	Protocol string `json:"protocol"` // tcp or udp
	IP       string `json:"ip"`       // 0.0.0.0 and :: are every address
	Port     int    `json:"port"`
}

// HostUser is as whom a process runs, by the kernel's word.
type HostUser struct {
	UID    int   `json:"uid"`
	Groups []int `json:"groups"` // its own first

	// Override says that it may pass the modes of folders, as root may unless that was
	// taken from it.
	Override bool `json:"override,omitempty"`
}

// OnHost returns a container of the host by its ID.
func (f *Facts) OnHost(id string) (HostContainer, bool) {
	for _, c := range f.Everyone {
		if c.ID == id {
			return c, true
		}
	}
	return HostContainer{}, false
}

// Up reports whether a container holds its ports and its files, between two crashes too.
func (c HostContainer) Up() bool {
	return c.State == "running" || c.State == "restarting" || c.State == "paused"
}

// of says whose a container is, for a person.
func (c HostContainer) of() string {
	if c.Project == "" {
		return "container " + c.Name + " (made without compose)"
	}
	return "container " + c.Name + " of project " + c.Project
}

// realPath returns a path with its links resolved, as far as the probe followed them.
func (f *Facts) realPath(path string) string {
	if to := f.Resources.Real[path]; to != "" {
		return to
	}
	return path
}

// mountOf is the mount of a container that holds a path inside it: of those above the
// path, the one that is nearest.
func (c HostContainer) mountOf(path string) (HostMount, bool) {
	var found HostMount
	ok := false
	for _, m := range c.Mounts {
		at := strings.TrimSuffix(m.Destination, "/")
		if (path == at || isInside(path, at)) && (!ok || len(at) > len(strings.TrimSuffix(found.Destination, "/"))) {
			found, ok = m, true
		}
	}
	return found, ok
}
