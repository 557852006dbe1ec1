package compose

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxModel bounds what is read of a merged model.
const maxModel = 32 << 20

// A Model is what Compose makes of all files of a project together, with
// `extends`, `include`, overrides and variables carried out. Ask for it with
// every profile, or services and their errors are hidden:
//
//	docker compose … --profile '*' config --format json
//
// Versions 2.26 to 5.1 of Compose print the same project in slightly different
// ways; a Model is the same for all of them. It holds secrets in clear.
type Model struct{ root map[string]any }

// ParseModel reads what `docker compose config --format json` prints.
func ParseModel(src []byte) (*Model, error) {
	if len(src) > maxModel {
		return nil, fmt.Errorf("read the compose model: %d bytes are more than %d", len(src), maxModel)
	}
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	var root map[string]any
	if err := dec.Decode(&root); err != nil {
		return nil, fmt.Errorf("read the compose model: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read the compose model: something follows it")
	}
	if _, ok := root["services"].(map[string]any); !ok {
		return nil, errors.New("read the compose model: it has no services")
	}
	unescape(root)
	for _, s := range mapping(root["services"]) {
		levelService(mapping(s))
	}
	return &Model{root}, nil
}

// unescape turns $$ into $ in every value below v: Compose writes its output
// so that it could be read in again.
func unescape(v any) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "$$", "$")
	case map[string]any:
		for k, item := range v {
			v[k] = unescape(item)
		}
	case []any:
		for i, item := range v {
			v[i] = unescape(item)
		}
	}
	return v
}

func mapping(v any) map[string]any { m, _ := v.(map[string]any); return m }

func list(v any) []any { l, _ := v.([]any); return l }

func str(v any) string { s, _ := v.(string); return s }

func truth(v any) bool { b, _ := v.(bool); return b }

func (m *Model) get(path ...string) any {
	if m == nil {
		return nil
	}
	var v any = m.root
	for _, key := range path {
		v = mapping(v)[key]
	}
	return v
}

func (m *Model) has(section, name string) bool {
	_, ok := mapping(m.get(section))[name]
	return ok
}

// Name returns the project's name.
func (m *Model) Name() string { return str(m.get("name")) }

// ServiceNames returns the names of all services, sorted.
func (m *Model) ServiceNames() []string { return m.names("services") }

func (m *Model) names(section string) []string {
	return slices.Sorted(maps.Keys(mapping(m.get(section))))
}

// Raw returns what Compose printed at a path, decoded with [json.Decoder.UseNumber] and
// with $$ as $. It may hold secrets, and must not be changed.
func (m *Model) Raw(path ...string) any { return m.get(path...) }

// NetworkNames returns the names that the files have for networks, sorted.
func (m *Model) NetworkNames() []string { return m.names("networks") }

// HasNetwork reports whether the model has a network. Compose leaves out of it
// what no service uses; so it does with volumes and secrets.
func (m *Model) HasNetwork(name string) bool { return m.has("networks", name) }

// HasConfig and HasSecret report whether the model has one of that name.
func (m *Model) HasConfig(name string) bool { return m.has("configs", name) }

// HasSecret is as HasConfig.
func (m *Model) HasSecret(name string) bool { return m.has("secrets", name) }

