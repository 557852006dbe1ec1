package container

import (
	"encoding/json"
	"slices"
	"strings"
)

// endpoint is a container's part in a network, as it is told and as it is asked for.
// Raw where only the engine has to understand it.
type endpoint struct {
	NetworkID  string          `json:"NetworkID,omitempty"`
	IPAMConfig json.RawMessage `json:"IPAMConfig,omitempty"`
	Links      []string        `json:"Links,omitempty"`
	Aliases    []string        `json:"Aliases,omitempty"`
	DriverOpts json.RawMessage `json:"DriverOpts,omitempty"`
	GwPriority int             `json:"GwPriority,omitempty"`
	MacAddress string          `json:"MacAddress,omitempty"`
}

// endpoints returns the network that the container is created in, under the name that
// its mode has for it, and the further ones, which engines before API 1.44 do not take
// together with it.
func (r *recorder) endpoints() (first, further map[string]endpoint) {
	first, further = map[string]endpoint{}, map[string]endpoint{}
	for name, told := range r.NetworkSettings.Networks {
		want := r.configured(told)
		switch {
		case name == r.mode || told.NetworkID == r.mode && r.mode != "":
			want.MacAddress = text(r.Config["MacAddress"])
			if userDefined(r.mode) {
				first[r.mode] = want
			} else if !want.empty() {
				first[name] = want
			}
		case bridge(r.mode) && name == "bridge":
			want.MacAddress = text(r.Config["MacAddress"])
			if !want.empty() {
				first[name] = want
			}
		case userDefined(name):
			further[name] = want
		}
	}
	return first, further
}

// configured is what somebody asked for, without what the engine made up.
func (r *recorder) configured(told endpoint) endpoint {
	want := endpoint{GwPriority: told.GwPriority}
	if filled(told.IPAMConfig) {
		want.IPAMConfig = told.IPAMConfig
	}
	if filled(told.DriverOpts) {
		want.DriverOpts = told.DriverOpts
	}
	for _, alias := range told.Aliases {
		if alias != r.ID[:shortID] && !slices.Contains(want.Aliases, alias) {
			want.Aliases = append(want.Aliases, alias)
		}
	}
	for _, link := range told.Links {
		if id, rest, _ := strings.Cut(link, ":"); r.isServer(id) {
			link = markServer + ":" + rest
		}
		want.Links = append(want.Links, link)
	}
	return want
}

func (e endpoint) empty() bool {
	return len(e.IPAMConfig) == 0 && len(e.Links) == 0 && len(e.Aliases) == 0 && len(e.DriverOpts) == 0 && e.GwPriority == 0 && e.MacAddress == ""
}
