package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Level says how a check came out.
type Level string

// A check that says stop keeps a host from being changed.
const (
	Pass Level = "pass"
	Warn Level = "warn"
	Stop Level = "stop"
)

// Check is one named question about a host and its answer.
type Check struct {
	Name   string `json:"name"`
	Level  Level  `json:"level"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`
}

// Stopped returns the checks that say stop.
func Stopped(checks []Check) []Check {
	var out []Check
	for _, c := range checks {
		if c.Level == Stop {
			out = append(out, c)
		}
	}
	return out
}

// BackupRoot is where the runbook keeps its backups on the host, and RunRoot
// where a run leaves its job while it is under way.
const (
	BackupRoot = "/var/backups"
	RunRoot    = "/var/lib/liftalot"
)

// DiskPaths are the folders whose free space a look must ask for.
func DiskPaths() []string { return []string{BackupRoot, RunRoot} }

// checker collects the answers about one host.
type checker struct {
	f   *Facts
	s   Settings
	rel *Release // nil while nothing is known of the release

	edits bool // there is something to change, whatever the look alone says
	out   []Check
}

// Checks answers every named question about a host. It never stops at the first
// answer: who fixes a host wants to see them all. The release may be nil.
func Checks(f *Facts, s Settings, rel *Release) []Check {
	c := &checker{f: f, s: s, rel: rel}
	c.machine()
	c.docker()
	if !c.project() {
		return c.out
	}
	c.model()
	c.panels()
	c.variant()
	c.services()
	c.canRestartServer()
	c.health()
	c.database()
	c.nameless()
	c.downtime()
	c.migrations()
	c.secretFiles()
	c.links()
	c.exposed()
	c.secretsAccess()
	c.occupied(c.f.Model)
	c.dependents()
	c.space()
	c.drift()
	c.pending()
	c.checkout()
	c.release()
	return c.out
}

func (c *checker) add(name string, l Level, hint, format string, args ...any) {
	c.out = append(c.out, Check{Name: name, Level: l, Detail: fmt.Sprintf(format, args...), Hint: hint})
}

func (c *checker) failureOf(part string) (Failure, bool) {
	for _, f := range c.f.Failures {
		if f.Part == part {
			return f, true
		}
	}
	return Failure{}, false
}

func (c *checker) machine() {
	if c.f.Machine.UID != 0 {
		c.add("root", Stop, `set "sudo:" for this host in the inventory`, "the look did not run as root (uid %d)", c.f.Machine.UID)
	} else {
		c.add("root", Pass, "", "root works")
	}
	var missing []string
	for _, t := range []string{"sha256sum", "stat", "readlink", "od", "df"} {
		if c.f.Machine.Tools[t] == "" {
			missing = append(missing, t)
		}
	}
	if len(missing) > 0 {
		c.add("tools", Stop, "they are part of coreutils or busybox on any distribution", "missing on the host: %s", strings.Join(missing, ", "))
	} else {
		c.add("tools", Pass, "", "%s, %s", c.f.Machine.OS, c.f.Machine.Arch)
	}
}

func (c *checker) docker() {
	if c.f.Docker.Stranger {
		c.add("docker", Stop, "managed updates need Docker's own engine and its socket: install it there, and start the stack with it",
			"the docker command is not Docker's own and tells of no engine, as that of podman")
		return
	}
	if fail, bad := c.failureOf("docker"); bad || c.f.Docker.Version == "" {
		c.add("docker", Stop, "is the docker service running?", "the docker engine did not answer: %s", fail.Detail)
		return
	}
	switch {
	case c.f.Docker.Rootless():
		c.add("docker", Stop, "the updater's socket proxy needs /var/run/docker.sock as root", "rootless docker or remapped user ids: managed updates cannot work there")
	case c.f.Docker.Snap():
		c.add("docker", Stop, "install Docker's engine from packages, and move the stack to it: snap and package do not share containers",
			"docker is a snap (its data is in %s): it sees neither the compose folder outside of a home nor files in memory", c.f.Docker.Root)
	case c.f.Compose == "":
		fail, _ := c.failureOf("compose")
		c.add("docker", Stop, "install the docker compose plugin, version 2.20 or later", "docker %s has no compose plugin: %s", c.f.Docker.Version, fail.Detail)
	case !atLeast(c.f.Compose, 2, 20):
		c.add("docker", Stop, "install compose 2.20 or later", "compose %s is too old", c.f.Compose)
	default:
		if fail, bad := c.failureOf("compose-engine"); bad {
			c.add("docker", Stop, "bring the compose plugin and the engine to releases that know each other, then look whether \"docker compose ls\" answers: nothing can be started there with this one",
				"compose %s cannot speak to engine %s (API %s): %s", c.f.Compose, c.f.Docker.Version, c.f.Docker.API, fail.Detail)
			return
		}
		c.add("docker", Pass, "", "engine %s, compose %s", c.f.Docker.Version, c.f.Compose)
	}
}

// atLeast compares the first two numbers of a version.
func atLeast(version string, major, minor int) bool {
	var a, b int
	if _, err := fmt.Sscanf(version, "%d.%d", &a, &b); err != nil {
		return false
	}
	return a > major || a == major && b >= minor
}

