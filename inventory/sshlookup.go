package inventory

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	sshconf "github.com/kevinburke/ssh_config"
)

// An sshFound is what ssh_config says about one host.
type sshFound struct {
	settings []setting
	warnings []string
	refused  []string   // keywords whose value did not pass
	maybe    []sshValue // RevokedHostKeys of sections that may apply
	named    bool       // a section is about this host and not about all
}

// An sshValue is one line that applies.
type sshValue struct {
	text string
	args []string // the same, as words
	file string
	line int
}

func (s sshSection) value(kv *sshconf.KV) sshValue {
	at := kv.Pos().Line
	_, args := sshKeyword(s.raw[at-1])
	return sshValue{kv.Value, sshWords(args), s.file, s.offset + at}
}

func (v sshValue) from() string { return fmt.Sprintf("%s:%d", v.file, v.line) }

// lookup goes through the sections in order. The first value of a keyword wins,
// but for files of keys and certificates, which add up.
func (c *sshConfig) lookup(name, address string) sshFound {
	q := query{names: []string{name}}
	if address != "" && address != name {
		q.names = append(q.names, address)
	}
	var found sshFound
	values := map[string][]sshValue{}
	for _, s := range c.sections {
		if !s.applies(q, &found) {
			found.revocations(s, q)
			continue
		}
		for _, kv := range s.lines {
			key := strings.ToLower(kv.Key)
			if len(values[rival[key]]) > 0 {
				continue
			}
			if len(values[key]) == 0 || key == "identityfile" || key == "certificatefile" {
				values[key] = append(values[key], s.value(kv))
			}
			if key == "hostname" && q.hostName == "" && address == "" {
				q.hostName = expandName(kv.Value, name)
			}
		}
	}
	found.read(values, name)
	return found
}

// rival are keywords of which the first one that applies shuts the other out, with a
// value of "none" too (ssh_config(5)).
var rival = map[string]string{"proxyjump": "proxycommand", "proxycommand": "proxyjump"}

func (s sshSection) applies(q query, found *sshFound) bool {
	named := false
	for _, g := range s.guards {
		if !g.hit(q) {
			return false
		}
		named = named || g.named
	}
	found.named = found.named || named
	return true
}

// revocations keeps what a section revokes that may apply and cannot be decided: of its
// lines these are the ones that only ever refuse.
func (f *sshFound) revocations(s sshSection, q query) {
	if !s.mayApply(q) {
		return
	}
	for _, kv := range s.lines {
		if strings.EqualFold(kv.Key, "RevokedHostKeys") {
			f.maybe = append(f.maybe, s.value(kv))
			return
		}
	}
}

func (s sshSection) mayApply(q query) bool {
	for _, g := range s.guards {
		if !g.hit(q) && (g.mayHit == nil || !g.mayHit(q)) {
			return false
		}
	}
	return true
}

// read turns the lines that apply into settings, through the same checks as
// the inventory's own values. One that does not pass is left out and told.
func (f *sshFound) read(values map[string][]sshValue, name string) {
	text := func(keyword, key string, put func(*draft, string) error) {
		for _, v := range values[keyword][:min(1, len(values[keyword]))] {
			scratch := newDraft(name)
			if err := put(scratch, v.text); err != nil {
				f.warnf(v, "%s %v", keyword, err)
				f.refused = append(f.refused, keyword)
				continue
			}
			f.settings = append(f.settings, setting{key, v.from(), func(d *draft) { _ = put(d, v.text) }})
		}
	}
	text("hostname", "address", func(d *draft, s string) (err error) {
		d.Address, err = parseAddress(nil, expandName(s, name))
		return err
	})
	text("port", "port", func(d *draft, s string) (err error) {
		d.Port, err = parsePort(nil, s)
		return err
	})
	text("user", "user", func(d *draft, s string) (err error) {
		d.User, err = parseUser(nil, s)
		return err
	})
	text("hostkeyalias", "host_key_alias", func(d *draft, s string) (err error) {
		d.HostKeyAlias, err = parseText(nil, expandName(s, name))
		return err
	})
	text("identitiesonly", "identities_only", func(d *draft, s string) error {
		d.IdentitiesOnly = strings.EqualFold(s, "yes")
		return nil
	})
	text("identityagent", "identity_agent", func(d *draft, s string) (err error) {
		d.IdentityAgent, err = parseText(nil, s)
		return err
	})
	f.readList("known_hosts", values["userknownhostsfile"], func(d *draft, files []string) { d.KnownHosts = files })
	f.readList("global_known_hosts", values["globalknownhostsfile"], func(d *draft, files []string) { d.GlobalKnownHosts = files })
	f.readList("revoked_host_keys", slices.Concat(values["revokedhostkeys"], f.maybe), func(d *draft, files []string) { d.RevokedHostKeys = files })
	if v := values["knownhostscommand"]; len(v) > 0 && !strings.EqualFold(v[0].text, "none") {
		f.warnf(v[0], "KnownHostsCommand is not supported; the keys it would name are unknown here, and those it would revoke are not revoked")
	}
	f.readFiles("identity", values["identityfile"], func(d *draft, files []string) { d.Identities = files })
	f.readFiles("certificate", values["certificatefile"], func(d *draft, files []string) { d.Certificates = files })
	f.readJump(values, name)
}

