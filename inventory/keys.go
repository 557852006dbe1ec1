package inventory

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// A reader turns the value of one key into settings.
type reader func(d *decoder, at location, n *yaml.Node) []setting

// A location is where a value stands.
type location struct {
	key  string // as in Host.From
	path string // as in errors
	from string // what Host.From will say
}

func (s location) sub(key string) location {
	return location{key: join(s.key, key), path: join(s.path, key), from: s.from}
}

// hostKeys is the vocabulary of a host.
func hostKeys() map[string]reader {
	return map[string]reader{
		"address":           one(parseAddress, func(d *draft, v string) { d.Address = v }),
		"port":              one(parsePort, func(d *draft, v int) { d.Port = v }),
		"user":              one(parseUser, func(d *draft, v string) { d.User = v }),
		"identity":          many(parsePath, setIdentities),
		"jump":              readJump,
		"ssh_commands":      one(parseBool, func(d *draft, v bool) { d.SSHCommands = v }),
		"password":          one(parseSecretRef, func(d *draft, v SecretRef) { d.Password = v }),
		"sudo":              one(parseSudo, func(d *draft, v Sudo) { d.Sudo = v }),
		"compose_dir":       one(parseComposeDir, func(d *draft, v string) { d.ComposeDir = v }),
		"channel":           one(parseChannel, (*draft).setChannel),
		"version":           one(parseVersion, (*draft).setVersion),
		"pin":               one(parsePin, func(d *draft, v Pin) { d.Pin = v }),
		"registry":          readRegistry,
		"backup":            readBackup,
		"public_url":        one(parsePublicURL, func(d *draft, v string) { d.PublicURL = v }),
		"max_downtime":      one(parseMaxDowntime, func(d *draft, v time.Duration) { d.MaxDowntime = v }),
		"labels":            readLabels,
		"require_signature": one(parseBool, func(d *draft, v bool) { d.RequireSignature = v }),
		"cosign_key_sha256": one(parseFingerprint, func(d *draft, v string) { d.CosignKeySHA256 = v }),
		"manifest_host":     one(parseManifestHost, func(d *draft, v string) { d.ManifestHost = v }),
		"proxy_digests":     many(parseDigest, func(d *draft, v []string) { d.ProxyDigests = v }),
		"allow":             many(parseDecision, func(d *draft, v []string) { d.Allow = v }),
	}
}

// setIdentities also stops other keys from being offered: a server gives up
// after a few wrong ones, and a client need not learn of other clients' keys.
func setIdentities(d *draft, files []string) {
	d.Identities, d.IdentitiesOnly = files, true
}

// one reads a single value.
func one[T any](parse func(*environment, string) (T, error), put func(*draft, T)) reader {
	return func(d *decoder, at location, n *yaml.Node) []setting {
		text, ok := d.scalar(at.path, n)
		if !ok {
			return nil
		}
		v, err := parse(d.env, text)
		if !d.check(n.Line, at.path, err) {
			return nil
		}
		return []setting{{at.key, at.from, func(h *draft) { put(h, v) }}}
	}
}

// many reads a list, or a single value as a list of one.
func many[T any](parse func(*environment, string) (T, error), put func(*draft, []T)) reader {
	return func(d *decoder, at location, n *yaml.Node) []setting {
		list, ok := d.list(at.path, n, func(text string) error {
			_, err := parse(d.env, text)
			return err
		})
		if !ok {
			return nil
		}
		values := make([]T, len(list))
		for i, text := range list {
			values[i], _ = parse(d.env, text)
		}
		return []setting{{at.key, at.from, func(h *draft) { put(h, slices.Clone(values)) }}}
	}
}

// list returns the texts of a list or of a single value, if all pass check and
// none is there twice.
func (d *decoder) list(path string, n *yaml.Node, check func(string) error) ([]string, bool) {
	items := []*yaml.Node{n}
	if resolveAlias(n).Kind == yaml.SequenceNode {
		items = resolveAlias(n).Content
	}
	ok := true
	var texts []string
	for _, item := range items {
		text, isText := d.scalar(path, item)
		switch {
		case !isText, !d.check(item.Line, path, check(text)):
			ok = false
		case slices.Contains(texts, text):
			d.errorf(item.Line, path, "%q is listed twice", text)
			ok = false
		}
		texts = append(texts, text)
	}
	return texts, ok
}

