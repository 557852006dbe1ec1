package drift

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"liftalot/plan/compose"
)

// An Input is what there is to compare.
type Input struct {
	Model     *compose.Model
	Service   string
	Container json.RawMessage // as docker inspect prints it
	Image     json.RawMessage // the one it runs, as docker image inspect prints it

	// Services are the project's containers by ID, Names the IDs of the host's by name.
	Services, Names map[string]string
}

// A Difference is a field in which a container is not what Compose would make. Its values
// hold secrets in clear: [Difference.Show] does not.
type Difference struct {
	Field       string
	Runs, Makes string // "" for what is not set
}

// A Report is what was found.
type Report struct {
	Differences []Difference
	Unknown     []string // what could not be compared, in words
}

// unset stands for a field that a side does not have.
const unset = ""

// fields are what a container is made of, by name, in a form that is equal where the
// meaning is.
type fields map[string]string

func (f fields) set(name, value string) {
	if value != unset {
		f[name] = value
	}
}

// Compare compares a container with what Compose would make of its service. It fails
// where a document cannot be read.
func Compare(in Input) (Report, error) {
	c, err := readContainer(in)
	if err != nil {
		return Report{}, err
	}
	if !in.Model.HasService(in.Service) {
		return Report{}, fmt.Errorf("the compose model has no service %q", in.Service)
	}
	s := newService(in, c)
	runs, makes := c.fields(s), s.fields()
	var r Report
	for _, name := range slices.Sorted(maps.Keys(union(runs, makes))) {
		if d := (Difference{name, runs[name], makes[name]}); d.Runs != d.Makes && !belongsToMissing(name, runs, makes) && !harmless(d, c, s) {
			r.Differences = append(r.Differences, d)
		}
	}
	r.Unknown = s.unknown
	return r, nil
}

// belongsToMissing reports whether a field belongs to one that one side lacks altogether: the aliases
// in a network that is not joined, the times of a check that is not made.
func belongsToMissing(name string, runs, makes fields) bool {
	kind, rest, _ := strings.Cut(name, ".")
	whole := ""
	switch entry, below, deeper := strings.Cut(rest, "."); {
	case kind == "networks" && deeper && below != "":
		whole = kind + "." + entry
	case kind == "healthcheck" && rest != "test":
		whole = kind + ".test"
	default:
		return false
	}
	none := func(f fields) bool { return f[whole] == unset || f[whole] == "NONE" }
	return none(runs) || none(makes)
}

func union(a, b fields) fields {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// harmless reports whether a difference has a reason that is no change of the files.
func harmless(d Difference, c *container, s *service) bool {
	kind, name, _ := strings.Cut(d.Field, ".")
	switch {
	case kind == "environment" && d.Makes == unset && proxyVariable(name):
		return true
	case c.copied && (kind == "environment" || kind == "labels") && !s.names(kind, name) && d.Makes != unset:
		return true // the image of before had another value
	case c.copied && slices.Contains(fromImage, d.Field) && !s.has(d.Field):
		return true
	case d.Makes == unset && slices.Contains(engineOwn, d.Field):
		return true
	case kind == "logging" && d.Makes == unset:
		return true // what files leave open is the engine's, from its daemon.json
	case d.Field == "memswap_limit" && d.Makes == unset:
		return c.swapByDefault()
	case d.Field == "ipc" && d.Makes == unset:
		return d.Runs == "private" || d.Runs == "shareable"
	case d.Field == "cgroup" && d.Makes == unset:
		return d.Runs == "private" || d.Runs == "host"
	case d.Field == "security_opt.label=disable" && d.Makes == unset:
		return s.hostNamespace()
	case kind == "volumes" && d.Makes == unset:
		return s.takesVolumes() // mounts of the other container
	}
	return false
}

// engineOwn are fields that the engine fills in where files do not name them.
var engineOwn = []string{"shm_size", "runtime"}

// fromImage are fields whose values an image gives where files do not.
var fromImage = []string{"command", "entrypoint", "user", "working_dir", "stop_signal",
	"healthcheck.test", "healthcheck.interval", "healthcheck.timeout", "healthcheck.retries", "healthcheck.start_period", "healthcheck.start_interval"}

// proxyVariable reports whether the docker client sets a variable from the "proxies" of
// its config.json.
func proxyVariable(name string) bool {
	return slices.Contains([]string{"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"}, strings.ToUpper(name))
}
