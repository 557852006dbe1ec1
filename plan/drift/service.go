package drift

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"
)

// A service is what the merged model says of one, and what its image gives.
type service struct {
	in      Input
	v       map[string]any
	image   imageConfig
	unknown []string
}

// ignored are keys of a service that do not shape its container: they act on Compose
// itself or on a build, or other fields hold what they lead to.
var ignored = []string{
	"annotations", "attach", "build", "container_name", "depends_on", "develop", "env_file", "expose", "extends", "image", "label_file",
	"isolation", "platform", "post_start", "pre_stop", "profiles", "provider", "pull_policy", "pull_refresh_after", "scale",
}

// compared are the keys whose fields are compared.
var compared = []string{
	"environment", "labels", "volumes", "secrets", "configs", "tmpfs", "networks", "network_mode", "pid", "ipc", "uts", "userns_mode", "cgroup", "cgroup_parent",
	"ports", "command", "entrypoint", "user", "working_dir", "hostname", "domainname", "restart", "healthcheck", "cap_add", "cap_drop",
	"security_opt", "read_only", "privileged", "init", "deploy", "mem_limit", "memswap_limit", "mem_reservation", "cpus", "cpu_shares",
	"cpu_quota", "cpu_period", "cpuset", "pids_limit", "shm_size", "ulimits", "extra_hosts", "dns", "dns_search", "dns_opt", "devices",
	"device_cgroup_rules", "logging", "stop_signal", "stop_grace_period", "sysctls", "group_add", "oom_score_adj", "oom_kill_disable",
	"runtime", "mem_swappiness", "mac_address", "stdin_open", "tty", "volume_driver", "storage_opt", "volumes_from",
}

func newService(in Input, c *container) *service {
	s := &service{in: in, v: mapping(in.Model.Raw("services", in.Service)), image: c.image}
	for _, key := range slices.Sorted(maps.Keys(s.v)) {
		if s.v[key] != nil && !strings.HasPrefix(key, "x-") && !slices.Contains(ignored, key) && !slices.Contains(compared, key) {
			s.unknown = append(s.unknown, key+" is not compared")
		}
	}
	if len(list(lookup(s.v, "deploy", "resources", "reservations")["devices"])) > 0 {
		s.unknown = append(s.unknown, "deploy.resources.reservations.devices is not compared")
	}
	return s
}

func (s *service) has(field string) bool {
	key, name, entry := strings.Cut(field, ".")
	if !entry {
		return s.v[key] != nil
	}
	return s.names(key, name)
}

// names reports whether the files give an entry of a key.
func (s *service) names(key, name string) bool {
	_, ok := mapping(s.v[key])[name]
	return ok
}

func (s *service) hostNamespace() bool {
	return s.v["pid"] == "host" || s.v["ipc"] == "host" || s.v["privileged"] == true
}

func (s *service) takesVolumes() bool { return len(list(s.v["volumes_from"])) > 0 }

func (s *service) fields() fields {
	f := fields{}
	s.process(f)
	s.environment(f)
	s.labels(f)
	s.mounts(f)
	s.networks(f)
	s.ports(f)
	s.health(f)
	s.security(f)
	s.limits(f)
	s.surroundings(f)
	return f
}

// process is what runs, and how it starts and ends. An entrypoint of its own leaves the
// image's command out, as the engine has it.
func (s *service) process(f fields) {
	command, entrypoint := s.image.Cmd, s.image.Entrypoint
	if e, ok := s.v["entrypoint"]; ok {
		if entrypoint = stringsOf(e); len(entrypoint) > 0 {
			command = nil
		}
	}
	if c := stringsOf(s.v["command"]); len(c) > 0 {
		command = c
	}
	f.set("command", sentence(command))
	f.set("entrypoint", sentence(entrypoint))
	f.set("user", cmp.Or(text(s.v["user"]), s.image.User))
	f.set("working_dir", cleaned(cmp.Or(text(s.v["working_dir"]), s.image.WorkingDir)))
	f.set("hostname", text(s.v["hostname"]))
	f.set("domainname", text(s.v["domainname"]))
	f.set("stop_signal", signal(cmp.Or(text(s.v["stop_signal"]), s.image.StopSignal)))
	f.set("stop_grace_period", seconds(text(s.v["stop_grace_period"])))
	for _, key := range []string{"init", "tty", "stdin_open"} {
		f.set(key, truth(s.v[key]))
	}
	policy, attempts, _ := strings.Cut(text(s.v["restart"]), ":")
	if p := lookup(s.v, "deploy", "restart_policy"); p != nil {
		policy, attempts = text(p["condition"]), text(p["max_attempts"])
	}
	f.set("restart", restart(policy, attempts))
}

