package engine

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"liftalot/testenv/sim/machine"
)

// A call is one run of docker.
type call struct {
	*Engine
	p    *machine.Proc
	args []string

	named string // the container of a verb
}

// versions of what is simulated, as the recordings have them.
const serverVersion = `{"Version":"26.1.5+dfsg1","ApiVersion":"1.45","MinAPIVersion":"1.24","Os":"linux","Arch":"amd64","KernelVersion":"6.12.48+deb13-amd64"}`

var errNotSimulated = errors.New("not simulated")

// docker is the command line client.
func (e *Engine) docker(p *machine.Proc, args []string) int {
	c := &call{Engine: e, p: p, args: args[1:]}
	if p.UID != 0 {
		return c.refuse("permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock")
	}
	verb := c.word()
	if verb == "container" || verb == "image" || verb == "network" || verb == "volume" || verb == "system" {
		verb += " " + c.word()
	}
	run, ok := map[string]func() int{
		"version": c.version, "info": c.info, "ps": c.ps, "inspect": c.inspectAny, "image inspect": c.inspectImages,
		"network ls": c.networkList, "network inspect": c.networkInspect, "network rm": c.networkRemove, "volume ls": c.volumeList,
		"tag": c.tag, "pull": c.pull, "stop": c.stop, "start": c.start, "rm": c.rm, "logs": c.logs, "exec": c.exec, "compose": c.compose,
		"run": c.runContainer, "restart": c.restart, "rename": c.rename, "system dial-stdio": c.dialStdio,
	}[verb]
	if !ok {
		return c.unsimulated(verb)
	}
	return run()
}

// unsimulated refuses what is not known here, so that it is noticed.
func (c *call) unsimulated(what string) int {
	c.p.Unsimulated("docker", "%s", what)
	return 1
}

// fail says what went wrong, and sees to it that what is not simulated is noticed.
func (c *call) fail(err error) int {
	if errors.Is(err, errNotSimulated) {
		return c.unsimulated(strings.TrimSuffix(err.Error(), ": "+errNotSimulated.Error()))
	}
	return c.refuse(err.Error())
}

func (c *call) refuse(text string) int {
	_, _ = io.WriteString(c.p.Stderr(), text+"\n")
	return 1
}

func (c *call) daemon(format string, args ...any) int {
	return c.refuse("Error response from daemon: " + fmt.Sprintf(format, args...))
}

func (c *call) word() string {
	if len(c.args) == 0 {
		return ""
	}
	w := c.args[0]
	c.args = c.args[1:]
	return w
}

// flags takes options from the front: switches, and those with a value, which
// may come more than once.
func (c *call) flags(plain string, with string) (map[string][]string, error) {
	got := map[string][]string{}
	for len(c.args) > 0 && strings.HasPrefix(c.args[0], "-") {
		name, value, joined := strings.Cut(strings.TrimLeft(c.word(), "-"), "=")
		switch {
		case slices.Contains(strings.Fields(with), name):
			if !joined {
				value = c.word()
			}
			got[name] = append(got[name], value)
		case slices.Contains(strings.Fields(plain), name):
			got[name] = []string{"true"}
		default:
			return nil, fmt.Errorf("option %s: %w", name, errNotSimulated)
		}
	}
	return got, nil
}

