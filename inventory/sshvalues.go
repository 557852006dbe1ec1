package inventory

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
)

// word is the one value of a line.
func (l sshLine) word() (string, error) {
	switch {
	case l.err != nil:
		return "", l.err
	case len(l.args) == 0 || l.args[0] == "":
		return "", errNoValue
	case len(l.args) > 1:
		return "", fmt.Errorf("has more than one value")
	}
	return l.args[0], nil
}

// read turns the lines that apply into settings, through the same checks as
// the inventory's own values. One that does not pass blocks the host.
func (f *sshFound) read(values map[string][]sshLine, q *query) {
	text := func(keyword string, put func(*draft, string) error) {
		for _, l := range values[keyword] {
			value, err := l.word()
			if err == nil {
				err = put(newDraft(q.name), value)
			}
			if err != nil {
				f.block(l, err)
				continue
			}
			f.settings = append(f.settings, setting{sshKeys[keyword], l.position(), func(d *draft) { _ = put(d, value) }})
		}
	}
	text("hostname", func(d *draft, s string) (err error) {
		if s, err = (tokens{'h': q.name}).expand(s); err == nil {
			d.Address, err = parseAddress(nil, strings.ToLower(s))
		}
		return err
	})
	text("port", func(d *draft, s string) (err error) { d.Port, err = parseService(s); return err })
	text("user", func(d *draft, s string) (err error) {
		if s, err = expandUser(s, q); err == nil {
			d.User, err = parseUser(nil, s)
		}
		return err
	})
	text("hostkeyalias", func(d *draft, s string) (err error) {
		d.HostKeyAlias, err = parseText(nil, strings.ToLower(s))
		return err
	})
	text("identitiesonly", func(d *draft, s string) (err error) { d.IdentitiesOnly, err = parseYes(s); return err })
	text("identityagent", func(d *draft, s string) (err error) { d.IdentityAgent, err = parseText(nil, s); return err })
	f.readList(values["userknownhostsfile"], func(d *draft, files []string) { d.KnownHosts = files })
	f.readList(values["globalknownhostsfile"], func(d *draft, files []string) { d.GlobalKnownHosts = files })
	f.readList(slices.Concat(values["revokedhostkeys"], f.maybe), func(d *draft, files []string) { d.RevokedHostKeys = files })
	f.readList(values["identityfile"], func(d *draft, files []string) { d.Identities = files })
	f.readList(values["certificatefile"], func(d *draft, files []string) { d.Certificates = files })
	f.readProxy(values, q)
	f.readOthers(values, q)
}

func (f *sshFound) block(l sshLine, why error) {
	f.blocks = append(f.blocks, block{sshKeys[l.keyword], l, fmt.Sprintf("%s %v", l.keyword, why)})
}

// readOthers looks at what is not followed.
func (f *sshFound) readOthers(values map[string][]sshLine, q *query) {
	for _, l := range values["knownhostscommand"] {
		if value, err := l.word(); err != nil || !strings.EqualFold(value, "none") {
			f.warnings = append(f.warnings, l.position()+": KnownHostsCommand is not supported; the keys it would name are unknown here, and those it would revoke are not revoked")
		}
	}
	for _, l := range values["canonicalizehostname"] {
		if value, err := l.word(); err == nil && !strings.EqualFold(value, "no") && !strings.EqualFold(value, "none") && net.ParseIP(q.host()) == nil {
			f.block(l, fmt.Errorf("is not supported, by which ssh looks the host up under other names; write its address in the inventory"))
		}
	}
}

// readList reads a keyword whose lines may name several files.
func (f *sshFound) readList(lines []sshLine, put func(*draft, []string)) {
	var files []string
	var first *sshLine
	for _, l := range lines {
		err := l.err
		if err == nil && (len(l.args) == 0 || slices.Contains(l.args, "")) {
			err = errNoValue
		}
		if one := slices.Contains(addsUp, l.keyword) || l.keyword == "revokedhostkeys"; err == nil && one {
			_, err = l.word()
		}
		if err != nil {
			f.block(l, err)
			continue
		}
		if first == nil {
			first = &l
		}
		files = append(files, l.args...)
	}
	if first != nil {
		f.settings = append(f.settings, setting{sshKeys[first.keyword], first.position(), func(d *draft) { put(d, slices.Clone(files)) }})
	}
}