// SourceFiles are the files that configs and secrets of the model come from, sorted.
func (m *Model) SourceFiles() []string {
	var files []string
	for _, section := range []string{"configs", "secrets"} {
		for _, name := range m.names(section) {
			if file := str(m.get(section, name, "file")); file != "" {
				files = append(files, file)
			}
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// HasVolume reports whether the model has a volume.
func (m *Model) HasVolume(name string) bool { return m.has("volumes", name) }

// NetworkInternal reports whether a network has no way out.
func (m *Model) NetworkInternal(name string) bool { return truth(m.get("networks", name, "internal")) }

// NetworkExternal reports whether a network is not the project's own.
func (m *Model) NetworkExternal(name string) bool { return truth(m.get("networks", name, "external")) }

// NetworkID returns the name Docker knows a network by.
func (m *Model) NetworkID(name string) string { return str(m.get("networks", name, "name")) }

// VolumeID returns the name Docker knows a volume by.
func (m *Model) VolumeID(name string) string { return str(m.get("volumes", name, "name")) }

// VolumeExternal reports whether a volume is not the project's own.
func (m *Model) VolumeExternal(name string) bool { return truth(m.get("volumes", name, "external")) }

// VolumeElsewhere reports whether what a volume holds is, or may be, elsewhere than in
// Docker's own folder: on a device or in a folder that it names, with another driver, or
// in a volume that somebody else made.
func (m *Model) VolumeElsewhere(name string) bool {
	v := mapping(m.get("volumes", name))
	driver := str(v["driver"])
	return mapping(v["driver_opts"])["device"] != nil || driver != "" && driver != "local" || truth(v["external"])
}

// VolumeDevice returns the folder of the host that a volume, by the name Docker knows it
// by, is nothing but another name for, "" for any other volume.
func (m *Model) VolumeDevice(id string) string {
	for _, name := range m.names("volumes") {
		if v := mapping(m.get("volumes", name)); m.VolumeID(name) == id {
			return str(mapping(v["driver_opts"])["device"])
		}
	}
	return ""
}

// ServiceUser returns as whom a service runs, "" for the user of its image.
func (m *Model) ServiceUser(name string) string { return plain(m.get("services", name, "user")) }

// SecretFile returns the file a secret is read from, "" if it is no file.
func (m *Model) SecretFile(name string) string { return str(m.get("secrets", name, "file")) }

// A ModelService is a service as Compose would run it.
type ModelService struct {
	Name           string
	Image          string
	HasBuild       bool
	ContainerName  string
	NetworkMode    string
	Environment    map[string]string // may hold secrets
	Secrets        []string
	Networks       []string
	Profiles       []string
	DependsOn      []string
	Volumes        []ModelVolume
	Ports          []ModelPort
	Labels         map[string]string
	HasHealthcheck bool
}

// A ModelVolume is something mounted into a service.
type ModelVolume struct {
	Type, Source, Target string
	ReadOnly             bool
}

// A ModelPort is a port of a service that can be reached from the host.
type ModelPort struct {
	HostIP, Published, Protocol string
	Target                      int
}

// HasService reports whether the model has a service.
func (m *Model) HasService(name string) bool { return m.has("services", name) }

// Service returns a service. Of one the model does not have, nothing but the
// name is set.
func (m *Model) Service(name string) ModelService {
	v := mapping(m.get("services", name))
	s := ModelService{
		Name:          name,
		Image:         str(v["image"]),
		HasBuild:      v["build"] != nil,
		ContainerName: str(v["container_name"]),
		NetworkMode:   str(v["network_mode"]),
		Environment:   texts(v["environment"]),
		Labels:        texts(v["labels"]),
		Secrets:       sources(v["secrets"]),
		Networks:      slices.Sorted(maps.Keys(mapping(v["networks"]))),
		DependsOn:     slices.Sorted(maps.Keys(mapping(v["depends_on"]))),
	}
	for _, p := range list(v["profiles"]) {
		s.Profiles = append(s.Profiles, str(p))
	}
	for _, item := range list(v["volumes"]) {
		o := mapping(item)
		s.Volumes = append(s.Volumes, ModelVolume{str(o["type"]), str(o["source"]), str(o["target"]), truth(o["read_only"])})
	}
	for _, item := range list(v["ports"]) {
		o := mapping(item)
		target, _ := strconv.Atoi(plain(o["target"]))
		s.Ports = append(s.Ports, ModelPort{str(o["host_ip"]), plain(o["published"]), str(o["protocol"]), target})
	}
	if h := mapping(v["healthcheck"]); h != nil {
		test := list(h["test"])
		s.HasHealthcheck = !truth(h["disable"]) && (len(test) == 0 || str(test[0]) != "NONE")
	}
	return s
}

// ReadOnly reports whether a service runs with a root file system it cannot write to.
func (m *Model) ReadOnly(service string) bool { return truth(m.get("services", service, "read_only")) }

// texts returns a mapping's values as text; a variable without one is "".
func texts(v any) map[string]string {
	out := map[string]string{}
	for k, item := range mapping(v) {
		out[k] = plain(item)
	}
	return out
}

func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

func sources(v any) []string {
	var out []string
	for _, item := range list(v) {
		out = append(out, str(mapping(item)["source"]))
	}
	return out
}
