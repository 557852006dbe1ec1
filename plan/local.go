package plan

import (
	"slices"

	"liftalot/plan/compose"
)

// LocalEdit says what the upgrade's edits are to put into a file that is looked
// at without its host.
type LocalEdit struct {
	Service      string
	Image        string
	UpdaterImage string
	ProxyImage   string
	Networks     []string // of the updater, besides its own
	DBService    string   // "" leaves the dependency on a database out
	Container    string   // the server's, for the updater to aim at
	Settings     Settings
}

// EditLocal applies the upgrade's edits to one file. What a host would know, such
// as other files of the project, is not looked at: each edit goes by what is in
// the file.
func EditLocal(name string, src []byte, l LocalEdit) (*compose.Result, error) {
	f, err := compose.Parse(name, src)
	if err != nil {
		return nil, err
	}
	a := deployment{
		updater: l.UpdaterImage, proxy: l.ProxyImage, server: l.Container, networks: l.Networks,
		database: Database{Host: l.DBService, Port: 5432, User: "chatalot", Name: "chatalot", Service: l.DBService},
	}
	if l.DBService != "" {
		a.dependency = "service_started"
	}
	edits := []compose.Edit{
		compose.PinImage{Service: l.Service, Image: l.Image},
		compose.SetEnvironment{Service: l.Service, Vars: vars(serverEnvironment(l.Settings))},
		compose.AddServiceSecret{Service: l.Service, Secret: "updater_token"},
	}
	edits = append(edits, localService(f, ProxyService, a.proxyService(), []compose.Edit{
		compose.PinImage{Service: ProxyService, Image: a.proxy},
		compose.SetEnvironment{Service: ProxyService, Vars: vars(a.proxyEnvironment())},
		compose.AddServiceNetworks{Service: ProxyService, Networks: []string{updaterNetwork}},
	})...)
	complete := []compose.Edit{
		compose.PinImage{Service: UpdaterService, Image: a.updater},
		compose.SetEnvironment{Service: UpdaterService, Vars: vars(a.environment())},
		compose.AddServiceNetworks{Service: UpdaterService, Networks: append([]string{updaterNetwork}, a.networks...)},
	}
	for _, s := range updaterSecrets {
		complete = append(complete, compose.AddServiceSecret{Service: UpdaterService, Secret: s})
	}
	for _, v := range updaterVolumes {
		complete = append(complete, compose.AddServiceVolume{Service: UpdaterService, Volume: v.key, Target: v.value})
	}
	edits = append(edits, localService(f, UpdaterService, a.updaterService(), complete)...)
	return f.Apply(append(edits, localTopLevel(f)...)...)
}

// localService adds a service, or completes the one that is there.
func localService(f *compose.File, name, body string, complete []compose.Edit) []compose.Edit {
	if slices.Contains(f.Services(), name) {
		return complete
	}
	return []compose.Edit{compose.AddService{Name: name, Body: body}}
}

// localTopLevel adds the sections' entries that are not there by name: what a
// client's own entry says is the client's business.
func localTopLevel(f *compose.File) []compose.Edit {
	var out []compose.Edit
	add := func(section, name, body string) {
		if !slices.Contains(f.TopLevel(section), name) {
			out = append(out, compose.AddTopLevel{Section: section, Name: name, Body: body})
		}
	}
	for _, v := range updaterVolumes {
		add("volumes", v.key, "")
	}
	for _, s := range updaterSecrets {
		add("secrets", s, "file: ./secrets/"+s+"\n")
	}
	add("networks", updaterNetwork, "internal: true\n")
	return out
}

func vars(all []variable) []compose.Var {
	var out []compose.Var
	for _, v := range all {
		out = append(out, compose.Var{Key: v.key, Value: v.value})
	}
	return out
}
