package inventory

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Select returns the hosts that patterns name, in the order of the file and
// each once. A pattern is a name, a glob such as web-*, @group, or one of these
// after "!", which takes hosts away wherever it stands. Without a pattern, or
// with none but exclusions, it starts from all hosts.
//
// A pattern that names nothing is a [*PatternError], also behind "!": a
// misspelt exclusion would otherwise touch the very host it should spare.
func (inv *Inventory) Select(patterns ...string) ([]Host, error) {
	wanted, unwanted := map[string]bool{}, map[string]bool{}
	including := false
	for _, p := range patterns {
		body, not := strings.CutPrefix(p, "!")
		names, err := inv.match(p, body)
		if err != nil {
			return nil, err
		}
		set := unwanted
		if !not {
			set, including = wanted, true
		}
		for _, name := range names {
			set[name] = true
		}
	}
	var hosts []Host
	for _, h := range inv.hosts {
		if (wanted[h.Name] || !including) && !unwanted[h.Name] {
			hosts = append(hosts, h.clone())
		}
	}
	if len(hosts) == 0 {
		return nil, &PatternError{Pattern: strings.Join(patterns, " "), Msg: "leaves no host"}
	}
	return hosts, nil
}

// match returns the names behind one pattern without its "!".
func (inv *Inventory) match(pattern, body string) ([]string, error) {
	groupName, isGroup := strings.CutPrefix(body, "@")
	if isGroup {
		return inv.matchGroups(pattern, groupName)
	}
	names := make([]string, len(inv.hosts))
	for i, h := range inv.hosts {
		names[i] = h.Name
	}
	found, err := glob(pattern, body, names)
	if err == nil && len(found) == 0 {
		hint := cmp.Or(didYouMean(body, names), listNames("hosts", "", names))
		if slices.Contains(inv.Groups(), body) {
			hint = "for the group write @" + body
		}
		err = &PatternError{pattern, "names no host of " + inv.File, hint}
	}
	return found, err
}

func (inv *Inventory) matchGroups(pattern, body string) ([]string, error) {
	found, err := glob(pattern, body, inv.Groups())
	if err == nil && len(found) == 0 {
		hint := cmp.Or(didYouMean(body, inv.Groups()), listNames("groups", "@", inv.Groups()))
		err = &PatternError{pattern, "names no group of " + inv.File, hint}
	}
	var hosts []string
	for _, g := range inv.groups {
		if slices.Contains(found, g.name) {
			hosts = append(hosts, g.hosts...)
		}
	}
	return hosts, err
}

// listNames lists what could have been meant, as far as it fits into a hint.
func listNames(what, sign string, names []string) string {
	switch {
	case len(names) == 0:
		return "it has no " + what
	case len(names) > 12:
		return fmt.Sprintf("there are %d %s, such as %s%s", len(names), what, sign, names[0])
	}
	return fmt.Sprintf("the %s are %s%s", what, sign, strings.Join(names, ", "+sign))
}

// glob returns the names that body matches; a body without wildcards matches
// itself.
func glob(pattern, body string, names []string) ([]string, error) {
	if _, err := path.Match(body, ""); err != nil {
		return nil, &PatternError{pattern, "is no valid pattern", "a [ needs its ]"}
	}
	var found []string
	for _, name := range names {
		if ok, _ := path.Match(body, name); ok {
			found = append(found, name)
		}
	}
	return found, nil
}
