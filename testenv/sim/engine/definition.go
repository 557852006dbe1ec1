package engine

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Definition is what a container was made of, in the two documents of the engine's API:
// Config and HostConfig. Keys are the engine's; what a map lacks has its zero value.
type Definition struct{ Config, HostConfig map[string]any }

func (d Definition) clone() Definition {
	return Definition{maps.Clone(d.Config), maps.Clone(d.HostConfig)}
}

// define is what compose 2.26 asks the engine for when it makes a container of a service,
// with what the engine adds from the image.
func (x *composition) define(s map[string]any, image *Image) Definition {
	config := map[string]any{
		"User": cmp.Or(text(s["user"]), image.User), "WorkingDir": cmp.Or(text(s["working_dir"]), image.WorkingDir),
		"Cmd": image.Cmd, "Entrypoint": image.Entrypoint, "ExposedPorts": map[string]any{},
		"OpenStdin": s["stdin_open"] == true, "Tty": s["tty"] == true, "Volumes": nil,
	}
	if v := words(s["command"]); v != nil {
		config["Cmd"] = v
	}
	if v := words(s["entrypoint"]); v != nil {
		config["Entrypoint"] = v
	}
	if h, ok := s["healthcheck"].(map[string]any); ok {
		config["Healthcheck"] = healthcheck(h)
	} else if image.Healthcheck != nil {
		config["Healthcheck"] = image.Healthcheck
	}
	host := map[string]any{
		"Binds": []string{}, "PortBindings": map[string]any{}, "RestartPolicy": map[string]any{"Name": cmp.Or(text(s["restart"]), "no"), "MaximumRetryCount": 0},
		"NetworkMode": x.networkMode(s), "PidMode": text(s["pid"]), "IpcMode": cmp.Or(text(s["ipc"]), "private"), "VolumesFrom": nil, "Links": nil,
		"CapAdd": words(s["cap_add"]), "CapDrop": words(s["cap_drop"]), "SecurityOpt": words(s["security_opt"]),
		"ReadonlyRootfs": s["read_only"] == true, "Privileged": s["privileged"] == true, "LogConfig": map[string]any{"Type": "json-file", "Config": map[string]any{}},
		"Tmpfs": nil, "Memory": int64(0), "NanoCpus": int64(0), "ExtraHosts": words(s["extra_hosts"]),
	}
	if l, ok := s["logging"].(map[string]any); ok {
		host["LogConfig"] = map[string]any{"Type": cmp.Or(text(l["driver"]), "json-file"), "Config": l["options"]}
	}
	tmpfs := map[string]any{}
	for _, t := range words(s["tmpfs"]) {
		at, options, _ := strings.Cut(t, ":")
		tmpfs[at] = options
	}
	if len(tmpfs) > 0 {
		host["Tmpfs"] = tmpfs
	}
	limits := dig(s, "deploy", "resources", "limits")
	if n, err := strconv.ParseInt(text(limits["memory"]), 10, 64); err == nil {
		host["Memory"] = n
	}
	if n, err := strconv.ParseFloat(text(limits["cpus"]), 64); err == nil {
		host["NanoCpus"] = int64(n * 1e9)
	}
	return Definition{config, host}
}

// networkMode is the first of a service's networks, as compose gives it to the engine.
func (x *composition) networkMode(s map[string]any) string {
	if mode := text(s["network_mode"]); mode != "" {
		return mode
	}
	nets, _ := s["networks"].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(nets)) {
		return x.model.Networks[key].Name
	}
	return x.project + "_default"
}

func healthcheck(h map[string]any) map[string]any {
	out := map[string]any{"Test": words(h["test"])}
	for key, name := range map[string]string{"interval": "Interval", "timeout": "Timeout", "start_period": "StartPeriod"} {
		if d, err := time.ParseDuration(text(h[key])); err == nil {
			out[name] = int64(d)
		}
	}
	if n, ok := h["retries"].(float64); ok {
		out["Retries"] = int64(n)
	}
	return out
}

func dig(v map[string]any, keys ...string) map[string]any {
	for _, k := range keys {
		v, _ = v[k].(map[string]any)
	}
	return v
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// words are the strings of a list, nil for what is none.
func words(v any) []string {
	var out []string
	items, _ := v.([]any)
	for _, item := range items {
		out = append(out, text(item))
	}
	return out
}

// bind is how a mount stands among HostConfig's Binds.
func (m Mount) bind() string {
	mode := "ro"
	if m.RW {
		mode = "rw"
	}
	return cmp.Or(m.Name, m.Source) + ":" + path.Clean(m.Destination) + ":" + mode
}
