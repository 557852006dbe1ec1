package engine

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// What compose leaves on containers.
const (
	labelProject = "com.docker.compose.project"
	labelService = "com.docker.compose.service"
	labelHash    = "com.docker.compose.config-hash"
	labelImage   = "com.docker.compose.image"
)

// engineSocket is the engine's own: it lies in no file system of the simulation.
const engineSocket = "/var/run/docker.sock"

// ComposeVersion is the one that was recorded.
const ComposeVersion = "2.26.1-4"

//go:embed testdata/compose-2.26.1-4
var recorded embed.FS

// A recording is what compose says of a compose file and .env, byte for byte.
type recording struct {
	name   string
	sum    string
	model  []byte
	hashes map[string]string
}

// digest identifies what a recording was made of.
func digest(file, env []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d\n%s%s", len(file), file, env)
	return hex.EncodeToString(h.Sum(nil))
}

func recordings() ([]recording, error) {
	const root = "testdata/compose-" + ComposeVersion
	dirs, err := fs.ReadDir(recorded, root)
	if err != nil {
		return nil, err
	}
	var all []recording
	for _, d := range dirs {
		var parts [4][]byte
		for i, name := range []string{"docker-compose.yml", "env", "model.json", "hashes"} {
			if parts[i], err = recorded.ReadFile(path.Join(root, d.Name(), name)); err != nil {
				return nil, err
			}
		}
		r := recording{name: d.Name(), sum: digest(parts[0], parts[1]), model: parts[2], hashes: map[string]string{}}
		for line := range strings.Lines(string(parts[3])) {
			service, hash, _ := strings.Cut(strings.TrimSpace(line), " ")
			r.hashes[service] = hash
		}
		all = append(all, r)
	}
	return all, nil
}

// States are the names of the recordings, those too that are not complete yet.
func States() ([]string, error) {
	dirs, err := fs.ReadDir(recorded, "testdata/compose-"+ComposeVersion)
	var names []string
	for _, d := range dirs {
		names = append(names, d.Name())
	}
	return names, err
}

// Recorded is a file of a recording: docker-compose.yml, env, model.json or
// hashes.
func Recorded(name, file string) ([]byte, error) {
	return recorded.ReadFile(path.Join("testdata/compose-"+ComposeVersion, name, file))
}

// model is the part of a merged model that "up" goes by.
type model struct {
	Name     string
	Networks map[string]struct {
		Name     string
		Internal bool
	}
	Volumes  map[string]struct{ Name string }
	Secrets  map[string]struct{ File string }
	Services map[string]service

	raw map[string]map[string]any // the services as they are in the document
}

type service struct {
	ContainerName string `json:"container_name"`
	Image         string
	Environment   map[string]string
	DependsOn     map[string]any `json:"depends_on"`
	Networks      map[string]any
	Ports         []struct {
		Target    int
		Published string
		HostIP    string `json:"host_ip"`
	}
	Secrets []struct{ Source, Target string }
	Volumes []struct {
		Type, Source, Target string
		ReadOnly             bool `json:"read_only"`
	}
}

// A composition is one call of compose.
type composition struct {
	*call
	project, dir string
	files        []string
	book         recording
	model        model
	alone        bool // without what a service depends on
}

func (c *call) compose() int {
	x := &composition{call: c}
	got, err := c.flags("", "p project-directory f env-file profile")
	if err != nil {
		return c.fail(err)
	}
	x.project, x.dir, x.files = one(got["p"]), one(got["project-directory"]), got["f"]
	verb := c.word()
	if verb == "version" {
		fmt.Fprintln(c.p.Stdout(), ComposeVersion)
		return 0
	}
	if c.OldClient != "" && verb != "config" {
		return c.daemon("client version %s is too old. Minimum supported API version is 1.44, please upgrade your client to a newer version", c.OldClient)
	}
	if verb == "ls" {
		return x.list()
	}
	if err := x.read(); err != nil {
		return c.fail(err)
	}
	switch verb {
	case "config":
		return x.config()
	case "up":
		return x.up()
	}
	return c.unsimulated("compose " + verb)
}

// list is "ls -q": the projects of which something runs.
func (x *composition) list() int {
	if got, err := x.flags("q", ""); err != nil || got["q"] == nil {
		return x.unsimulated("compose ls")
	}
	var names []string
	for _, c := range x.Containers {
		if name := c.Labels[labelProject]; name != "" && x.condition(c).status != "exited" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintln(x.p.Stdout(), name)
	}
	return 0
}

