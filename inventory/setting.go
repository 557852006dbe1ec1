package inventory

import "maps"

// A setting is one value found at one place, ready to be put into a host. A
// host is made by applying settings from the farthest to the nearest.
type setting struct {
	key   string
	from  string
	apply func(*draft)
}

// A draft is a host being made: its jump chain is still names, because the
// hosts they stand for may not be made yet.
type draft struct {
	Host
	hops     []string
	hopsFile string // where the chain is written, for errors
	hopsLine int
}

func newDraft(name string) *draft {
	return &draft{Host: Host{Name: name, Labels: map[string]string{}, From: map[string]string{}}}
}

func (d *draft) apply(settings []setting) {
	for _, s := range settings {
		s.apply(d)
		d.From[s.key] = s.from
	}
}

// setChannel and setVersion answer the same question, so the nearer of them
// takes away what the farther one said. A version leaves the channel alone: it
// is still where later updates come from.

func (d *draft) setChannel(name string) {
	d.Channel, d.Version = name, ""
	delete(d.From, "version")
}

func (d *draft) setVersion(v string) { d.Version = v }

const builtInSource = "built-in"

// builtIn returns the settings that hold where nobody has said otherwise.
func builtIn(env *environment) []setting {
	list := []setting{
		{key: "port", apply: func(d *draft) { d.Port = defaultPort }},
		{key: "user", apply: func(d *draft) { d.User = env.user }},
		{key: "compose_dir", apply: func(d *draft) { d.ComposeDir = "" }},
		{key: "channel", apply: func(d *draft) { d.setChannel(defaultChannel) }},
		{key: "pin", apply: func(d *draft) { d.Pin = PinDigest }},
		{key: "registry.address", apply: func(d *draft) { d.Registry.Address = defaultRegistry }},
		{key: "max_downtime", apply: func(d *draft) { d.MaxDowntime = defaultMaxDowntime }},
		{key: "require_signature", apply: func(d *draft) { d.RequireSignature = false }},
		{key: "cosign_key_sha256", apply: func(d *draft) { d.CosignKeySHA256 = defaultCosignKey }},
		{key: "proxy_digests", apply: func(d *draft) { d.ProxyDigests = []string{defaultProxyDigest} }},
		{key: "manifest_host", apply: func(d *draft) { d.ManifestHost = defaultManifestHost }},
	}
	for i := range list {
		list[i].from = builtInSource
	}
	return list
}

// settleSudo fills in what depends on the user that all layers agreed on.
func (d *draft) settleSudo() {
	if d.Sudo.Mode != "" {
		return
	}
	d.Sudo.Mode = SudoNoPasswd
	if d.User == "root" {
		d.Sudo.Mode = SudoNone
	}
	d.From["sudo"] = builtInSource
}

// host returns what was drafted, without the empty maps.
func (d *draft) host() Host {
	h := d.Host
	h.From = maps.Clone(h.From)
	if len(h.Labels) == 0 {
		h.Labels = nil
	}
	return h
}
