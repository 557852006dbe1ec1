package compose

import (
	"slices"
	"strings"
)

// A ServiceView is what a service says, its own words and those it takes in by
// merge keys and aliases. What `extends`, `include` and other files add is not
// in it: only Compose can tell, see [ParseModel]. Variables are not filled in.
type ServiceView struct {
	Name string
	Line int

	Image         string
	HasBuild      bool
	ContainerName string
	NetworkMode   string
	Extends       string // the service named by extends, "" without
	ExtendsFile   string // the file it is in, "" for this one

	// Environment holds the values set here; EnvironmentBare the names taken
	// from the shell or an env file.
	Environment     map[string]string
	EnvironmentBare []string

	Secrets   []string // by name of the top-level secret
	Networks  []string
	Profiles  []string
	Volumes   []string // short form as written, long form as source:target
	DependsOn []string
	EnvFiles  []string
	Keys      []string // every key the service has
}

// Service returns what a service says, and false if the file has none of that
// name.
func (f *File) Service(name string) (ServiceView, bool) {
	k, _ := field(f.services, name)
	v := f.value.get("services", name)
	if v == nil {
		return ServiceView{}, false
	}
	view := ServiceView{
		Name:          name,
		Image:         v.get("image").scalar(),
		HasBuild:      hasBuild(v),
		ContainerName: v.get("container_name").scalar(),
		NetworkMode:   v.get("network_mode").scalar(),
		Secrets:       references(v.get("secrets"), "source"),
		Networks:      names(v.get("networks")),
		Profiles:      v.get("profiles").strings(),
		Volumes:       volumes(v.get("volumes")),
		DependsOn:     names(v.get("depends_on")),
		EnvFiles:      references(v.get("env_file"), "path"),
		Keys:          v.keys(),
	}
	if k != nil {
		view.Line = k.Line
	}
	view.Extends, view.ExtendsFile = extends(v)
	env := environmentOf(v.get("environment"))
	view.Environment = map[string]string{}
	for _, key := range env.keys() {
		if e := env.last(key); e.bare {
			view.EnvironmentBare = append(view.EnvironmentBare, key)
		} else {
			view.Environment[key] = e.value
		}
	}
	return view, true
}

// hasBuild reports whether a service is built here. `build: !reset null` says
// that it is not.
func hasBuild(service *value) bool {
	b := service.get("build")
	return b != nil && b.tag != "!reset"
}

func extends(service *value) (name, file string) {
	e := service.get("extends")
	if e == nil || e.kind == scalarValue {
		return e.scalar(), ""
	}
	return e.get("service").scalar(), e.get("file").scalar()
}

// names returns the names in a list, or the keys of a mapping.
func names(v *value) []string {
	if v != nil && v.kind == mapValue {
		return v.keys()
	}
	return v.strings()
}

// references returns the names in a list of short and long forms, the name of
// a long form being under key.
func references(v *value, key string) []string {
	if v == nil {
		return nil
	}
	if v.kind == scalarValue && !v.null() {
		return []string{v.text}
	}
	var out []string
	for _, item := range v.items {
		if item.kind == mapValue {
			item = item.get(key)
		}
		out = append(out, item.scalar())
	}
	return out
}

func volumes(v *value) []string {
	if v == nil {
		return nil
	}
	var out []string
	for _, item := range v.items {
		if item.kind == mapValue {
			out = append(out, item.get("source").scalar()+":"+item.get("target").scalar())
			continue
		}
		out = append(out, item.scalar())
	}
	return out
}

// An envEntry is one variable as a service sets it.
type envEntry struct {
	key, value string
	bare       bool // no value: taken from the shell or an env file
}

// An environment is what a service's environment holds, in order.
type environment []envEntry

func environmentOf(v *value) environment {
	if v == nil {
		return nil
	}
	var env environment
	for _, key := range v.keys() {
		item := v.fields[key]
		env = append(env, envEntry{key, item.scalar(), item.null()})
	}
	for _, item := range v.items {
		key, val, set := strings.Cut(item.scalar(), "=")
		env = append(env, envEntry{key, val, !set})
	}
	return env
}

// last returns the entry that counts for a key, nil if there is none.
func (env environment) last(key string) *envEntry {
	for i, e := range slices.Backward(env) {
		if e.key == key {
			return &env[i]
		}
	}
	return nil
}

func (env environment) keys() []string {
	var out []string
	for _, e := range env {
		if !slices.Contains(out, e.key) {
			out = append(out, e.key)
		}
	}
	return out
}