// read finds the recording for the files that were named.
func (x *composition) read() error {
	if len(x.files) != 1 {
		return fmt.Errorf("a project of %d files: %w", len(x.files), errNotSimulated)
	}
	var file []byte
	var err error
	if x.files[0] == "-" {
		file, err = io.ReadAll(x.p.Stdin())
	} else {
		file, err = x.file(x.files[0])
	}
	if err != nil {
		return err
	}
	env, err := x.file(path.Join(x.dir, ".env"))
	if err != nil {
		return err
	}
	var recorded, offered []string
	for was, now := range x.Offered {
		recorded, offered = append(recorded, was, now), append(offered, now, was)
	}
	file = []byte(strings.NewReplacer(offered...).Replace(string(file)))
	sum := digest(file, env)
	i := slices.IndexFunc(x.books, func(r recording) bool { return r.sum == sum })
	if i < 0 {
		return fmt.Errorf("what compose says of %s was never recorded (%s)", x.files[0], sum[:12])
	}
	x.book = x.books[i]
	x.book.model = []byte(strings.NewReplacer(recorded...).Replace(string(x.book.model)))
	if err := json.Unmarshal(x.book.model, &x.model); err != nil {
		return err
	}
	var doc struct{ Services map[string]map[string]any }
	if err := json.Unmarshal(x.book.model, &doc); err != nil {
		return err
	}
	x.model.raw = doc.Services
	return nil
}

func (x *composition) file(name string) ([]byte, error) {
	n, err := x.p.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("open %s: no such file or directory", name)
	}
	return n.Data, nil
}

func (x *composition) config() int {
	got, err := x.flags("", "format hash")
	if err != nil {
		return x.fail(err)
	}
	fmt.Fprintln(x.p.Stderr(), `level=warning msg="The \"CLOUDFLARE_TUNNEL_TOKEN\" variable is not set. Defaulting to a blank string."`)
	if which := one(got["hash"]); which != "" {
		var names []string
		for name := range x.book.hashes {
			if which == "*" || which == name {
				names = append(names, name)
			}
		}
		if names == nil {
			return x.refuse("no such service: " + which)
		}
		slices.Sort(names)
		for _, name := range names {
			fmt.Fprintln(x.p.Stdout(), name, x.book.hashes[name])
		}
		return 0
	}
	_, _ = x.p.Stdout().Write(x.book.model)
	return 0
}

// up is "up -d --no-build --pull never [--no-deps] SERVICE…".
func (x *composition) up() int {
	got, err := x.flags("d no-build no-deps", "pull")
	if err != nil {
		return x.fail(err)
	}
	if got["no-build"] == nil || one(got["pull"]) != "never" || len(x.args) == 0 {
		return x.unsimulated("compose up without --no-build, --pull never or a service")
	}
	x.alone = got["no-deps"] != nil
	for _, name := range x.order(x.args) {
		if err := x.converge(name); err != nil {
			return x.fail(err)
		}
	}
	return 0
}

// order puts what services depend on before them.
func (x *composition) order(names []string) []string {
	var out []string
	var visit func(string)
	visit = func(name string) {
		if slices.Contains(out, name) {
			return
		}
		if !x.alone {
			for dep := range x.model.Services[name].DependsOn {
				visit(dep)
			}
		}
		out = append(out, name)
	}
	for _, name := range names {
		visit(name)
	}
	return out
}

// hash is what compose notes of a service. With --no-deps it forgets what the service
// depends on first, so that the next "up" without it makes the container anew, and what
// "config --hash" says is another one.
func (x *composition) hash(name string) string {
	if x.alone && len(x.model.Services[name].DependsOn) > 0 {
		return digest([]byte("without dependencies"), []byte(x.book.hashes[name]))
	}
	return x.book.hashes[name]
}

