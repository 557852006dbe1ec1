package inventory

import (
	"fmt"
	"slices"
	"strings"
)

// noJump says that a host is reached directly.
const noJump = "none"

// checkHop accepts a name, an alias, or [user@]host[:port].
func checkHop(text string) error {
	_, err := parseHop(text)
	return err
}

// A hop is one element of a chain as written.
type hop struct {
	user string
	host string
	port int // 0: not written
}

// plain reports whether the hop is one word, which may be a name or an alias.
func (h hop) plain() bool { return h.user == "" && h.port == 0 }

func parseHop(text string) (hop, error) {
	var h hop
	var err error
	rest := strings.TrimSuffix(strings.TrimPrefix(text, "ssh://"), "/")
	if i := strings.LastIndex(rest, "@"); i >= 0 {
		if h.user, err = parseUser(nil, rest[:i]); err != nil {
			return hop{}, fieldErrorf("%q has no user name before the @", text)
		}
		rest = rest[i+1:]
	}
	if i := strings.LastIndex(rest, ":"); i >= 0 && (strings.Count(rest, ":") == 1 || strings.Contains(rest, "]:")) {
		if h.port, err = parsePort(nil, rest[i+1:]); err != nil {
			return hop{}, fieldErrorf("%q has no port from 1 to 65535 after the colon", text)
		}
		rest = rest[:i]
	}
	if h.host, err = parseAddress(nil, rest); err != nil {
		return hop{}, badHint("a host of this file, an alias of ssh_config, or user@host:port", "%q is no hop", text)
	}
	return h, nil
}

// chain resolves the hops of d, the nearest to us first. The first hop is
// reached by its own chain; the later ones are reached from the hop before
// them, whatever their own entries say, as ssh itself does it. A host that is
// named in its own chain, as by a default that covers the bastion too, is
// reached by the hops before it. The trail holds the names passed on the way,
// to find circles.
func (r *resolver) chain(d *draft, trail []string) []Host {
	spot := Error{File: d.hopsFile, Line: d.hopsLine, Key: join(d.Name, "jump")}
	if r.drafts[d.Name] == d {
		spot.Key = join("hosts", spot.Key)
	}
	trail = append(slices.Clone(trail), d.Name)
	var hosts []Host
	for i, text := range d.hops {
		via, ok := r.hopDraft(d, text, &spot)
		switch {
		case !ok:
		case via.Name == d.Name:
			return hosts
		case slices.Contains(trail, via.Name):
			spot.Msg = fmt.Sprintf("goes in a circle: %s, %s", strings.Join(trail, ", "), via.Name)
		case len(trail)+len(hosts) > maxHops:
			spot.Msg = fmt.Sprintf("has more than %d hops", maxHops)
		}
		if spot.Msg != "" {
			r.fail(d, &spot)
			return nil
		}
		if i == 0 {
			hosts = r.chain(via, trail)
		}
		h := via.host()
		if h.Jump = nil; i > 0 {
			h.ProxyCommand = ""
		}
		hosts = append(hosts, h)
	}
	return hosts
}

// hopDraft finds what one hop stands for: a host of this file, else what
// ssh_config and the built-in values make of it. The file's defaults are for
// chatalot servers, and a bastion outside the file is none. A single word that
// nobody knows is a slip of the pen here, and to ssh_config a name for DNS.
func (r *resolver) hopDraft(of *draft, text string, spot *Error) (*draft, bool) {
	if d, ok := r.drafts[text]; ok {
		return d, true
	}
	h, err := parseHop(text)
	if err != nil {
		spot.Msg = err.Error()
		return nil, false
	}
	found := r.ssh.lookup(h.host, beforehand{user: h.user, commands: of.SSHCommands})
	if spot.File == r.file && h.plain() && !found.named && !strings.ContainsAny(h.host, ".:") {
		spot.Msg = fmt.Sprintf("%q is neither a host of this file nor an alias of ssh_config", text)
		spot.Hint = didYouMean(text, r.hopNames())
		return nil, false
	}
	d := newDraft(h.host)
	d.apply(builtIn(r.env))
	d.Address = h.host
	d.apply(found.settings)
	var own []setting
	from := fmt.Sprintf("jump, %s:%d", spot.File, spot.Line)
	if h.user != "" {
		own = append(own, setting{"user", from, func(d *draft) { d.User = h.user }})
	}
	if h.port != 0 {
		own = append(own, setting{"port", from, func(d *draft) { d.Port = h.port }})
	}
	d.apply(own)
	d.settleSudo()
	r.warn(h.host, found)
	found.expand(d)
	d.Blocked = found.blocked(own)
	return d, true
}

// fail notes that a host cannot be reached as written: what the inventory says is an error
// of the inventory, and what ssh_config says keeps that host from being dialled.
func (r *resolver) fail(d *draft, e *Error) {
	if e.File == r.file {
		r.errs = append(r.errs, e)
		return
	}
	d.Blocked = strings.TrimPrefix(d.Blocked+"; "+e.Error(), "; ")
}

func (r *resolver) hopNames() []string {
	var names []string
	for _, e := range r.doc.hosts {
		names = append(names, e.name)
	}
	return append(names, r.ssh.aliases()...)
}