// environment is the image's with the service's over it. A variable without a value takes
// the image's away.
func (s *service) environment(f fields) {
	env := variables(s.image.Env)
	for key, v := range mapping(s.v["environment"]) {
		if v == nil {
			delete(env, key)
			continue
		}
		env[key] = text(v)
	}
	for key, v := range env {
		f.set("environment."+key, quoted(v))
	}
}

func (s *service) labels(f fields) {
	labels := maps.Clone(s.image.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	for key, v := range mapping(s.v["labels"]) {
		labels[key] = text(v)
	}
	for key, v := range labels {
		if !ownLabel(key) {
			f.set("labels."+key, quoted(v))
		}
	}
}

// mounts are volumes, bind mounts, secrets and configs, by target. What Compose writes
// into a container once it is made (a secret or config that is no file) is no mount.
func (s *service) mounts(f fields) {
	for target := range s.image.Volumes {
		f.set("volumes."+cleaned(target), nameless)
	}
	m := s.in.Model
	for _, kind := range []struct{ key, base string }{{"configs", "/"}, {"secrets", "/run/secrets/"}} {
		for _, item := range list(s.v[kind.key]) {
			o := mapping(item)
			source := text(o["source"])
			file := text(m.Raw(kind.key, source, "file"))
			target := cmp.Or(text(o["target"]), source)
			if !path.IsAbs(target) {
				target = kind.base + target
			}
			if file != "" {
				f.set("volumes."+cleaned(target), mount("bind", cleaned(file), "", true))
			}
		}
	}
	for _, item := range list(s.v["volumes"]) {
		s.mount(f, mapping(item))
	}
	for _, item := range list(s.v["tmpfs"]) {
		target, options, _ := strings.Cut(text(item), ":")
		f.set("tmpfs."+cleaned(target), tmpfs(options))
	}
	if one, ok := s.v["tmpfs"].(string); ok {
		target, options, _ := strings.Cut(one, ":")
		f.set("tmpfs."+cleaned(target), tmpfs(options))
	}
	f.set("volume_driver", text(s.v["volume_driver"]))
	for _, from := range list(s.v["volumes_from"]) {
		name, foreign := strings.CutPrefix(text(from), "container:")
		name, mode, _ := strings.Cut(name, ":")
		sharer := "service:" + name
		if foreign {
			sharer = s.in.shared(cmp.Or(s.in.Names[name], name))
		}
		f.set("volumes_from."+sharer, cmp.Or(mode, "rw"))
	}
}

func (s *service) mount(f fields, o map[string]any) {
	target, source, readOnly := cleaned(text(o["target"])), text(o["source"]), o["read_only"] == true
	name := "volumes." + target
	switch kind := text(o["type"]); {
	case kind == "volume" && source == "":
		f.set(name, nameless)
	case kind == "volume":
		f.set(name, mount("volume", cmp.Or(s.in.Model.VolumeID(source), source), text(lookup(o, "volume")["subpath"]), readOnly))
	case kind == "bind":
		f.set(name, mount("bind", cleaned(source), "", readOnly))
	case kind == "tmpfs":
		f.set(name, memory(lookup(o, "tmpfs")["size"], lookup(o, "tmpfs")["mode"]))
	default:
		s.unknown = append(s.unknown, name+" is not compared")
	}
}

// namespace is a mode such as host, service:X or container:X.
func (s *service) namespace(v any) string {
	mode := text(v)
	if name, ok := strings.CutPrefix(mode, "container:"); ok {
		return s.in.shared(cmp.Or(s.in.Names[name], name))
	}
	return mode
}

// joins reports whether the service is in a network that the engine knows by a name.
func (s *service) joins(id string) bool {
	for key := range mapping(s.v["networks"]) {
		if s.in.Model.NetworkID(key) == id {
			return true
		}
	}
	return false
}

func (s *service) networks(f fields) {
	f.set("network_mode", networkMode(s.namespace(s.v["network_mode"])))
	f.set("pid", s.namespace(s.v["pid"]))
	f.set("ipc", s.namespace(s.v["ipc"]))
	f.set("uts", text(s.v["uts"]))
	f.set("userns_mode", text(s.v["userns_mode"]))
	f.set("cgroup", text(s.v["cgroup"]))
	if s.v["network_mode"] != nil {
		return
	}
	for key, v := range mapping(s.v["networks"]) {
		o := mapping(v)
		name := "networks." + key
		f.set(name, "joined")
		f.set(name+".aliases", joinSorted(append(stringsOf(o["aliases"]), s.in.Service)))
		f.set(name+".ipv4_address", text(o["ipv4_address"]))
		f.set(name+".ipv6_address", text(o["ipv6_address"]))
		f.set(name+".mac_address", strings.ToLower(cmp.Or(text(o["mac_address"]), s.mac())))
	}
}

// mac is the address of a service with one network.
func (s *service) mac() string {
	if len(mapping(s.v["networks"])) == 1 {
		return text(s.v["mac_address"])
	}
	return ""
}

func (s *service) ports(f fields) {
	published := map[string][]string{}
	for _, item := range list(s.v["ports"]) {
		o := mapping(item)
		port := text(o["target"]) + "/" + cmp.Or(text(o["protocol"]), "tcp")
		published[port] = append(published[port], publication(text(o["host_ip"]), text(o["published"])))
	}
	for port, at := range published {
		f.set("ports."+port, joinSorted(at))
	}
}

func (s *service) health(f fields) {
	h := s.image.Healthcheck
	if v := mapping(s.v["healthcheck"]); v != nil {
		if v["disable"] == true {
			h = healthcheck{Test: []string{"NONE"}}
		} else {
			h = h.withDefaults(healthcheck{
				Test: probe(v["test"]), Interval: nanoseconds(v["interval"]), Timeout: nanoseconds(v["timeout"]),
				StartPeriod: nanoseconds(v["start_period"]), StartInterval: nanoseconds(v["start_interval"]), Retries: whole(v["retries"]),
			})
		}
	}
	h.fields(f)
}

func (s *service) security(f fields) {
	for _, key := range []string{"cap_add", "cap_drop"} {
		f.set(key, joinSorted(each(stringsOf(s.v[key]), capability)))
	}
	for _, opt := range stringsOf(s.v["security_opt"]) {
		f.set("security_opt."+securityOption(opt), "set")
	}
	f.set("read_only", truth(s.v["read_only"]))
	f.set("privileged", truth(s.v["privileged"]))
	f.set("group_add", joinSorted(stringsOf(s.v["group_add"])))
	for _, item := range list(s.v["devices"]) {
		source, target, mode := device(item)
		f.set("devices."+target, source+" "+mode)
	}
	f.set("device_cgroup_rules", joinSorted(stringsOf(s.v["device_cgroup_rules"])))
}

func (s *service) limits(f fields) {
	limits, reserved := lookup(s.v, "deploy", "resources", "limits"), lookup(s.v, "deploy", "resources", "reservations")
	f.set("mem_limit", bytes(cmp.Or(text(limits["memory"]), text(s.v["mem_limit"]))))
	f.set("mem_reservation", bytes(cmp.Or(text(reserved["memory"]), text(s.v["mem_reservation"]))))
	f.set("memswap_limit", bytes(text(s.v["memswap_limit"])))
	f.set("cpus", cpus(cmp.Or(text(limits["cpus"]), text(s.v["cpus"]))))
	f.set("pids_limit", positive(cmp.Or(text(limits["pids"]), text(s.v["pids_limit"]))))
	for _, key := range []string{"cpu_shares", "oom_score_adj", "mem_swappiness"} {
		f.set(key, number(text(s.v[key])))
	}
	for _, key := range []string{"cpu_quota", "cpu_period"} {
		f.set(key, microseconds(text(s.v[key])))
	}
	f.set("oom_kill_disable", truth(s.v["oom_kill_disable"]))
	f.set("cpuset", text(s.v["cpuset"]))
	f.set("cgroup_parent", text(s.v["cgroup_parent"]))
	f.set("shm_size", bytes(text(s.v["shm_size"])))
	for name, v := range mapping(s.v["ulimits"]) {
		soft, hard := text(v), text(v)
		if o := mapping(v); o != nil {
			soft, hard = text(o["soft"]), text(o["hard"])
		}
		f.set("ulimits."+name, soft+":"+hard)
	}
}

func (s *service) surroundings(f fields) {
	for _, host := range hosts(s.v["extra_hosts"]) {
		f.set("extra_hosts."+host, "set")
	}
	for _, key := range []string{"dns", "dns_search", "dns_opt"} {
		f.set(key, sentence(stringsOf(s.v[key])))
	}
	if l := mapping(s.v["logging"]); l != nil {
		f.set("logging.driver", text(l["driver"]))
		for key, v := range mapping(l["options"]) {
			f.set("logging.options."+key, quoted(text(v)))
		}
	}
	for key, v := range mapping(s.v["sysctls"]) {
		f.set("sysctls."+key, quoted(text(v)))
	}
	for key, v := range mapping(s.v["storage_opt"]) {
		f.set("storage_opt."+key, quoted(text(v)))
	}
	f.set("runtime", text(s.v["runtime"]))
}

// shared names the container of an ID by its service, where it is one of the project's.
func (in Input) shared(id string) string {
	if service := in.Services[id]; service != "" {
		return "service:" + service
	}
	return "container:" + id
}