// readProxy takes ProxyJump or ProxyCommand, whichever stands first, as ssh does. A
// command that only calls ssh to go through another host is a jump; any other would give
// a program the connection, and runs only where the inventory says so.
func (f *sshFound) readProxy(values map[string][]sshLine, q *query) {
	set := func(l sshLine, hops []string, command string) {
		f.settings = append(f.settings, setting{"jump", l.position(), func(d *draft) {
			d.hops, d.hopsFile, d.hopsLine, d.ProxyCommand = slices.Clone(hops), l.file, l.number, command
		}})
	}
	for _, l := range values["proxycommand"] {
		hop, translated := jumpOf(l.text)
		switch {
		case l.err != nil:
			f.block(l, l.err)
		case strings.EqualFold(l.text, noJump):
			set(l, nil, "")
		case translated:
			set(l, []string{hop}, "")
		case q.commands:
			set(l, nil, l.text)
		default:
			f.block(l, fmt.Errorf("runs a program, which the inventory does not allow; write the way to the host as jump, or ssh_commands: true"))
		}
	}
	for _, l := range values["proxyjump"] {
		if strings.EqualFold(l.jump(), noJump) {
			if len(values["proxycommand"]) == 0 {
				set(l, nil, "")
			}
			continue
		}
		var hops []string
		for _, h := range strings.Split(l.jump(), ",") {
			hops = append(hops, strings.Trim(h, " \t"))
		}
		set(l, hops, "")
	}
}

// jump is the value of a ProxyJump, which ssh takes as it stands, up to a comment.
func (l sshLine) jump() string {
	text, _, _ := strings.Cut(l.text, "#")
	return strings.Trim(text, " \t")
}

// parseService reads a port as ssh does: a number, or the name of a service.
func parseService(text string) (int, error) {
	if n := strings.TrimLeft(text, "0"); n != "" {
		text = n
	}
	if port, err := parsePort(nil, text); err == nil {
		return port, nil
	}
	if port, err := net.LookupPort("tcp", text); err == nil && port > 0 {
		return port, nil
	}
	return 0, fieldErrorf("must be a number from 1 to 65535")
}

func parseYes(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "yes", "true":
		return true, nil
	case "no", "false":
		return false, nil
	}
	return false, fieldErrorf("must be yes or no")
}

// expandUser replaces what OpenSSH does since 10.0; before, such a name was taken as it
// stands, and no system has an account of that name.
func expandUser(text string, q *query) (string, error) {
	h := Host{Name: q.name, Address: q.host(), HostKeyAlias: q.alias}
	list := tokensOf(&h, q.port, q.env)
	delete(list, 'r')
	text, err := list.expand(text)
	if err != nil {
		return "", err
	}
	return expandEnv(text)
}

// expand replaces, in what came from ssh_config, the tokens that depend on values settled
// only now. What cannot be replaced is one more block.
func (f *sshFound) expand(d *draft) {
	h := &d.Host
	list := tokensOf(h, "", f.env)
	each := func(key string, values []string, replace func(string) (string, error)) []string {
		if !f.hasSource(h.From[key]) {
			return values
		}
		values = slices.DeleteFunc(values, func(v string) bool { return strings.EqualFold(v, "none") })
		for i, v := range values {
			var err error
			if values[i], err = replace(v); err != nil {
				f.blocks = append(f.blocks, block{key: key, why: fmt.Sprintf("%s of %s %v", key, h.From[key], err)})
			}
		}
		return values
	}
	path := func(p string) (string, error) { return list.expandPath(p, f.env) }
	h.Identities = each("identity", h.Identities, path)
	h.Certificates = each("certificate", h.Certificates, path)
	h.KnownHosts = each("known_hosts", h.KnownHosts, path)
	h.GlobalKnownHosts = each("global_known_hosts", h.GlobalKnownHosts, path)
	h.RevokedHostKeys = each("revoked_host_keys", h.RevokedHostKeys, path)
	d.hops = each("jump", d.hops, list.expand)
	if h.ProxyCommand != "" {
		h.ProxyCommand = each("jump", []string{h.ProxyCommand}, list.expand)[0]
	}
	switch name := h.IdentityAgent; {
	case name == "", strings.EqualFold(name, "none"):
		h.IdentityAgent = strings.ToLower(name)
	case name == "SSH_AUTH_SOCK": // which an empty name means anyway
		h.IdentityAgent = ""
	case strings.HasPrefix(name, "$") && !strings.HasPrefix(name, "${"):
		h.IdentityAgent = os.Getenv(name[1:])
		if h.IdentityAgent == "" {
			h.IdentityAgent = "none"
		}
	default:
		h.IdentityAgent = each("identity_agent", []string{name}, path)[0]
	}
}

// hasSource reports whether a value comes from one of the settings found.
func (f *sshFound) hasSource(from string) bool {
	return slices.ContainsFunc(f.settings, func(s setting) bool { return s.from == from })
}

// blocked is the sentence on what keeps a host from being dialled, "" if nothing does. What
// the inventory says itself is not a matter of ssh_config.
func (f *sshFound) blocked(own []setting) string {
	var list []string
	for _, b := range f.blocks {
		if slices.ContainsFunc(own, func(s setting) bool { return s.key == b.key || s.key == "identity" && b.key == "identities_only" }) {
			continue
		}
		text := b.why
		if b.line.file != "" {
			text = b.String()
		}
		if !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return strings.Join(list, "; ")
}
