package plan

import (
	"fmt"
	"slices"
	"strings"

	"liftalot/plan/compose"
)

// editor gathers the edits of the project's compose files. What is there stays;
// what is missing is added key by key (trap P3); what is there and differs is a
// conflict, and a person decides.
type editor struct {
	in       BuildInput
	target   deployment
	files    []*compose.File
	edits    map[*compose.File][]compose.Edit
	reason   []Check            // what speaks against a plan
	notes    []string           // deviations from the vendor's fragment
	existing []compose.Declared // what files say already, and another may undo
}

// newEditor parses the project's compose files. One that cannot be edited only
// matters once an edit falls to it.
func newEditor(in BuildInput, a deployment) (*editor, error) {
	e := &editor{in: in, target: a, edits: map[*compose.File][]compose.Edit{}}
	for _, f := range in.Facts.Files {
		if !slices.Contains(in.Facts.Project.Files, f.Path) {
			continue
		}
		parsed, err := compose.Parse(f.Path, f.Data)
		if err != nil {
			return nil, err
		}
		e.files = append(e.files, parsed)
	}
	if len(e.files) == 0 {
		return nil, fmt.Errorf("no compose file of project %q was read", in.Facts.Project.Name)
	}
	return e, nil
}

// defining returns the files that define a service, in the project's order.
func (e *editor) defining(service string) []*compose.File {
	var out []*compose.File
	for _, f := range e.files {
		if slices.Contains(f.Services(), service) {
			out = append(out, f)
		}
	}
	return out
}

func (e *editor) add(f *compose.File, edits ...compose.Edit) {
	e.edits[f] = append(e.edits[f], edits...)
}

// gather decides every edit.
func (e *editor) gather() error {
	server := e.in.Facts.Project.Service
	homes := e.defining(server)
	if len(homes) == 0 {
		return fmt.Errorf("no compose file of the project defines service %q", server)
	}
	home := homes[0]
	e.pin(server, e.in.Release.Server.Pinned(e.in.Settings.Pin))
	e.environment(server, home, serverEnvironment(e.in.Settings))
	e.secrets(server, home, []string{"updater_token"})
	e.service(home, ProxyService, e.target.proxyService())
	e.service(home, UpdaterService, e.target.updaterService())
	e.topLevel(home)
	return nil
}

// pin sets the image in every file that says something about it: an override
// wins over the base file, so a pin in the base alone would not count (trap C7). A file
// that says it already takes no edit, which one in brackets could not.
func (e *editor) pin(service, image string) {
	pin := compose.PinImage{Service: service, Image: image}
	for i, f := range e.defining(service) {
		view, _ := f.Service(service)
		switch {
		case view.Image == image && !view.HasBuild && view.Extends == "":
			e.existing = append(e.existing, compose.Declare(pin)...)
		case i == 0 || view.Image != "" || view.HasBuild:
			e.add(f, pin)
		}
	}
}

// environment adds the variables that are missing in the merged model.
func (e *editor) environment(service string, home *compose.File, want []variable) {
	have := e.in.Facts.Model.Service(service).Environment
	var missing []compose.Var
	for _, v := range want {
		old, there := have[v.key]
		plain := unescapeDollar(v.value)
		switch {
		case there && old == plain:
		case there && v.key != "DATABASE_URL" && e.in.Settings.Allows(AllowOverwrite+service+"."+v.key):
			e.replace(service, home, v)
		case there:
			e.conflict(service, v.key, plain)
		default:
			missing = append(missing, compose.Var{Key: v.key, Value: v.value})
		}
	}
	if len(missing) > 0 {
		e.add(home, compose.SetEnvironment{Service: service, Vars: missing})
	}
}