// readJump reads the chain of hops. "none" and the empty list both say that the
// host is reached directly, whatever ssh_config thinks.
func readJump(d *decoder, at location, n *yaml.Node) []setting {
	hops, ok := d.list(at.path, n, checkHop)
	if !ok {
		return nil
	}
	if len(hops) > maxHops {
		d.errorf(n.Line, at.path, "has more than %d hops", maxHops)
		return nil
	}
	if slices.Equal(hops, []string{noJump}) {
		hops = nil
	}
	if slices.Contains(hops, noJump) {
		d.errorf(n.Line, at.path, "%q stands alone or not at all", noJump)
		return nil
	}
	return []setting{{at.key, at.from, func(h *draft) {
		h.hops, h.hopsFile, h.hopsLine, h.ProxyCommand = hops, d.file, n.Line, ""
	}}}
}

func readRegistry(d *decoder, at location, n *yaml.Node) []setting {
	return d.section(at, n, []section{
		{"address", one(parseRegistryAddress, func(h *draft, v string) { h.Registry.Address = v })},
		{"username", one(parseText, func(h *draft, v string) { h.Registry.Username = v })},
		{"password", one(parseSecretRef, func(h *draft, v SecretRef) { h.Registry.Password = v })},
		{"token_host", one(parseRegistryAddress, func(h *draft, v string) { h.Registry.TokenHost = v })},
	})
}

func readBackup(d *decoder, at location, n *yaml.Node) []setting {
	return d.section(at, n, []section{
		{"recipients", many(parseRecipient, func(h *draft, v []string) { h.Backup.Recipients = v })},
		{"folder", one(parsePath, func(h *draft, v string) { h.Backup.Folder = v })},
		{"bucket", one(parseBucket, func(h *draft, v Bucket) { h.Backup.Bucket = v })},
		{"bucket_login", one(parseSecretRef, func(h *draft, v SecretRef) { h.Backup.BucketLogin = v })},
		{"dump_timeout", one(parseDumpTimeout, func(h *draft, v time.Duration) { h.Backup.DumpTimeout = v })},
	})
}

// A section is a key inside a key, such as registry.username.
type section struct {
	key  string
	read reader
}

// section reads a mapping whose keys are merged one by one.
func (d *decoder) section(at location, n *yaml.Node, keys []section) []setting {
	var list []setting
	for _, p := range d.mapping(at.path, n) {
		i := slices.IndexFunc(keys, func(s section) bool { return s.key == p.key })
		if i < 0 {
			var known []string
			for _, k := range keys {
				known = append(known, k.key)
			}
			d.errorHint(p.line, at.path, "known are "+strings.Join(known, ", "), "unknown key %q", p.key)
			continue
		}
		list = append(list, keys[i].read(d, at.sub(p.key), p.value)...)
	}
	return list
}

func readLabels(d *decoder, at location, n *yaml.Node) []setting {
	var list []setting
	for _, p := range d.mapping(at.path, n) {
		sub := at.sub(p.key)
		if !d.check(p.line, at.path, checkName(p.key)) {
			continue
		}
		text, ok := d.scalar(sub.path, p.value)
		if !ok {
			continue
		}
		_, err := parseText(d.env, text)
		if d.check(p.line, sub.path, err) {
			list = append(list, setting{sub.key, sub.from, func(h *draft) { h.Labels[p.key] = text }})
		}
	}
	return list
}

// parseBool takes YAML's two words and not the six of its older version, in
// which a country code could be false.
func parseBool(_ *environment, text string) (bool, error) {
	if text != "true" && text != "false" {
		return false, fieldErrorf("must be true or false")
	}
	return strconv.ParseBool(text)
}
