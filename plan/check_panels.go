package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// A panel is a program that keeps compose files of its own and starts stacks from them.
type panel struct {
	name    string
	folders []string // where it keeps them, as its own process sees it
	images  []string // parts of the names of its images; none for one that is no container
	sure    bool     // nobody else uses these folders: the path alone tells
	edit    string   // how a stack is edited there
}

var panels = []panel{
	{"Portainer", []string{"/data/compose/"}, []string{"portainer/portainer"}, true, "Stacks, the stack, Editor, \"Update the stack\""},
	{"Coolify", []string{"/data/coolify/"}, []string{"coollabsio/coolify"}, true, "the resource, \"Edit Compose File\", Deploy"},
	{"Dokploy", []string{"/etc/dokploy/"}, []string{"dokploy/dokploy"}, true, "the compose service, General, Deploy"},
	{"Dockge", []string{"/opt/stacks/"}, []string{"louislam/dockge"}, false, "the stack, Edit, Deploy"},
	{"CapRover", []string{"/captain/"}, []string{"caprover/caprover"}, true, "the app, App Configs, Save & Restart"},
	{"CasaOS", []string{"/var/lib/casaos/apps/", "/DATA/AppData/casaos/apps/"}, []string{"icewhaletech/casaos"}, true, "the app's settings, Save"},
	{"Komodo", []string{"/etc/komodo/"}, []string{"moghtech/komodo", "mbecker20/komodo"}, true, "the stack, Info, Deploy"},
	{"Yacht", []string{"/config/compose/"}, []string{"selfhostedpro/yacht"}, false, "Projects, the project, Edit"},
	{"1Panel", []string{"/opt/1panel/"}, []string{"1panel/"}, true, "Containers, Compose, Edit"},
	{"Arcane", []string{"/app/data/projects/", "/opt/arcane/"}, []string{"getarcaneapp/arcane", "ofkm/arcane"}, false, "Projects, the project, Save, Redeploy"},
	{"Easypanel", []string{"/etc/easypanel/"}, []string{"easypanel/easypanel"}, true, "the service, Source, Deploy"},
	{"aaPanel", []string{"/www/server/panel/data/compose/", "/www/dk_project/"}, nil, true, "Docker, Compose, Edit"},
	{"Runtipi", []string{"/runtipi/", "/opt/runtipi/"}, []string{"runtipi/runtipi", "meienberger/runtipi"}, false, "the app's settings"},
	{"Umbrel", []string{"/home/umbrel/umbrel/app-data/"}, nil, true, "the app's settings"},
	{"TrueNAS", []string{"/mnt/.ix-apps/"}, nil, true, "Apps, the app, Edit"},
}

// runs reports whether an image is the panel's.
func (p panel) runs(image string) bool {
	return slices.ContainsFunc(p.images, func(part string) bool { return strings.Contains(strings.ToLower(image), part) })
}

// A fileOwner is a tool that writes a file in the client's place, such as a panel.
type fileOwner struct {
	panel     panel
	container string // "" where it does not run as one, or does not run
	within    bool   // the file is inside the container, not on the host
}

// name is the panel, with its container.
func (k fileOwner) name() string {
	if k.container == "" {
		return k.panel.name
	}
	if k.panel.name == "" {
		return "container " + k.container
	}
	return fmt.Sprintf("%s (container %s)", k.panel.name, k.container)
}

// findFileOwner finds who keeps a compose file: a panel into whose folders its path leads, or
// a running one that mounts the file's folder. One that has a folder of that name inside
// counts for a file that is not on the host.
func findFileOwner(f *Facts, file string, missing bool) (fileOwner, bool) {
	dir := path.Dir(file)
	for _, p := range panels {
		ours := slices.ContainsFunc(p.folders, func(folder string) bool { return strings.HasPrefix(file, folder) })
		for _, k := range f.Everyone {
			if !k.Up() || !p.runs(k.Image) || k.Project == f.Project.Name && k.Service == f.Project.Service {
				continue
			}
			if within := missing && k.has(file); ours || within || k.mounts(f, dir) {
				return fileOwner{p, k.Name, within}, true
			}
		}
		if ours && p.sure {
			return fileOwner{panel: p}, true
		}
	}
	// One that nobody here knows: it has the engine's socket, and a folder of that name
	// inside.
	for _, k := range f.Everyone {
		if missing && k.Up() && k.has(file) && slices.ContainsFunc(k.Mounts, func(m HostMount) bool { return strings.HasSuffix(m.Source, "/docker.sock") }) {
			return fileOwner{panel{}, k.Name, true}, true
		}
	}
	return fileOwner{}, false
}

// mounts reports whether a folder of the host is mounted into the container, by itself or
// inside another one, other than the whole host.
func (c HostContainer) mounts(f *Facts, dir string) bool {
	return slices.ContainsFunc(c.Mounts, func(m HostMount) bool {
		at := f.realPath(m.Source)
		return m.Type == "bind" && at != "/" && (f.realPath(dir) == at || isInside(f.realPath(dir), at))
	})
}

// has reports whether a path is one inside the container, in something that is mounted
// there from elsewhere.
func (c HostContainer) has(file string) bool {
	m, ok := c.mountOf(file)
	return ok && m.Destination != "/" && m.Source != m.Destination
}

// isPiped reports whether a name stands for something that was no file: standard input, or
// what a shell puts in the place of <(…).
func isPiped(file string) bool {
	return path.Base(file) == "-" || strings.HasPrefix(file, "/dev/") || strings.HasPrefix(file, "/proc/")
}

// missingFile says why a compose file is not there, and what to do.
func (c *checker) missingFile(file string) {
	start := fmt.Sprintf("start it once from there: docker compose -p %s up -d", c.f.Project.Name)
	if isPiped(file) {
		c.add("compose files", Stop,
			fmt.Sprintf("write what it was started from into %s/docker-compose.yml, %s; then check again", c.f.Project.WorkingDir, start),
			"the project was started from standard input (%s): there is no file that could be edited", file)
		return
	}
	k, ok := findFileOwner(c.f, file, true)
	if !ok {
		c.add("compose files", Stop, "the project was started from a file that is gone: put it back first", "%s is missing", file)
		return
	}
	over := fmt.Sprintf("take the stack over: bring its compose file and .env into a folder of the host, have the panel forget the stack without stopping it, and %s", start)
	if k.within {
		over = fmt.Sprintf("take the stack over: docker cp %s:%s into a folder of the host, with its .env, have the panel forget the stack without stopping it, and %s",
			k.container, path.Dir(file), start)
	}
	hint := over
	if k.panel.edit != "" {
		hint = fmt.Sprintf("do the upgrade in %s, by the vendor's runbook (%s), or %s", k.panel.name, k.panel.edit, over)
	}
	c.add("compose files", Stop, hint, "the stack belongs to %s, which keeps its compose file where the host has none: %s", k.name(), file)
}

// panels warns of a panel that may write over the edited file.
func (c *checker) panels() {
	for _, file := range c.f.Project.Files {
		if slices.ContainsFunc(c.f.Files, func(x File) bool { return x.Path == file && x.Missing }) {
			continue
		}
		if k, ok := findFileOwner(c.f, file, false); ok {
			how := "make the same change there"
			if k.panel.edit != "" {
				how = fmt.Sprintf("after the upgrade make the same change there (%s)", k.panel.edit)
			}
			c.add("panel", Warn, how+", before anybody deploys from it", "%s is kept by %s: what it writes next may undo the upgrade", file, k.name())
			return
		}
	}
}