// replace carries out the decision about a value where it is set: the last file that
// sets it wins. One that none of them sets, as in an env_file, gives way to the
// service's own.
func (e *editor) replace(service string, home *compose.File, v variable) {
	for _, f := range slices.Backward(e.defining(service)) {
		view, _ := f.Service(service)
		value, set := view.Environment[v.key]
		if set && value == v.value {
			e.reason = append(e.reason, Check{
				Name: "conflict", Level: Stop,
				Detail: fmt.Sprintf("%s: service %s: %s is set to %q there, and compose takes another value from elsewhere", f.Name(), service, v.key, value),
				Hint:   "change it by hand where it is set, such as in the service that this one extends",
			})
			return
		}
		if set || slices.Contains(view.EnvironmentBare, v.key) {
			home = f
			break
		}
	}
	e.add(home, compose.ReplaceEnvironment{Service: service, Key: v.key, Value: v.value})
}

// conflict reports a value that is there and differs. The value itself may be a
// secret and is not shown.
func (e *editor) conflict(service, key, want string) {
	if key == "DATABASE_URL" {
		// What it replaces may hold a password, and a plan holds no secret.
		e.reason = append(e.reason, Check{
			Name: "conflict", Level: Stop,
			Detail: fmt.Sprintf("service %s: %s is set to something else than %q", service, key, want),
			Hint:   "change it by hand: it may hold a password, which this tool does not write into its plan",
		})
		return
	}
	e.reason = append(e.reason, Check{
		Name: "conflict", Level: Stop,
		Detail: fmt.Sprintf("service %s: %s is set to something else than %q", service, key, want),
		Hint:   fmt.Sprintf("keep it by changing the inventory, or replace it by name: allow: [%q]", AllowOverwrite+service+"."+key),
	})
}

func (e *editor) secrets(service string, home *compose.File, want []string) {
	have := e.in.Facts.Model.Service(service).Secrets
	for _, s := range want {
		if !slices.Contains(have, s) {
			e.add(home, compose.AddServiceSecret{Service: service, Secret: s})
		}
	}
}

// service adds one of the vendor's services, or completes the one that is there.
func (e *editor) service(home *compose.File, name, body string) {
	homes := e.defining(name)
	if len(homes) == 0 {
		e.add(home, compose.AddService{Name: name, Body: body})
		return
	}
	home = homes[0]
	e.noteDeviations(home, name, body)
	have := e.in.Facts.Model.Service(name)
	if name == ProxyService {
		e.writable(home)
		e.pin(name, e.target.proxy)
		e.environment(name, home, e.target.proxyEnvironment())
		e.networks(name, home, have.Networks, []string{updaterNetwork})
		return
	}
	e.pin(name, e.target.updater)
	e.environment(name, home, e.target.environment())
	e.secrets(name, home, updaterSecrets)
	e.networks(name, home, have.Networks, append([]string{updaterNetwork}, e.target.networks...))
	e.volumes(name, home, have.Volumes)
}

// writable stops where the decision for a proxy with a writable root meets a proxy that
// was defined before with read_only: the line is the client's. One that serves its
// updater so shows that its image needs no such decision.
func (e *editor) writable(home *compose.File) {
	if !e.target.writable || !e.in.Facts.Model.ReadOnly(ProxyService) || e.proxyServes() {
		return
	}
	e.reason = append(e.reason, Check{
		Name: "conflict", Level: Stop,
		Detail: fmt.Sprintf("%s: service %s has read_only, and your decision %s is to run it without", home.Name(), ProxyService, AllowWritableProxy),
		Hint:   fmt.Sprintf("take read_only out of %s yourself: the service was there before, and this tool only adds to it", ProxyService),
	})
}

// proxyServes reports whether the proxy runs, and not just between two crashes: it was
// never restarted, or the updater beside it is well, as after a reboot of the host that
// brought up the proxy before the engine's socket.
func (e *editor) proxyServes() bool {
	proxy, _ := e.in.Facts.Container(ProxyService)
	updater, _ := e.in.Facts.Container(UpdaterService)
	return proxy.Running() && (proxy.Restarts == 0 || updater.Running() && updater.Health != "unhealthy")
}

