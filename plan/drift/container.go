package drift

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A container is what the engine says of one.
type container struct {
	in    Input
	doc   inspected
	image imageConfig

	// copied says that another tool than Compose made it, of another image than the one
	// that Compose noted: a panel or Watchtower, which copies all that the old one had.
	copied bool
}

// inspected is the part of docker inspect that is compared. The names are the engine's.
type inspected struct {
	ID                      string `json:"Id"`
	Name, Image             string
	ImageManifestDescriptor *struct{ Digest string }
	Config                  struct {
		Hostname, Domainname, User, WorkingDir, StopSignal string
		Tty, OpenStdin                                     bool
		Env, Cmd, Entrypoint                               []string
		Labels                                             map[string]string
		Healthcheck                                        *healthcheck
		StopTimeout                                        *int64
	}
	HostConfig struct {
		NetworkMode, PidMode, IpcMode, UTSMode, UsernsMode, CgroupnsMode, CgroupParent, Runtime, VolumeDriver string

		PortBindings  map[string][]struct{ HostIp, HostPort string }
		RestartPolicy struct {
			Name              string
			MaximumRetryCount int64
		}
		VolumesFrom, CapAdd, CapDrop, SecurityOpt, GroupAdd, Dns, DnsSearch, DnsOptions, ExtraHosts, DeviceCgroupRules []string

		ReadonlyRootfs, Privileged bool
		Init, OomKillDisable       *bool
		Tmpfs, Sysctls, StorageOpt map[string]string
		MaskedPaths, ReadonlyPaths []string
		LogConfig                  struct {
			Type   string
			Config map[string]string
		}
		ShmSize, Memory, MemorySwap, MemoryReservation, NanoCpus, CpuShares, CpuQuota, CpuPeriod, OomScoreAdj int64

		CpusetCpus                  string
		PidsLimit, MemorySwappiness *int64
		Ulimits                     []struct {
			Name       string
			Soft, Hard int64
		}
		Devices []struct{ PathOnHost, PathInContainer, CgroupPermissions string }
		Mounts  []wanted
	}
	Mounts []struct {
		Type, Name, Source, Destination string
		RW                              bool
	}
	NetworkSettings struct {
		Networks map[string]endpoint
	}
}

// wanted is a mount as Compose asked for it; only there are its options told.
type wanted struct {
	Target        string
	VolumeOptions struct{ Subpath string }
	TmpfsOptions  struct{ SizeBytes, Mode int64 }
}

type endpoint struct {
	Aliases    []string
	MacAddress string
	IPAMConfig *struct{ IPv4Address, IPv6Address string }
}

// imageConfig is what an image gives its containers.
type imageConfig struct {
	User, WorkingDir, StopSignal string
	Env, Cmd, Entrypoint         []string
	Labels                       map[string]string
	Volumes                      map[string]struct{}
	Healthcheck                  healthcheck
}

func readContainer(in Input) (*container, error) {
	c := &container{in: in}
	if len(in.Container) == 0 || len(in.Image) == 0 {
		return nil, errors.New("the engine did not say what the container, or its image, is made of")
	}
	if err := json.Unmarshal(in.Container, &c.doc); err != nil {
		return nil, fmt.Errorf("what the engine says of the container: %w", err)
	}
	var image struct {
		ID     string `json:"Id"`
		Config *imageConfig
	}
	if err := json.Unmarshal(in.Image, &image); err != nil {
		return nil, fmt.Errorf("what the engine says of the image: %w", err)
	}
	if c.doc.ID == "" || image.Config == nil {
		return nil, errors.New("the engine did not say what the container, or its image, is made of")
	}
	c.image = *image.Config
	noted := c.doc.Config.Labels["com.docker.compose.image"]
	manifest := c.doc.ImageManifestDescriptor
	c.copied = noted != "" && noted != c.doc.Image && (manifest == nil || noted != manifest.Digest)
	return c, nil
}

// fields are those of the container. Of what differs from container to container by
// nature, such as an address, only what the service fixes is among them.
func (c *container) fields(s *service) fields {
	f := fields{}
	c.process(f)
	for key, v := range variables(c.doc.Config.Env) {
		f.set("environment."+key, quoted(v))
	}
	for key, v := range c.doc.Config.Labels {
		if !ownLabel(key) {
			f.set("labels."+key, quoted(v))
		}
	}
	c.mounts(f)
	c.networks(f, s)
	for port, at := range c.doc.HostConfig.PortBindings {
		var published []string
		for _, b := range at {
			published = append(published, publication(b.HostIp, b.HostPort))
		}
		f.set("ports."+port, joinSorted(published))
	}
	if h := c.doc.Config.Healthcheck; h != nil {
		h.fields(f)
	}
	c.security(f)
	c.limits(f)
	c.surroundings(f)
	return f
}

