package plan

import (
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"liftalot/plan/compose"
)

// Occupied looks for what the upgrade would make under a name, or on a port, that somebody
// else on the host has, by a merged model. With the model as it is, what the edits would
// add counts under the names they give it; with that of the edited files, as compose
// itself says them.
func Occupied(f *Facts, m *compose.Model) []Check {
	c := &checker{f: f}
	c.occupied(m)
	return c.out
}

func (c *checker) occupied(m *compose.Model) {
	if fail, bad := c.failureOf("everyone"); bad {
		c.add("names", Warn, "look at it yourself: docker ps -a", "not known who else is on this host: %s", fail.Detail)
	}
	c.names(m)
	c.ports(m)
	c.networksAndVolumes(m)
}

// containerName returns the name of the container that compose will make of a service of the
// vendor's.
func containerName(f *Facts, m *compose.Model, service string) string {
	if !m.HasService(service) {
		return service
	}
	if name := m.Service(service).ContainerName; name != "" {
		return name
	}
	if k, ok := f.Container(service); ok {
		return k.Name
	}
	return f.Project.Name + "-" + service + "-1"
}

// names looks for containers that would be in the way of ours.
func (c *checker) names(m *compose.Model) {
	for _, service := range []string{UpdaterService, ProxyService} {
		name := containerName(c.f, m, service)
		for _, k := range c.f.Everyone {
			if k.Name != name || k.Project == c.f.Project.Name && k.Service == service {
				continue
			}
			hint := "one server with managed updates to a host: the vendor's services have fixed container names"
			if k.Project == "" || k.Project == c.f.Project.Name {
				hint = fmt.Sprintf("if nobody needs it: docker rename %s another-name, or docker rm -f %[1]s", name)
			}
			c.add("names", Stop, hint, "the upgrade makes a container %q, and %s has that name", name, k.of())
		}
	}
}

// ports looks for who has a port that a service publishes which the upgrade starts.
func (c *checker) ports(m *compose.Model) {
	for _, service := range []string{c.f.Project.Service, UpdaterService, ProxyService} {
		if !m.HasService(service) {
			continue
		}
		for _, p := range m.Service(service).Ports {
			number, err := strconv.Atoi(p.Published)
			if err != nil || number == 0 {
				continue // the engine picks one, or one of a range
			}
			if who := portHolder(c.f, service, orTCP(p.Protocol), p.HostIP, number); who != "" {
				c.add("ports", Stop, fmt.Sprintf("give service %s another port, or stop what has this one", service),
					"service %s publishes port %s/%s of the host, and %s has it", service, address(p.HostIP, number), orTCP(p.Protocol), who)
			}
		}
	}
}

func orTCP(protocol string) string {
	if protocol == "" {
		return "tcp"
	}
	return protocol
}

func address(ip string, port int) string {
	if ip == "" {
		return strconv.Itoa(port)
	}
	return ip + ":" + strconv.Itoa(port)
}

// portHolder says who has a port of the host, "" for nobody but the service's own container.
func portHolder(f *Facts, service, protocol, ip string, port int) string {
	own := false
	for _, k := range f.Everyone {
		if !k.Up() || !k.publishes(protocol, ip, port) {
			continue
		}
		if k.Project == f.Project.Name && k.Service == service {
			own = true
			continue
		}
		return k.of()
	}
	if own {
		return ""
	}
	for _, s := range f.Resources.Listening {
		if s.Protocol == protocol && s.Port == port && overlap(s.IP, ip) {
			return fmt.Sprintf("a process of the host (ss -lnp \"sport = :%d\" names it)", port)
		}
	}
	return ""
}

func (c HostContainer) publishes(protocol, ip string, port int) bool {
	for target, places := range c.Ports {
		_, proto, _ := strings.Cut(target, "/")
		for _, at := range places {
			if orTCP(proto) == protocol && at.HostPort == strconv.Itoa(port) && overlap(at.HostIP, ip) {
				return true
			}
		}
	}
	return false
}

// overlap reports whether two addresses of a host cannot both have the same port: they are
// the same, or one of them is every address.
func overlap(a, b string) bool {
	x, xerr := netip.ParseAddr(a)
	y, yerr := netip.ParseAddr(b)
	if xerr != nil || yerr != nil || x.IsUnspecified() || y.IsUnspecified() {
		return true
	}
	return x.Unmap() == y.Unmap()
}