func (f *sshFound) readFiles(key string, values []sshValue, put func(*draft, []string)) {
	if len(values) == 0 {
		return
	}
	files := make([]string, len(values))
	for i, v := range values {
		files[i] = v.text
	}
	f.settings = append(f.settings, setting{key, values[0].from(), func(d *draft) { put(d, slices.Clone(files)) }})
}

// readList reads a keyword whose line may name several files.
func (f *sshFound) readList(key string, values []sshValue, put func(*draft, []string)) {
	if len(values) == 0 {
		return
	}
	var files []string
	for _, v := range values {
		files = append(files, v.args...)
	}
	f.settings = append(f.settings, setting{key, values[0].from(), func(d *draft) { put(d, slices.Clone(files)) }})
}

// readJump takes ProxyJump or ProxyCommand, whichever stands first, as ssh does.
// A command would give a stranger's program the connection, so it is told and
// not run.
func (f *sshFound) readJump(values map[string][]sshValue, name string) {
	if v := values["proxycommand"]; len(v) > 0 && !strings.EqualFold(v[0].text, noJump) {
		f.warnf(v[0], "ProxyCommand is not supported; write the way to the host as jump")
	}
	for _, v := range values["proxyjump"] {
		var hops []string
		if !strings.EqualFold(v.text, noJump) {
			for _, h := range strings.Split(v.text, ",") {
				hops = append(hops, expandName(strings.TrimSpace(h), name))
			}
		}
		f.settings = append(f.settings, setting{"jump", v.from(), func(d *draft) {
			d.hops, d.hopsFile, d.hopsLine = hops, v.file, v.line
		}})
	}
}

func (f *sshFound) warnf(v sshValue, format string, args ...any) {
	f.warnings = append(f.warnings, v.from()+": "+fmt.Sprintf(format, args...))
}

// expandName replaces the tokens that stand for the host as it was named.
func expandName(text, name string) string {
	return strings.NewReplacer("%%", "%", "%h", name, "%n", name).Replace(text)
}

// expand replaces, in the paths that came from ssh_config, the tokens that
// depend on values settled only now.
func (f *sshFound) expand(h *Host, env *surroundings) {
	tokens := strings.NewReplacer("%%", "%", "%d", env.home, "%h", h.Address, "%n", h.Name,
		"%p", strconv.Itoa(h.Port), "%r", h.User, "%u", env.user, "%k", cmp.Or(h.HostKeyAlias, h.Name))
	path := func(p string) string {
		p = expandEnv(tokens.Replace(p))
		if strings.HasPrefix(p, "~/") {
			return filepath.Join(env.home, p[2:])
		}
		return p
	}
	paths := func(key string, list []string) []string {
		if !f.gave(h.From[key]) {
			return list
		}
		list = slices.DeleteFunc(list, func(p string) bool { return strings.EqualFold(p, "none") })
		for i, p := range list {
			list[i] = path(p)
		}
		return list
	}
	h.Identities = paths("identity", h.Identities)
	h.Certificates = paths("certificate", h.Certificates)
	h.KnownHosts = paths("known_hosts", h.KnownHosts)
	h.GlobalKnownHosts = paths("global_known_hosts", h.GlobalKnownHosts)
	h.RevokedHostKeys = paths("revoked_host_keys", h.RevokedHostKeys)
	h.IdentityAgent = agentSocket(path(h.IdentityAgent))
}

// expandEnv replaces ${NAME} by the variable of that name.
func expandEnv(text string) string {
	return envReference.ReplaceAllStringFunc(text, func(ref string) string { return os.Getenv(ref[2 : len(ref)-1]) })
}

var envReference = regexp.MustCompile(`\$\{\w+\}`)

// gave reports whether a value's source is one of the settings found.
func (f *sshFound) gave(from string) bool {
	return slices.ContainsFunc(f.settings, func(s setting) bool { return s.from == from })
}

// agentSocket follows the two ways of naming a variable. SSH_AUTH_SOCK is what
// an empty name means anyway.
func agentSocket(name string) string {
	switch {
	case name == "SSH_AUTH_SOCK":
		return ""
	case strings.EqualFold(name, "none"):
		return "none"
	case strings.HasPrefix(name, "$"):
		return os.Getenv(strings.Trim(name, "${}"))
	}
	return name
}

// aliases returns the names that Host lines spell out, in the order of the
// files.
func (c *sshConfig) aliases() []string {
	var names []string
	for _, s := range c.sections {
		for _, g := range s.guards {
			for _, p := range g.patterns {
				if !strings.ContainsAny(p, "*?!") && !slices.Contains(names, p) {
					names = append(names, p)
				}
			}
		}
	}
	return names
}
