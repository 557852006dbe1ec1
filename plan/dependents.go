package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Dependent is a container that shares something of another one's: it keeps what the
// engine gave it of that very container, and has to be made anew when that one is.
// Docker says nothing of it: a tunnel in the network of a server that was replaced
// goes on running, with a loopback interface and nothing else.
type Dependent struct {
	Name    string `json:"name"`
	Parent  string `json:"parent"` // the container it depends on, by name: the server, or another dependent
	Shares  string `json:"shares"` // its network, its processes, its memory, its volumes, a link to it
	Running bool   `json:"running"`
}

// String is how a dependent is told to a person.
func (d Dependent) String() string { return fmt.Sprintf("%s (%s of %s)", d.Name, d.Shares, d.Parent) }

// dependents are the containers of the host that depend on a server, and those that depend
// on these, each behind what it depends on. Compose's own services and containers that
// nobody but the engine knows are both among them. What still hangs on a former container
// of the server, by its ID, counts too.
func dependents(f *Facts, name, former string) []Dependent {
	var out []Dependent
	for queue := []string{name}; len(queue) > 0; queue = queue[1:] {
		parent, _ := f.hostContainer(queue[0])
		for _, c := range f.Everyone {
			shares := c.sharesOf(queue[0], parent.ID)
			if shares == "" && queue[0] == name && former != "" {
				shares = c.sharesOf(name, former)
			}
			known := c.Name == name || slices.ContainsFunc(out, func(d Dependent) bool { return d.Name == c.Name })
			if shares == "" || known {
				continue
			}
			out = append(out, Dependent{Name: c.Name, Parent: queue[0], Shares: shares, Running: c.State == "running" || c.State == "restarting"})
			queue = append(queue, c.Name)
		}
	}
	return out
}

// recordedDependents are dependents to be written down, each with the ID by which it hangs
// on its parent.
func recordedDependents(f *Facts, all []Dependent, former string) []RecordedTarget {
	var out []RecordedTarget
	for _, d := range all {
		c, _ := f.hostContainer(d.Name)
		parent, _ := f.hostContainer(d.Parent)
		on := parent.ID
		if former != "" && c.sharesOf(d.Parent, parent.ID) == "" {
			on = former
		}
		out = append(out, RecordedTarget{Name: d.Name, ID: c.ID, Parent: on})
	}
	return out
}

// hostContainer is any container of the host, by its name.
func (f *Facts) hostContainer(name string) (HostContainer, bool) {
	i := slices.IndexFunc(f.Everyone, func(c HostContainer) bool { return c.Name == name })
	if i < 0 {
		return HostContainer{}, false
	}
	return f.Everyone[i], true
}

// sharesOf says what a container has of another one, "" for nothing.
func (c HostContainer) sharesOf(name, id string) string {
	is := func(ref string) bool {
		ref = strings.TrimPrefix(ref, "/")
		return ref == name || len(ref) >= 12 && strings.HasPrefix(id, ref)
	}
	in := func(mode string) bool {
		ref, ok := strings.CutPrefix(mode, "container:")
		return ok && is(ref)
	}
	var all []string
	if in(c.NetworkMode) {
		all = append(all, "the network")
	}
	if in(c.PidMode) {
		all = append(all, "the processes")
	}
	if in(c.IpcMode) {
		all = append(all, "the memory")
	}
	if slices.ContainsFunc(c.VolumesFrom, func(from string) bool { ref, _, _ := strings.Cut(from, ":"); return is(ref) }) {
		all = append(all, "the volumes")
	}
	if slices.ContainsFunc(c.Links, func(link string) bool { ref, _, _ := strings.Cut(link, ":"); return is(ref) }) {
		all = append(all, "a link")
	}
	return strings.Join(all, ", ")
}

// Stranded are the running containers that share the network, the processes or the memory
// of one that is not on the host any more: whoever replaced that one left them behind.
func (f *Facts) Stranded() []HostContainer {
	gone := func(mode string) bool {
		ref, ok := strings.CutPrefix(mode, "container:")
		return ok && !slices.ContainsFunc(f.Everyone, func(c HostContainer) bool {
			return c.Name == ref || len(ref) >= 12 && strings.HasPrefix(c.ID, ref)
		})
	}
	var out []HostContainer
	for _, c := range f.Everyone {
		if c.State == "running" && (gone(c.NetworkMode) || gone(c.PidMode) || gone(c.IpcMode)) {
			out = append(out, c)
		}
	}
	return out
}

// dependents tells what hangs on the server's container and is made anew with it, and
// what hangs on one that is gone.
func (c *checker) dependents() {
	s, ok := c.f.Server()
	if !ok {
		return
	}
	if all := dependents(c.f, s.Name, ""); len(all) > 0 {
		var names []string
		for _, d := range all {
			names = append(names, d.String())
		}
		c.add("dependents", Pass, "", "made anew together with the server's container: %s", strings.Join(names, ", "))
	}
	for _, x := range c.f.Stranded() {
		c.add("dependents", Warn, fmt.Sprintf("make it anew, such as by: docker compose up -d --no-deps --no-build --pull never --force-recreate %s", x.Service),
			"%s shares a namespace of a container that is gone: whatever goes through it does not arrive", x.Name)
	}
}
