package inventory

import (
	"fmt"
	"slices"
)

// A resolver makes hosts out of a document and the user's ssh_config.
type resolver struct {
	file   string
	doc    *document
	ssh    *sshConfig
	env    *environment
	drafts map[string]*draft // the hosts of the document
	warned map[string]bool
	inv    *Inventory
	errs   Errors
}

func resolve(file string, doc *document, ssh *sshConfig, env *environment) (*Inventory, error) {
	r := &resolver{
		file: file, doc: doc, ssh: ssh, env: env,
		drafts: map[string]*draft{},
		warned: map[string]bool{},
		inv:    &Inventory{File: file},
	}
	for _, g := range doc.groups {
		r.inv.groups = append(r.inv.groups, group{g.name, g.memberNames()})
	}
	for _, e := range doc.hosts {
		r.drafts[e.name] = r.draft(e)
	}
	for _, e := range doc.hosts {
		d := r.drafts[e.name]
		d.Jump = r.chain(d, nil)
		r.inv.hosts = append(r.inv.hosts, d.host())
	}
	if len(r.errs) > 0 {
		return nil, r.errs
	}
	return r.inv, nil
}

// draft settles everything about a host but its jump chain.
func (r *resolver) draft(e entry) *draft {
	own := slices.Clone(r.doc.defaults)
	var groups []string
	for i, g := range r.inv.groups {
		if slices.Contains(g.hosts, e.name) {
			groups = append(groups, g.name)
			own = append(own, r.doc.groups[i].settings...)
		}
	}
	own = append(own, e.settings...)

	// Whether a block of ssh_config applies can hang on the address, so the
	// inventory's own word on it is needed before the rest is known.
	scratch := newDraft(e.name)
	scratch.apply(own)

	d := newDraft(e.name)
	d.Groups = groups
	found := r.ssh.lookup(e.name, beforehand{address: scratch.Address, user: scratch.User, commands: scratch.SSHCommands})
	d.apply(builtIn(r.env))
	d.apply(found.settings)
	d.apply(own)
	d.settleSudo()
	r.warn(e.name, found)
	found.expand(d)
	d.Blocked = found.blocked(own)
	if d.Address == "" && d.Blocked == "" {
		r.errs = append(r.errs, &Error{
			File: r.file, Line: e.line, Key: join("hosts", e.name),
			Msg:  "has no address, and ssh_config has no HostName for it",
			Hint: "write address: and a DNS name or an IP address",
		})
	}
	return d
}

// warn tells once per block and host what of ssh_config cannot be followed.
func (r *resolver) warn(name string, found sshFound) {
	for _, w := range found.warnings {
		if line := fmt.Sprintf("%s: %s", name, w); !r.warned[line] {
			r.warned[line] = true
			r.inv.Warnings = append(r.inv.Warnings, line)
		}
	}
}

func (e entry) memberNames() []string {
	names := make([]string, len(e.members))
	for i, m := range e.members {
		names[i] = m.name
	}
	return names
}
