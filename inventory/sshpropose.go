package inventory

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// FromSSHConfig proposes the hosts that ssh_config spells out and a pattern
// matches, all of them without a pattern. What ssh_config says of a host stays
// there, so a proposal is little more than a name.
//
// Left out, with a sentence each, are wildcards of Host lines, names that cannot
// be one here, and a second name of a place that is already there: two names of
// one server would be two servers to everything else. A pattern that matches no
// name is a [*PatternError], as in [Inventory.Select].
func FromSSHConfig(patterns []string, opts ...Option) (hosts []Proposal, leftOut []string, err error) {
	env := newSurroundings(".", opts)
	conf, errs := readSSHConfig(env)
	if len(errs) > 0 {
		return nil, nil, errs
	}
	picked, err := pick(conf.aliases(), patterns)
	if err != nil {
		return nil, nil, err
	}
	for _, glob := range conf.wildcards() {
		leftOut = append(leftOut, fmt.Sprintf("Host %s: stands for many names and spells out none", glob))
	}
	names, places := map[string]bool{}, map[string]string{}
	for _, alias := range picked {
		name := strings.ToLower(alias) // ssh_config does not mind
		d := conf.draft(env, name)
		place := strings.Join(append(slices.Clone(d.hops), net.JoinHostPort(d.Address, strconv.Itoa(d.Port))), " ")
		switch {
		case names[name]:
		case checkName(name) != nil:
			leftOut = append(leftOut, fmt.Sprintf("Host %q: cannot be a name here, which are lower case letters, digits, dot, dash and underscore", alias))
		case d.Address == "":
			leftOut = append(leftOut, fmt.Sprintf("Host %s: its HostName is no DNS name and no IP address", name))
		case places[place] != "":
			leftOut = append(leftOut, fmt.Sprintf("Host %s: leads to the same place as %s", name, places[place]))
		default:
			names[name], places[place] = true, name
			hosts = append(hosts, conf.propose(d))
		}
	}
	if len(hosts) == 0 {
		return nil, nil, &PatternError{Pattern: strings.Join(patterns, " "), Msg: "leaves no host of ssh_config", Hint: strings.Join(leftOut, "; ")}
	}
	return hosts, leftOut, nil
}

// pick returns the names that patterns match, in the order of the files.
func pick(names, patterns []string) ([]string, error) {
	if len(patterns) == 0 {
		return names, nil
	}
	wanted := map[string]bool{}
	for _, p := range patterns {
		found, err := glob(p, p, names)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, &PatternError{p, "names no host of ssh_config", didYouMean(p, names)}
		}
		for _, name := range found {
			wanted[name] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !wanted[n] }), nil
}

// draft settles what ssh_config alone says of a name. Like ssh it takes the name
// for the address where no HostName is given.
func (c *sshConfig) draft(env *environment, name string) *draft {
	d := newDraft(name)
	d.apply(builtIn(env))
	found := c.lookup(name, beforehand{})
	d.apply(found.settings)
	if d.Address == "" && !slices.ContainsFunc(found.blocks, func(b block) bool { return b.key == "address" }) && isDNSName(name) {
		d.Address = name
	}
	return d
}

// propose writes down only what ssh_config leaves to ssh: the address of a host
// that is called by it.
func (c *sshConfig) propose(d *draft) Proposal {
	p := Proposal{Host: Host{Name: d.Name}}
	from := d.From["address"]
	if from == "" {
		p.Address, from = d.Address, "its name"
	}
	way := d.User + "@" + d.Address
	if d.Port != defaultPort {
		way = d.User + "@" + net.JoinHostPort(d.Address, strconv.Itoa(d.Port))
	}
	if len(d.hops) > 0 {
		way += " through " + strings.Join(d.hops, ", ")
	}
	p.Notes = []string{way + ", by " + from}
	return p
}

// wildcards returns the patterns of Host lines that match some names but spell
// out none.
func (c *sshConfig) wildcards() (globs []string) {
	for _, s := range c.sections {
		for _, g := range s.guards {
			for _, p := range g.patterns {
				if strings.ContainsAny(p, "*?") && !strings.HasPrefix(p, "!") && strings.Trim(p, "*?") != "" && !slices.Contains(globs, p) {
					globs = append(globs, p)
				}
			}
		}
	}
	return globs
}