// networksAndVolumes looks for networks and volumes that the upgrade would make and that
// are there already, made for something else: compose stops at such a network, and takes
// such a volume for its own.
func (c *checker) networksAndVolumes(m *compose.Model) {
	if network := dockerName(c.f, m.HasNetwork(updaterNetwork), m.NetworkExternal(updaterNetwork), m.NetworkID(updaterNetwork), updaterNetwork); network != "" {
		for _, n := range c.f.Networks {
			if n.Name == network && (n.Project != c.f.Project.Name || n.Key != updaterNetwork) {
				c.add("networks", Stop, fmt.Sprintf("if nobody needs it: docker network rm %s; or give ours another name in the compose file: networks: {%s: {name: …, internal: true}}", n.Name, updaterNetwork),
					"the upgrade makes a network %q, and there is one of that name, %s", n.Name, ownedBy(n.Project, n.Key))
			}
		}
	}
	for _, v := range updaterVolumes {
		name := dockerName(c.f, m.HasVolume(v.key), m.VolumeExternal(v.key), m.VolumeID(v.key), v.key)
		for _, other := range c.f.Resources.Volumes {
			if name != "" && other.Name == name && (other.Project != c.f.Project.Name || other.Key != v.key) {
				c.add("volumes", Stop, fmt.Sprintf("remove it if nobody needs what is in it, or give ours another name in the compose file: volumes: {%s: {name: …}}", v.key),
					"the upgrade makes a volume %q, and there is one of that name, %s: the updater would write into it", other.Name, ownedBy(other.Project, other.Key))
			}
		}
	}
}

// dockerName returns the name that docker gives to what has this key in the compose file,
// "" for what the upgrade does not make.
func dockerName(f *Facts, defined, external bool, name, key string) string {
	switch {
	case external:
		return ""
	case defined && name != "":
		return name
	case declares(f, key):
		return "" // by a name that shows once a service uses it
	}
	return f.Project.Name + "_" + key
}

// declares reports whether one of the client's files has a network or a volume of this
// name that no service uses yet: compose leaves it out of its model.
func declares(f *Facts, key string) bool {
	for _, x := range f.Files {
		if !slices.Contains(f.Project.Files, x.Path) {
			continue
		}
		file, err := compose.Parse(x.Path, x.Data)
		if err == nil && (slices.Contains(file.TopLevel("networks"), key) || slices.Contains(file.TopLevel("volumes"), key)) {
			return true
		}
	}
	return false
}

func ownedBy(project, key string) string {
	switch {
	case project == "":
		return "which compose did not make"
	case key == "":
		return "made for project " + project
	}
	return fmt.Sprintf("made for %s of project %s", key, project)
}

// The folder of the database's files where nothing says otherwise: up to PostgreSQL 17,
// and from 18 on, whose image names it after the version.
const usualDataFolder = databaseHome + "/data"

// dataFolder is where the database's files are inside its container.
func dataFolder(f *Facts) string {
	k, _ := f.Container(f.Database.Service)
	if data := k.Env["PGDATA"]; data != "" {
		return path.Clean(data)
	}
	if major := f.Database.Version / 10000; major >= 18 {
		return fmt.Sprintf("%s/%d/docker", databaseHome, major)
	}
	return usualDataFolder
}

// nameless warns of a database whose files go with its container.
func (c *checker) nameless() {
	k, ok := c.f.Container(c.f.Database.Service)
	host, known := c.f.OnHost(k.ID)
	if !ok || !known || c.f.Database.Container == "" {
		return
	}
	data := dataFolder(c.f)
	m, mounted := host.mountOf(data)
	target := databaseHome
	if c.f.Database.Version/10000 < 18 {
		target = data
	}
	hint := fmt.Sprintf("take a backup now (liftalot backup %s) and keep it; before anybody recreates %s, give the service a volume with a name at %s, start it so, and put the backup back", c.f.Host, k.Name, target)
	switch {
	case !mounted:
		c.add("database files", Warn, hint, "the database's files (%s in %s) are in no volume at all: recreating its container loses them", data, k.Name)
	case m.Type == "tmpfs":
		c.add("database files", Warn, hint, "the database's files (%s in %s) are in memory: stopping its container loses them", data, k.Name)
	case m.Type == "volume" && anonymousVolume.MatchString(m.Name):
		c.add("database files", Warn, hint, "the database's files (%s in %s) are in a nameless volume: recreating its container loses them, as \"down\" and then \"up\" do", data, k.Name)
	}
}

// anonymousVolume matches the names that the engine makes up.
var anonymousVolume = regexp.MustCompile(`^[0-9a-f]{64}$`)
