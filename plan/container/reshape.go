package container

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var validNameless = regexp.MustCompile(`^[0-9a-f]{64}$`)

// reshape turns Config and HostConfig as they are told into what is asked of an engine
// for the same container.
func (r *recorder) reshape() error {
	if _, shared := strings.CutPrefix(r.mode, "container:"); shared {
		// The namespace lends these, and the engine refuses whoever brings his own.
		for _, key := range []string{"Hostname", "Domainname", "ExposedPorts"} {
			delete(r.Config, key)
		}
	}
	if text(r.Config["Hostname"]) == r.ID[:shortID] || text(r.HostConfig["UTSMode"]) == "host" {
		delete(r.Config, "Hostname")
	}
	if !userDefined(r.mode) && !bridge(r.mode) {
		delete(r.Config, "MacAddress")
	}
	// Without an entrypoint the engine would take the image's, and with it perhaps its
	// command; an empty word says that there is none.
	if !filled(r.Config["Entrypoint"]) && (filled(r.image["Entrypoint"]) || (!filled(r.Config["Cmd"]) && filled(r.image["Cmd"]))) {
		r.Config["Entrypoint"] = json.RawMessage(`[""]`)
	}
	if err := r.links(); err != nil {
		return err
	}
	if err := r.attachNameless(); err != nil {
		return err
	}
	return r.placeServer()
}

// links are told as /other:/name/alias and asked for as other:alias.
func (r *recorder) links() error {
	told := texts(r.HostConfig["Links"])
	if len(told) == 0 {
		return nil
	}
	var want []string
	for _, link := range told {
		other, alias, found := strings.Cut(link, ":")
		if !found {
			return fmt.Errorf("link %.80q: %w", link, errShape)
		}
		want = append(want, strings.TrimPrefix(other, "/")+":"+alias[strings.LastIndex(alias, "/")+1:])
	}
	var err error
	r.HostConfig["Links"], err = encode(want)
	return err
}

// attachNameless gives the volumes that the engine named to the same places: asked as
// before, it would make new and empty ones.
func (r *recorder) attachNameless() error {
	var own map[string]json.RawMessage
	_ = json.Unmarshal(r.Config["Volumes"], &own) // null for none
	binds := texts(r.HostConfig["Binds"])
	var asked []map[string]json.RawMessage
	if filled(r.HostConfig["Mounts"]) {
		if err := json.Unmarshal(r.HostConfig["Mounts"], &asked); err != nil {
			return fmt.Errorf("mounts: %w", err)
		}
	}
	var added []string
	changed := false
	for _, m := range r.Mounts {
		if m.Type != "volume" || !validNameless.MatchString(m.Name) {
			continue
		}
		at := slices.IndexFunc(asked, func(a map[string]json.RawMessage) bool { return text(a["Target"]) == m.Destination })
		switch _, declared := own[m.Destination]; {
		case at >= 0:
			if text(asked[at]["Source"]) == "" {
				asked[at]["Source"] = json.RawMessage(`"` + m.Name + `"`)
				changed = true
			}
		case slices.ContainsFunc(binds, func(b string) bool { return strings.HasPrefix(b, m.Name+":") }):
		case declared:
			bind := m.Name + ":" + m.Destination
			if !m.RW {
				bind += ":ro"
			}
			added = append(added, bind)
		}
	}
	slices.Sort(added)
	var err error
	if len(added) > 0 {
		if r.HostConfig["Binds"], err = encode(append(binds, added...)); err != nil {
			return err
		}
	}
	if changed {
		r.HostConfig["Mounts"], err = encode(asked)
	}
	return err
}

// placeServer puts the placeholder wherever the server's id says whose namespace or
// volumes are shared.
func (r *recorder) placeServer() error {
	if r.server == "" {
		return nil
	}
	for _, key := range []string{"NetworkMode", "PidMode", "IpcMode"} {
		if kind, id, found := strings.Cut(text(r.HostConfig[key]), ":"); found && kind == "container" && r.isServer(id) {
			var err error
			if r.HostConfig[key], err = encode(kind + ":" + markServer); err != nil {
				return err
			}
		}
	}
	for _, key := range []string{"VolumesFrom", "Links"} {
		list := texts(r.HostConfig[key])
		if len(list) == 0 {
			continue
		}
		for i, v := range list {
			if id, rest, found := strings.Cut(v, ":"); r.isServer(id) {
				list[i] = markServer
				if found {
					list[i] += ":" + rest
				}
			}
		}
		var err error
		if r.HostConfig[key], err = encode(list); err != nil {
			return err
		}
	}
	return nil
}

// isServer: an id in full, or as short as the engine itself cuts it.
func (r *recorder) isServer(id string) bool {
	return r.server != "" && len(id) >= shortID && strings.HasPrefix(r.server, id)
}

// filled: neither absent nor null nor empty.
func filled(raw json.RawMessage) bool {
	switch strings.TrimSpace(string(raw)) {
	case "", "null", "[]", "{}", `""`:
		return false
	}
	return true
}

func bridge(mode string) bool { return mode == "" || mode == "default" || mode == "bridge" }

// userDefined: a network by its name or id, neither one of the engine's own nor another
// container's.
func userDefined(mode string) bool {
	return !bridge(mode) && mode != "host" && mode != "none" && !strings.HasPrefix(mode, "container:")
}