// volumes mounts what the updater must keep: without them its state and its
// snapshots would go with its container.
func (e *editor) volumes(service string, home *compose.File, have []compose.ModelVolume) {
	for _, v := range updaterVolumes {
		if !slices.ContainsFunc(have, func(h compose.ModelVolume) bool { return h.Target == v.value }) {
			e.add(home, compose.AddServiceVolume{Service: service, Volume: v.key, Target: v.value})
		}
	}
}

// noteDeviations notes what a service that was there lacks of the vendor's fragment, or
// has otherwise, beyond what is completed key by key: it is the client's file,
// and none of it keeps the updater from working.
func (e *editor) noteDeviations(home *compose.File, service, body string) {
	diffs, err := home.Compare(service, body)
	if err != nil {
		return
	}
	var keys []string
	for _, d := range diffs {
		parts := strings.Split(d.Path, "/")
		if len(parts) < 4 || slices.Contains(keys, parts[3]) {
			continue
		}
		switch parts[3] {
		case "image", "environment", "secrets", "networks", "volumes":
		default:
			keys = append(keys, parts[3])
		}
	}
	if len(keys) > 0 {
		e.notes = append(e.notes, fmt.Sprintf("service %s was defined before and differs from the vendor's in %s; it is left so", service, strings.Join(keys, ", ")))
	}
}

func (e *editor) networks(service string, home *compose.File, have, want []string) {
	var missing []string
	for _, n := range want {
		if !slices.Contains(have, n) {
			missing = append(missing, n)
		}
	}
	if len(missing) > 0 {
		// Where another file gives the service its networks, this one only adds.
		view, _ := home.Service(service)
		elsewhere := len(view.Networks) == 0 && !slices.Equal(have, []string{"default"}) && len(have) > 0
		e.add(home, compose.AddServiceNetworks{Service: service, Networks: missing, Override: elsewhere})
	}
}

func (e *editor) topLevel(home *compose.File) {
	m := e.in.Facts.Model
	add := func(section, name, body string, have bool) {
		if !have {
			e.add(home, compose.AddTopLevel{Section: section, Name: name, Body: body})
		}
	}
	for _, v := range updaterVolumes {
		add("volumes", v.key, "", m.HasVolume(v.key) || e.declared("volumes", v.key))
	}
	for _, s := range updaterSecrets {
		add("secrets", s, "file: ./secrets/"+s+"\n", m.SecretFile(s) != "" || e.declared("secrets", s))
	}
	add("networks", updaterNetwork, "internal: true\n", m.HasNetwork(updaterNetwork) || e.declared("networks", updaterNetwork))
}

// declared reports whether a file has the entry: compose leaves out of its
// merged model what no service uses.
func (e *editor) declared(section, name string) bool {
	return slices.ContainsFunc(e.files, func(f *compose.File) bool {
		return slices.Contains(f.TopLevel(section), name)
	})
}

// EditedFile is a file with its edits applied.
type EditedFile struct {
	Path     string
	Result   *compose.Result
	Declared []compose.Declared // what may differ in the merged model, and must be so there
}

// apply carries the edits out in memory, file by file, and verifies them.
func (e *editor) apply() ([]EditedFile, error) {
	var out []EditedFile
	for _, f := range e.files {
		if len(e.edits[f]) == 0 {
			continue
		}
		path, declared := f.Name(), compose.Declare(e.edits[f]...)
		res, err := f.Apply(e.edits[f]...)
		if err != nil {
			return nil, err
		}
		for _, c := range res.Conflicts {
			e.reason = append(e.reason, Check{
				Name: "conflict", Level: Stop,
				Detail: fmt.Sprintf("%s:%d: service %s: %s is set to something else than %q", path, c.Line, c.Service, c.Key, c.Want),
				Hint:   fmt.Sprintf("keep it by changing the inventory, or replace it by name: allow: [%q]", AllowOverwrite+c.Service+"."+c.Key),
			})
		}
		if len(res.Splices) > 0 {
			out = append(out, EditedFile{Path: path, Result: res, Declared: declared})
		} else {
			e.existing = append(e.existing, declared...)
		}
	}
	if len(out) > 0 {
		out[0].Declared = append(out[0].Declared, e.existing...)
	}
	return out, nil
}