func one(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

func (c *call) print(format string, docs []any) int {
	if err := render(c.p.Stdout(), format, docs); err != nil {
		return c.fail(err)
	}
	return 0
}

func (c *call) version() int {
	got, err := c.flags("", "format")
	if err != nil || one(got["format"]) != "{{json .Server}}" {
		return c.unsimulated("version")
	}
	fmt.Fprintln(c.p.Stdout(), serverVersion)
	return 0
}

func (c *call) info() int {
	got, err := c.flags("", "format")
	if err != nil {
		return c.fail(err)
	}
	return c.print(one(got["format"]), []any{struct {
		DockerRootDir   string
		SecurityOptions []string
		DriverStatus    [][2]string
	}{"/var/lib/docker", []string{"name=seccomp,profile=builtin"}, [][2]string{{"Backing Filesystem", "extfs"}}}})
}

// matching applies --filter to labels and names.
func matching(filters []string, labels map[string]string, name string) (bool, error) {
	for _, f := range filters {
		kind, want, _ := strings.Cut(f, "=")
		switch kind {
		case "label":
			key, value, hasValue := strings.Cut(want, "=")
			have, ok := labels[key]
			if !ok || hasValue && have != value {
				return false, nil
			}
		case "name":
			rx, err := regexp.Compile(want)
			if err != nil {
				return false, err
			}
			if !rx.MatchString("/" + name) {
				return false, nil
			}
		default:
			return false, fmt.Errorf("filter %s: %w", kind, errNotSimulated)
		}
	}
	return true, nil
}

type psDoc struct {
	ID, Names, Image, State, Status, Labels string

	labels map[string]string
}

// Label is what docker's own format calls so: "" for a label that is not there.
func (d psDoc) Label(name string) string { return d.labels[name] }

// statusWords are how "docker ps" words a state.
var statusWords = map[string]string{
	"running": "Up 2 minutes", "restarting": "Restarting (1) 2 seconds ago", "exited": "Exited (0) 2 minutes ago", "created": "Created",
}

func (c *call) ps() int {
	var short []string
	for _, a := range c.args {
		if a == "-aq" {
			short = append(short, "-a", "-q")
			continue
		}
		short = append(short, a)
	}
	c.args = short
	got, err := c.flags("a q no-trunc", "filter format")
	if err != nil {
		return c.fail(err)
	}
	all := slices.Clone(c.Containers)
	slices.Reverse(all) // the newest first
	var docs []any
	for _, x := range all {
		by := slices.DeleteFunc(slices.Clone(got["filter"]), func(f string) bool { return f == "status="+c.condition(x).status })
		if slices.ContainsFunc(by, func(f string) bool { return strings.HasPrefix(f, "status=") }) {
			continue
		}
		ok, err := matching(by, x.Labels, x.Name)
		if err != nil {
			return c.fail(err)
		}
		now := c.condition(x)
		if !ok || (now.status == "exited" || now.status == "created") && got["a"] == nil {
			continue
		}
		id := x.ID[:12]
		if got["no-trunc"] != nil {
			id = x.ID
		}
		if got["q"] != nil {
			fmt.Fprintln(c.p.Stdout(), id)
			continue
		}
		docs = append(docs, psDoc{ID: id, Names: x.Name, Image: x.Image, State: now.status, Status: statusWords[now.status], labels: x.Labels})
	}
	if got["q"] != nil {
		return 0
	}
	return c.print(one(got["format"]), docs)
}

// inspectAny looks at containers, and at images where there is no such
// container.
func (c *call) inspectAny() int {
	got, err := c.flags("", "f format")
	if err != nil {
		return c.fail(err)
	}
	return c.each(one(append(got["f"], got["format"]...)), func(ref string) (any, string) {
		if x := c.Container(ref); x != nil {
			return c.inspect(x), ""
		}
		if i := c.Image(ref); i != nil {
			return i.doc(), ""
		}
		return nil, "Error: No such object: " + ref
	})
}

func (c *call) inspectImages() int {
	got, err := c.flags("", "f format")
	if err != nil {
		return c.fail(err)
	}
	return c.each(one(append(got["f"], got["format"]...)), func(ref string) (any, string) {
		if i := c.Image(ref); i != nil {
			return i.doc(), ""
		}
		return nil, "Error response from daemon: No such image: " + tagged(ref)
	})
}

func (c *call) networkInspect() int {
	return c.each("", func(ref string) (any, string) {
		if n := c.Network(ref); n != nil {
			return n.doc(), ""
		}
		return nil, "Error response from daemon: network " + ref + " not found"
	})
}

// each prints what is found and complains about what is not.
func (c *call) each(format string, look func(ref string) (any, string)) int {
	var docs []any
	var missing []string
	for _, ref := range c.args {
		if d, why := look(ref); why != "" {
			missing = append(missing, why)
		} else {
			docs = append(docs, d)
		}
	}
	if len(c.args) == 0 {
		return c.refuse("\"docker inspect\" requires at least 1 argument.")
	}
	if format != "" && docs == nil {
		fmt.Fprintln(c.p.Stdout())
	}
	status := c.print(format, docs)
	for _, why := range missing {
		status = c.refuse(why)
	}
	return status
}

func (c *call) networkList() int {
	got, err := c.flags("q", "filter")
	if err != nil || got["q"] == nil {
		return c.unsimulated("network ls")
	}
	byName := slices.SortedFunc(slices.Values(c.Networks), func(a, b *Network) int { return cmp.Compare(a.Name, b.Name) })
	for _, n := range byName {
		ok, err := matching(got["filter"], n.Labels, n.Name)
		if err != nil {
			return c.fail(err)
		}
		if ok {
			fmt.Fprintln(c.p.Stdout(), n.ID[:12])
		}
	}
	return 0
}

func (c *call) networkRemove() int {
	n := c.Network(c.word())
	if n == nil {
		return c.daemon("network not found")
	}
	for _, x := range c.Containers {
		if slices.Contains(x.Networks, n.Name) {
			return c.daemon("error while removing network: network %s has active endpoints", n.Name)
		}
	}
	c.Engine.Networks = slices.DeleteFunc(c.Networks, func(x *Network) bool { return x == n })
	fmt.Fprintln(c.p.Stdout(), n.Name)
	return 0
}

type volumeDoc struct {
	Name   string
	labels map[string]string
}

// Label is the value of one, as the templates of docker's lists have it.
func (v volumeDoc) Label(name string) string { return v.labels[name] }

func (c *call) volumeList() int {
	got, err := c.flags("q", "filter format")
	if err != nil || got["q"] == nil && got["format"] == nil {
		return c.unsimulated("volume ls")
	}
	var docs []any
	byName := slices.SortedFunc(slices.Values(c.Volumes), func(a, b *Volume) int { return cmp.Compare(a.Name, b.Name) })
	for _, v := range byName {
		ok, err := matching(got["filter"], v.Labels, v.Name)
		if err != nil {
			return c.fail(err)
		}
		if ok && got["q"] != nil {
			fmt.Fprintln(c.p.Stdout(), v.Name)
		} else if ok {
			docs = append(docs, volumeDoc{v.Name, v.Labels})
		}
	}
	if got["q"] != nil {
		return 0
	}
	return c.print(one(got["format"]), docs)
}

func (c *call) tag() int {
	if len(c.args) != 2 {
		return c.unsimulated("tag without two names")
	}
	i := c.Image(c.args[0])
	if i == nil {
		return c.daemon("No such image: %s", tagged(c.args[0]))
	}
	name := tagged(c.args[1])
	for _, x := range c.Images {
		x.Tags = slices.DeleteFunc(x.Tags, func(t string) bool { return t == name })
	}
	i.Tags = append(i.Tags, name)
	slices.Sort(i.Tags)
	return 0
}

func (c *call) pull() int {
	if _, err := c.flags("q", ""); err != nil || len(c.args) != 1 {
		return c.unsimulated("pull")
	}
	ref := c.args[0]
	have := c.Registry[ref]
	if have == nil {
		return c.daemon("manifest for %s not found: manifest unknown", ref)
	}
	if c.Image(ref) == nil {
		c.p.Sleep(2 * time.Second)
		c.Did["pull "+ref]++
		i := *have
		if old := c.Image(i.ID); old != nil {
			old.Digests = append(old.Digests, ref)
		} else {
			c.Engine.Images = append(c.Engine.Images, &i)
		}
	}
	fmt.Fprintln(c.p.Stdout(), ref)
	return 0
}

// target is the container for a verb, with its options taken, and so many more words at most.
func (c *call) target(plain, with string, more int) (*Container, map[string][]string, int) {
	got, err := c.flags(plain, with)
	if err != nil {
		return nil, nil, c.fail(err)
	}
	name := c.word()
	c.named = name
	x := c.Container(name)
	if x == nil {
		return nil, got, c.daemon("No such container: %s", name)
	}
	if len(c.args) > more {
		return nil, nil, c.unsimulated("a command for several containers")
	}
	return x, got, 0
}

func (c *call) stop() int {
	x, _, status := c.target("", "t", 0)
	if x == nil {
		return status
	}
	if x.Running {
		c.p.Sleep(500 * time.Millisecond)
		x.stop(c.Engine)
	}
	fmt.Fprintln(c.p.Stdout(), x.Name)
	return 0
}

func (c *call) start() int {
	x, _, _ := c.target("", "", 0)
	if x == nil {
		return c.refuse("Error: failed to start containers: " + c.named)
	}
	if !x.Running {
		c.p.Sleep(200 * time.Millisecond)
		if err := c.run(x); err != nil {
			return c.daemon("%v", err)
		}
	}
	fmt.Fprintln(c.p.Stdout(), x.Name)
	return 0
}

func (c *call) restart() int {
	x, _, status := c.target("", "t", 0)
	if x == nil {
		return status
	}
	c.p.Sleep(500 * time.Millisecond)
	x.stop(c.Engine)
	if err := c.run(x); err != nil {
		return c.daemon("%v", err)
	}
	fmt.Fprintln(c.p.Stdout(), x.Name)
	return 0
}

func (c *call) rename() int {
	x, _, _ := c.target("", "", 1)
	if x == nil {
		return c.refuse("Error: failed to rename container named " + c.named)
	}
	name := c.word()
	if other := c.Container(name); other != nil {
		return c.daemon("Conflict. The container name \"/%s\" is already in use by container %q", name, other.ID)
	}
	x.Name = name
	return 0
}

// run starts a container, with its files as they are on the host by now.
func (e *Engine) run(x *Container) error {
	if err := e.join(x); err != nil {
		return err
	}
	if err := x.populate(e); err != nil {
		return err
	}
	x.start(e)
	return nil
}

func (c *call) rm() int {
	x, got, status := c.target("f", "", 0)
	switch {
	case x == nil && got["f"] != nil:
		return 0 // though it has complained
	case x == nil:
		return status
	case x.Running && got["f"] == nil:
		return c.daemon("cannot remove container %q: container is running: stop the container before removing or force remove", "/"+x.Name)
	}
	c.remove(x)
	fmt.Fprintln(c.p.Stdout(), x.Name)
	return 0
}

func (c *call) logs() int {
	x, _, status := c.target("", "tail", 0)
	if x == nil {
		return status
	}
	if x.fatal != "" {
		fmt.Fprintln(c.p.Stderr(), "Error: "+x.fatal)
	}
	if i := c.Image(x.ImageID); i != nil && i.App.Mode == Crash {
		fmt.Fprintln(c.p.Stderr(), "Error: the simulated server crashes")
	}
	return 0
}