// project reports whether there is exactly one stack to talk about.
func (c *checker) project() bool {
	p := c.f.Project
	if p.Name != "" {
		c.add("project", Pass, "", "project %q in %s (%s)", p.Name, p.WorkingDir, strings.Join(baseNames(p.Files), ", "))
		return true
	}
	switch len(c.f.Others) {
	case 0:
		c.add("project", Stop, "is the stack started? a stopped one still has its containers", "no container of a compose service %q on this host", p.Service)
	case 1:
		c.add("project", Stop, fmt.Sprintf(`set "compose_dir: %s", or "auto"`, c.f.Others[0].WorkingDir),
			"the compose folder of the inventory has no %q stack; there is one in %s", p.Service, c.f.Others[0].WorkingDir)
	default:
		var dirs []string
		for _, o := range c.f.Others {
			dirs = append(dirs, o.WorkingDir)
		}
		c.add("project", Stop, `set "compose_dir:" to one of them in the inventory`, "several %q stacks: %s", p.Service, strings.Join(dirs, ", "))
	}
	return false
}

func baseNames(paths []string) []string {
	var out []string
	for _, p := range paths {
		out = append(out, p[strings.LastIndexByte(p, '/')+1:])
	}
	return out
}

func (c *checker) model() {
	for _, file := range c.f.Files {
		if file.Missing && slices.Contains(c.f.Project.Files, file.Path) {
			c.missingFile(file.Path)
			return
		}
	}
	if fail, bad := c.failureOf("model"); bad || c.f.Model == nil {
		c.add("compose files", Stop, "try \"docker compose config\" in the folder", "compose does not read the project's files: %s", fail.Detail)
		return
	}
	if len(c.f.Project.Loose) > 0 {
		c.add("compose files", Warn, "a plain \"docker compose up\" in that folder would use it; the running stack does not",
			"%s lies beside the project's files and is not in use", strings.Join(c.f.Project.Loose, ", "))
		return
	}
	c.add("compose files", Pass, "", "compose reads the project's files")
}

func (c *checker) variant() {
	v := VariantOf(c.f, c.rel)
	switch v {
	case Partial:
		c.add("variant", Stop, fmt.Sprintf("define both %s and %s, or neither", UpdaterService, ProxyService),
			"only one of the two updater services is defined")
	case Unknown:
		c.add("variant", Stop, "", "the merged compose model could not be read")
	default:
		c.add("variant", Pass, "", "%s", v)
	}
}

func (c *checker) services() {
	s, ok := c.f.Server()
	if !ok {
		c.add("server", Stop, "", "no container of service %q", c.f.Project.Service)
		return
	}
	if !s.Running() {
		// Not by compose: the files may name another release than the one that is there.
		c.add("server", Stop, fmt.Sprintf("start it first: docker start %s", s.Name), "container %s is %s, not running", s.Name, s.State)
		return
	}
	if s.Restarts > 0 && s.Health == "unhealthy" {
		c.add("server", Warn, "look at its log", "container %s was restarted %d times", s.Name, s.Restarts)
		return
	}
	c.add("server", Pass, "", "container %s runs %s", s.Name, s.Image)
}

// canRestartServer makes sure that compose can start the server that runs now once more. Files
// whose image line is ahead of the container, as after an attempt that edited them and
// never ran "up", would bring up another image when the new one fails; files that are
// behind it, as after an update from the panel, an older one that does not start on the
// newer schema (trap P1).
func (c *checker) canRestartServer() {
	name := FilesName(c.f)
	if name == "" {
		return
	}
	s, _ := c.f.Server()
	image, _ := c.f.ImageByID(s.ImageID)
	service := c.f.Model.Service(c.f.Project.Service)
	hint := fmt.Sprintf("let the image line of %s name what runs, or start what it names yourself and look whether it comes up", service.Name)
	if runs, ok := pinOf(s, image, name); ok {
		hint = fmt.Sprintf("write what runs into the image line of %s, start nothing, and plan again: image: %s", service.Name, runs)
	}
	c.add("rollback", Stop, hint, "the compose files name the image %s, and %s runs %s: if the upgrade failed, compose could not start the present server again",
		service.Image, s.Name, s.Image)
}

// pinOf is the reference by digest of what a container runs, where that is another
// release of the image that the files name.
func pinOf(c Container, image Image, name string) (string, bool) {
	for _, ref := range append([]string{c.Image}, image.Digests...) {
		if _, digest, ok := strings.Cut(ref, "@"); ok && digest != "" && repository(ref) == repository(name) {
			return ref, true
		}
	}
	return "", false
}

// repository is a reference without its tag and digest.
func repository(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		ref = ref[:i]
	}
	return ref
}

func (c *checker) health() {
	h := c.f.Health
	level := Stop
	if c.s.Allows(AllowDegraded) {
		level = Warn
	}
	hint := fmt.Sprintf("mend the server first, or accept it by name: allow: [%s]", AllowDegraded)
	switch {
	case h.OK():
		says := "ok, it calls itself " + h.Version
		if version, source := RunningVersion(c.f); version != h.Version {
			says += fmt.Sprintf(", as all public builds up to 0.23.0 do: by its %s it is %s", source, version)
		}
		c.add("health", Pass, "", "%s", says)
	case !h.Asked:
		fail, _ := c.failureOf("health")
		c.add("health", level, hint, "the server did not answer inside its container: %s", fail.Detail)
	default:
		c.add("health", level, hint, "HTTP %d, status %q, database healthy: %v", h.Code, h.Status, h.DBHealthy)
	}
}