// converge makes a service's container what the model says.
func (x *composition) converge(name string) error {
	s, ok := x.model.Services[name]
	if !ok {
		return fmt.Errorf("no such service: %s", name)
	}
	ref := s.Image
	if ref == "" {
		ref = x.project + "-" + name
	}
	image := x.Image(ref)
	if image == nil {
		return fmt.Errorf("%s: No such image: %s", daemonSaid, ref)
	}
	say := func(what string) { fmt.Fprintf(x.p.Stderr(), " Container %s  %s\n", s.name(x.project, name), what) }
	have := x.Engine.project(x.project, name)
	if len(have) > 0 {
		old := have[0]
		if old.Labels[labelHash] == x.hash(name) && old.ImageID == image.ID {
			if !old.Running {
				say("Starting")
				x.p.Sleep(200 * time.Millisecond)
				return x.Engine.run(old)
			}
			say("Running")
			return nil
		}
		say("Recreate")
		if old.Running {
			x.p.Sleep(300 * time.Millisecond)
			old.stop(x.Engine)
		}
		x.p.Sleep(50 * time.Millisecond)
		x.remove(old)
	}
	made, err := x.create(name, s, ref, image)
	if err != nil {
		return err
	}
	x.p.Sleep(200 * time.Millisecond)
	say("Started")
	return x.Engine.run(made)
}

func (s service) name(project, name string) string {
	if s.ContainerName != "" {
		return s.ContainerName
	}
	return project + "-" + name + "-1"
}

func (x *composition) create(name string, s service, ref string, image *Image) (*Container, error) {
	c := &Container{
		ID: x.newID(), Name: s.name(x.project, name), Image: ref, ImageID: image.ID, Service: name, Created: x.p.M.Now(),
		Ports: map[string]portDoc{}, Made: x.define(x.model.raw[name], image),
		Labels: map[string]string{
			labelProject: x.project, labelService: name, labelHash: x.hash(name), labelImage: image.ID,
			"com.docker.compose.oneoff": "False", "com.docker.compose.container-number": "1", "com.docker.compose.version": "2.26.1",
			"com.docker.compose.project.working_dir": x.dir, "com.docker.compose.project.config_files": strings.Join(x.files, ","),
		},
	}
	if other := x.Container(c.Name); other != nil {
		return nil, fmt.Errorf("%s: Conflict. The container name \"/%s\" is already in use by container %q", daemonSaid, c.Name, other.ID)
	}
	for k, v := range s.Environment {
		c.Env = append(c.Env, k+"="+v)
	}
	slices.Sort(c.Env)
	c.Env = append(c.Env, image.Env...)
	for _, p := range s.Ports {
		c.Ports[fmt.Sprintf("%d/tcp", p.Target)] = portDoc{cmp.Or(p.HostIP, "0.0.0.0"), p.Published}
	}
	for key := range s.Networks {
		c.Networks = append(c.Networks, x.network(key))
	}
	slices.Sort(c.Networks)
	for _, v := range s.Volumes {
		switch v.Type {
		case "volume":
			c.Mounts = append(c.Mounts, Mount{Type: "volume", Name: x.volume(v.Source), Destination: v.Target, RW: !v.ReadOnly})
		case "bind":
			c.Mounts = append(c.Mounts, Mount{Type: "bind", Source: v.Source, Destination: v.Target, RW: !v.ReadOnly})
		}
	}
	for _, secret := range s.Secrets {
		c.Mounts = append(c.Mounts, Mount{Type: "bind", Source: x.model.Secrets[secret.Source].File, Destination: secret.Target})
	}
	var binds []string
	for _, m := range c.Mounts {
		binds = append(binds, m.bind())
	}
	ports := map[string]any{}
	for _, p := range s.Ports {
		ports[fmt.Sprintf("%d/tcp", p.Target)] = []portDoc{{p.HostIP, p.Published}}
	}
	c.Made.HostConfig["Binds"], c.Made.HostConfig["PortBindings"] = binds, ports
	x.Engine.Containers = append(x.Engine.Containers, c)
	x.Did["create "+name+" of "+ref]++
	return c, nil
}

func (x *composition) network(key string) string {
	n := x.model.Networks[key]
	if x.Network(n.Name) == nil {
		x.Engine.Networks = append(x.Engine.Networks, &Network{
			ID: x.newID(), Name: n.Name, Internal: n.Internal,
			Labels: map[string]string{labelProject: x.project, "com.docker.compose.network": key},
		})
	}
	return n.Name
}

func (x *composition) volume(key string) string {
	name := x.model.Volumes[key].Name
	if !slices.ContainsFunc(x.Volumes, func(v *Volume) bool { return v.Name == name }) {
		x.Engine.Volumes = append(x.Engine.Volumes, &Volume{Name: name, Labels: map[string]string{labelProject: x.project, "com.docker.compose.volume": key}})
	}
	return name
}

// daemonSaid begins what the docker client passes on from its engine.
const daemonSaid = "Error response from daemon"