// madeUp matches host names that an engine makes of a container's ID.
var madeUp = regexp.MustCompile(`^[0-9a-f]{12}$`)

func (c *container) process(f fields) {
	k, h := c.doc.Config, c.doc.HostConfig
	f.set("command", sentence(k.Cmd))
	f.set("entrypoint", sentence(k.Entrypoint))
	f.set("user", k.User)
	f.set("working_dir", cleaned(k.WorkingDir))
	if !madeUp.MatchString(k.Hostname) && !c.borrowsNetwork() {
		f.set("hostname", k.Hostname)
	}
	if !c.borrowsNetwork() {
		f.set("domainname", k.Domainname)
	}
	f.set("stop_signal", signal(k.StopSignal))
	if k.StopTimeout != nil {
		f.set("stop_grace_period", seconds(strconv.FormatInt(*k.StopTimeout, 10)+"s"))
	}
	f.set("init", flag(h.Init))
	f.set("tty", truth(k.Tty))
	f.set("stdin_open", truth(k.OpenStdin))
	f.set("restart", restart(h.RestartPolicy.Name, strconv.FormatInt(h.RestartPolicy.MaximumRetryCount, 10)))
}

// borrowsNetwork reports whether the container has the network, and so the name, of
// another or of the host.
func (c *container) borrowsNetwork() bool {
	mode := c.doc.HostConfig.NetworkMode
	return mode == "host" || strings.HasPrefix(mode, "container:")
}

func (c *container) mounts(f fields) {
	h := c.doc.HostConfig
	for _, m := range c.doc.Mounts {
		var asked wanted
		for _, w := range h.Mounts {
			if cleaned(w.Target) == cleaned(m.Destination) {
				asked = w
			}
		}
		var value string
		switch {
		case m.Type == "volume" && engineMade.MatchString(m.Name):
			value = nameless
		case m.Type == "volume":
			value = mount("volume", m.Name, asked.VolumeOptions.Subpath, !m.RW)
		case m.Type == "tmpfs":
			value = memory(asked.TmpfsOptions.SizeBytes, asked.TmpfsOptions.Mode)
		default:
			value = mount(m.Type, cleaned(m.Source), "", !m.RW)
		}
		f.set("volumes."+cleaned(m.Destination), value)
	}
	for target, options := range h.Tmpfs {
		f.set("tmpfs."+cleaned(target), tmpfs(options))
	}
	f.set("volume_driver", h.VolumeDriver)
	for _, from := range h.VolumesFrom {
		id, mode, _ := strings.Cut(from, ":")
		f.set("volumes_from."+c.in.shared(cmp.Or(c.in.Names[id], id)), cmp.Or(mode, "rw"))
	}
}

// engineMade matches the names that an engine gives volumes without one.
var engineMade = regexp.MustCompile(`^[0-9a-f]{64}$`)

// namespace is a mode of the container, with another of the project's by its service.
func (c *container) namespace(mode string) string {
	if id, ok := strings.CutPrefix(mode, "container:"); ok {
		return c.in.shared(cmp.Or(c.in.Names[id], id))
	}
	return mode
}

func (c *container) networks(f fields, s *service) {
	h := c.doc.HostConfig
	switch mode := h.NetworkMode; {
	case s.v["network_mode"] == nil && s.joins(mode):
		c.joined(f, s) // a network of the files that has such a name
	case mode == "host", mode == "none", mode == "bridge", mode == "default", strings.HasPrefix(mode, "container:"):
		f.set("network_mode", networkMode(c.namespace(mode)))
	default:
		c.joined(f, s)
	}
	f.set("pid", c.namespace(h.PidMode))
	f.set("ipc", c.namespace(h.IpcMode))
	f.set("uts", h.UTSMode)
	f.set("userns_mode", h.UsernsMode)
	f.set("cgroup", h.CgroupnsMode)
}

