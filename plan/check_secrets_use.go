package plan

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// secretsAccess looks for who would lose the secrets' folder when the upgrade closes it: whoever
// mounts the folder itself, or one above it, and is neither its owner nor root. A file of
// it that is mounted by itself is not touched by what the folder's mode is, nor is a
// folder inside it.
func (c *checker) secretsAccess() {
	b := builder{in: BuildInput{Facts: c.f, Settings: c.s}}
	i := slices.IndexFunc(c.f.Secrets, func(s Secret) bool { return s.Dir && s.Path == secretsDir(c.f) })
	steps := b.closeFolder()
	if len(steps) == 0 || i < 0 {
		return
	}
	folder := modeChange{Secret: c.f.Secrets[i], to: steps[0].Op.(Mode).To, real: c.f.realPath(secretsDir(c.f))}
	for _, k := range c.f.Everyone {
		if m, ok := folder.mountedBy(c.f, k); ok {
			c.checkAccess(folder, k, m)
		}
	}
	c.futureAccess(folder)
}

// A modeChange is a folder whose mode changes.
type modeChange struct {
	Secret
	to   fs.FileMode
	real string
}

// mountedBy is the mount through which a container sees the folder.
func (d modeChange) mountedBy(f *Facts, k HostContainer) (HostMount, bool) {
	for _, m := range k.Mounts {
		source := ""
		switch m.Type {
		case "bind":
			source = m.Source
		case "volume":
			source = f.Model.VolumeDevice(m.Name)
		}
		if source != "" && d.contains(f.realPath(source)) {
			return m, true
		}
	}
	return HostMount{}, false
}

// contains reports whether the folder is this one or inside it.
func (d modeChange) contains(source string) bool {
	return source == d.real || source == "/" || isInside(d.real, source)
}

// A reader is as whom something in a container reads.
type reader struct {
	HostUser
	unknown string // a name that only the image can translate
}

func (r reader) String() string {
	if r.unknown != "" {
		return fmt.Sprintf("user %q, whose number only the image knows and who is taken for an ordinary one", r.unknown)
	}
	return fmt.Sprintf("uid %d", r.UID)
}

// canEnter reports whether the reader may enter the folder with a mode. Of one that is not
// known nobody can say whether it is in the folder's group.
func (d modeChange) canEnter(r reader, mode fs.FileMode) bool {
	switch {
	case r.unknown != "":
		return mode&0o011 != 0
	case r.Override:
		return true
	case r.UID == d.UID:
		return mode&0o100 != 0
	case slices.Contains(r.Groups, d.GID):
		return mode&0o010 != 0
	}
	return mode&0o001 != 0
}

func (d modeChange) locksOut(r reader) bool { return d.canEnter(r, d.Mode) && !d.canEnter(r, d.to) }

// userOf reads a user as docker has it: nothing, a name or a number, and perhaps a group.
func userOf(user string) reader {
	name, group, _ := strings.Cut(user, ":")
	if name == "" || name == "root" || name == "0" {
		return reader{HostUser: HostUser{Groups: []int{0}, Override: true}}
	}
	uid, err := strconv.Atoi(name)
	if err != nil {
		return reader{unknown: name}
	}
	r := reader{HostUser: HostUser{UID: uid}}
	if gid, err := strconv.Atoi(group); err == nil {
		r.Groups = []int{gid}
	}
	return r
}

// readersOf are those as whom a container reads: now, and after the upgrade where its
// image is replaced.
func (c *checker) readersOf(k HostContainer) []reader {
	now := userOf(k.User)
	if u, ok := c.f.Resources.Users[k.ID]; ok {
		now = reader{HostUser: u}
	}
	own := k.Project == c.f.Project.Name
	switch {
	case own && k.Service == c.f.Project.Service:
		return []reader{now, c.readerAfter(k.Service, serverUID)}
	case own && k.Service == UpdaterService:
		return []reader{c.readerAfter(k.Service, updaterUID)}
	}
	return []reader{now}
}

// readerAfter returns the user of a service that gets the vendor's image.
func (c *checker) readerAfter(service string, uid int) reader {
	if user := c.f.Model.ServiceUser(service); user != "" {
		return userOf(user)
	}
	return reader{HostUser: HostUser{UID: uid, Groups: []int{uid}}}
}

// checkAccess says whether a container can still read its secrets once the folder is closed.
func (c *checker) checkAccess(d modeChange, k HostContainer, m HostMount) {
	all, from := c.readersOf(k), m.Source
	if m.Type == "volume" {
		from = "volume " + m.Name
	}
	if i := slices.IndexFunc(all, d.locksOut); i >= 0 {
		level := Stop
		// What looks at a whole host, such as its metrics, wants no secret.
		if m.Source == "/" || c.s.Allows(AllowClosedSecrets+k.Name) {
			level = Warn
		}
		c.add("shared secrets", level,
			fmt.Sprintf("let it mount the single files that it reads, which the folder's mode does not matter to, or run as the folder's owner (uid %d); or accept by name that it loses the folder: allow: [%q]", d.UID, AllowClosedSecrets+k.Name),
			"%s mounts %s at %s and runs as %s: it could not enter %s any more once the upgrade has closed that to %04o",
			k.of(), from, m.Destination, all[i], d.Path, d.to)
		return
	}
	if all[0].Override && c.f.realPath(m.Source) == d.real && d.Mode&0o011 != 0 {
		c.add("shared secrets", Warn, "look whether something in it reads the folder as another user",
			"%s mounts %s and runs as root: what gives root up in there could not enter the folder any more once the upgrade has closed it to %04o", k.of(), from, d.to)
	}
}

// futureAccess names the project's services that have no container now and could not read
// the folder when somebody starts them.
func (c *checker) futureAccess(d modeChange) {
	for _, name := range c.f.Model.ServiceNames() {
		if _, runs := c.f.Container(name); runs || name == UpdaterService || name == ProxyService {
			continue
		}
		user := c.f.Model.ServiceUser(name)
		for _, v := range c.f.Model.Service(name).Volumes {
			if v.Type == "bind" && user != "" && d.contains(c.f.realPath(v.Source)) && d.locksOut(userOf(user)) {
				c.add("shared secrets", Warn, "let it mount the single files that it reads",
					"service %s, which does not run now, mounts %s as %s: started again it could not enter %s", name, v.Source, userOf(user), d.Path)
				break
			}
		}
	}
}
