package inventory

import (
	"fmt"
	"slices"
	"strings"
)

// An sshFound is what ssh_config says about one host.
type sshFound struct {
	settings []setting
	warnings []string
	blocks   []block
	maybe    []sshLine // RevokedHostKeys of sections that may apply
	named    bool      // a section is about this host and not about all
	env      *environment
}

// A block is a value that ssh would follow and we cannot. Unless the inventory has its own
// word on it, the host is not dialled: it would be another host, or another user.
type block struct {
	key  string // as in Host.From
	line sshLine
	why  string
}

func (b block) String() string { return b.line.position() + ": " + b.why }

// What is known of a host before ssh_config is read: what the inventory says, as ssh's
// own arguments would.
type beforehand struct {
	address  string
	user     string
	commands bool // it allows to run what ssh_config names
}

// sshKeys are the keywords that decide who is dialled, how, and as whom, each with what it
// is called in Host.From.
var sshKeys = map[string]string{
	"hostname": "address", "port": "port", "user": "user", "proxyjump": "jump", "proxycommand": "jump", "hostkeyalias": "host_key_alias",
	"identityfile": "identity", "identitiesonly": "identities_only", "certificatefile": "certificate", "identityagent": "identity_agent",
	"userknownhostsfile": "known_hosts", "globalknownhostsfile": "global_known_hosts", "canonicalizehostname": "address",
	"revokedhostkeys": "revoked_host_keys", "knownhostscommand": "known_hosts", "tag": "",
}

// addsUp are keywords of which every value counts and not the first.
var addsUp = []string{"identityfile", "certificatefile"}

// isShadowed reports whether a line comes too late: of ProxyJump and ProxyCommand the first
// that applies shuts the other out, also "ProxyCommand none", but not "ProxyJump none".
func isShadowed(l sshLine, values map[string][]sshLine) bool {
	switch l.keyword {
	case "proxyjump":
		return len(values["proxycommand"]) > 0
	case "proxycommand":
		return slices.ContainsFunc(values["proxyjump"], func(j sshLine) bool { return !strings.EqualFold(j.jump(), noJump) })
	}
	return false
}

// lookup goes through the sections in order. The first value of a keyword wins,
// but for files of keys and certificates, which add up.
func (c *sshConfig) lookup(name string, known beforehand) sshFound {
	q := &query{name: c.spelling(name), address: known.address, user: known.user, commands: known.commands, env: c.env}
	q.names = []string{q.name}
	if known.address != "" && known.address != name {
		q.names = append(q.names, known.address)
	}
	found := sshFound{env: c.env}
	values := map[string][]sshLine{}
	c.pass(q, &found, values)
	if c.final() { // as ssh does where there is a Match final: once more, with the host that came out
		q.final, q.names = true, []string{q.host()}
		c.pass(q, &found, values)
	}
	found.read(values, q)
	return found
}

func (c *sshConfig) final() bool {
	return slices.ContainsFunc(c.sections, func(s sshSection) bool {
		return slices.ContainsFunc(s.guards, func(g *guard) bool { return g.final })
	})
}

// spelling returns a name as ssh would be given it: names are in small letters here, and Host
// lines need not be.
func (c *sshConfig) spelling(name string) string {
	spelled := name
	for _, alias := range c.aliases() {
		if alias == name {
			return name
		}
		if strings.EqualFold(alias, name) {
			spelled = alias
		}
	}
	return spelled
}

// pass goes through all sections once.
func (c *sshConfig) pass(q *query, found *sshFound, values map[string][]sshLine) {
	q.decided = map[*guard]decision{}
	for _, s := range c.sections {
		result, why := s.applies(q)
		for _, l := range s.lines {
			if _, ours := sshKeys[l.keyword]; !ours || isShadowed(l, values) || q.final && l.keyword == "hostname" {
				continue
			}
			switch {
			case result == yes:
				found.keep(l, values)
				q.learn(l)
			case result == maybe && l.keyword == "revokedhostkeys": // it only ever refuses
				found.maybe = append(found.maybe, l)
			case result == maybe && (len(values[l.keyword]) == 0 || slices.Contains(addsUp, l.keyword)):
				found.blocks = append(found.blocks, block{sshKeys[l.keyword], l, fmt.Sprintf("%s stands in a block that may apply: %s", l.keyword, why)})
			}
		}
		found.named = found.named || result == yes && slices.ContainsFunc(s.guards, func(g *guard) bool { return g.named })
	}
}

func (s sshSection) applies(q *query) (verdict, string) {
	all := decision{verdict: yes}
	for _, g := range s.guards {
		if d := q.decide(g); d.verdict < all.verdict {
			all = d
		}
		if all.verdict == no {
			break
		}
	}
	return all.verdict, all.why
}

// keep keeps a line that applies.
func (f *sshFound) keep(l sshLine, values map[string][]sshLine) {
	old := values[l.keyword]
	if slices.Contains(addsUp, l.keyword) {
		if !slices.ContainsFunc(old, func(o sshLine) bool { return slices.Equal(o.args, l.args) }) {
			values[l.keyword] = append(old, l)
		}
	} else if len(old) == 0 {
		values[l.keyword] = []sshLine{l}
	}
}

// learn notes what later sections may ask for.
func (q *query) learn(l sshLine) {
	value, err := l.word()
	if err != nil {
		return // the host is blocked by it
	}
	for keyword, to := range map[string]*string{"hostname": &q.hostName, "user": &q.user, "port": &q.port, "hostkeyalias": &q.alias, "tag": &q.tag} {
		if l.keyword != keyword || *to != "" {
			continue
		}
		if keyword == "hostname" {
			value, _ = tokens{'h': q.name}.expand(value)
		}
		*to = value
	}
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