// joined are the networks, by the names that the files have for them.
func (c *container) joined(f fields, s *service) {
	for id, e := range c.doc.NetworkSettings.Networks {
		key := id
		for _, k := range s.in.Model.NetworkNames() {
			if s.in.Model.NetworkID(k) == id && (key == id || s.names("networks", k)) {
				key = k
			}
		}
		name := "networks." + key
		f.set(name, "joined")
		var aliases []string
		for _, a := range e.Aliases {
			if a != strings.TrimPrefix(c.doc.Name, "/") && !madeUp.MatchString(a) || a == s.in.Service {
				aliases = append(aliases, a)
			}
		}
		f.set(name+".aliases", joinSorted(aliases))
		if e.IPAMConfig != nil {
			f.set(name+".ipv4_address", e.IPAMConfig.IPv4Address)
			f.set(name+".ipv6_address", e.IPAMConfig.IPv6Address)
		}
		if cmp.Or(text(mapping(mapping(s.v["networks"])[key])["mac_address"]), s.mac()) != "" {
			f.set(name+".mac_address", strings.ToLower(e.MacAddress))
		}
	}
}

func (c *container) security(f fields) {
	h := c.doc.HostConfig
	f.set("cap_add", joinSorted(each(h.CapAdd, capability)))
	f.set("cap_drop", joinSorted(each(h.CapDrop, capability)))
	for _, opt := range h.SecurityOpt {
		f.set("security_opt."+securityOption(opt), "set")
	}
	if h.MaskedPaths != nil && len(h.MaskedPaths) == 0 && !h.Privileged {
		f.set("security_opt."+securityOption("systempaths=unconfined"), "set")
	}
	f.set("read_only", truth(h.ReadonlyRootfs))
	f.set("privileged", truth(h.Privileged))
	f.set("group_add", joinSorted(h.GroupAdd))
	for _, d := range h.Devices {
		f.set("devices."+d.PathInContainer, d.PathOnHost+" "+cmp.Or(d.CgroupPermissions, "rwm"))
	}
	f.set("device_cgroup_rules", joinSorted(h.DeviceCgroupRules))
}

func (c *container) limits(f fields) {
	h := c.doc.HostConfig
	for key, n := range map[string]int64{
		"mem_limit": h.Memory, "memswap_limit": h.MemorySwap, "mem_reservation": h.MemoryReservation,
		"shm_size": h.ShmSize, "cpu_shares": h.CpuShares, "cpu_quota": h.CpuQuota, "cpu_period": h.CpuPeriod, "oom_score_adj": h.OomScoreAdj,
	} {
		f.set(key, number(strconv.FormatInt(n, 10)))
	}
	f.set("cpus", cpus(strconv.FormatFloat(float64(h.NanoCpus)/1e9, 'f', -1, 64)))
	if h.PidsLimit != nil {
		f.set("pids_limit", positive(strconv.FormatInt(*h.PidsLimit, 10)))
	}
	if h.MemorySwappiness != nil && *h.MemorySwappiness > 0 {
		f.set("mem_swappiness", strconv.FormatInt(*h.MemorySwappiness, 10))
	}
	f.set("oom_kill_disable", flag(h.OomKillDisable))
	f.set("cpuset", h.CpusetCpus)
	f.set("cgroup_parent", h.CgroupParent)
	for _, u := range h.Ulimits {
		f.set("ulimits."+u.Name, fmt.Sprintf("%d:%d", u.Soft, u.Hard))
	}
}

// swapByDefault reports whether the engine chose how much the container may swap.
func (c *container) swapByDefault() bool {
	h := c.doc.HostConfig
	return h.MemorySwap == 2*h.Memory || h.MemorySwap <= 0
}

func (c *container) surroundings(f fields) {
	h := c.doc.HostConfig
	for _, host := range h.ExtraHosts {
		f.set("extra_hosts."+hostEntry(host), "set")
	}
	f.set("dns", sentence(h.Dns))
	f.set("dns_search", sentence(h.DnsSearch))
	f.set("dns_opt", sentence(h.DnsOptions))
	f.set("logging.driver", h.LogConfig.Type)
	for key, v := range h.LogConfig.Config {
		f.set("logging.options."+key, quoted(v))
	}
	for key, v := range h.Sysctls {
		f.set("sysctls."+key, quoted(v))
	}
	for key, v := range h.StorageOpt {
		f.set("storage_opt."+key, quoted(v))
	}
	f.set("runtime", h.Runtime)
}
