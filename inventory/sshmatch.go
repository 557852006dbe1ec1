package inventory

import (
	"fmt"
	"slices"
	"strings"
)

// A query is what guards look at: a host, and what ssh_config has said of it so far.
type query struct {
	name     string   // as ssh would have been given it
	names    []string // what Host lines are held against
	address  string   // of the inventory; "" if it has none
	hostName string   // the HostName found so far
	user     string   // likewise, or that of the inventory
	port     string
	alias    string
	tag      string
	commands bool // the inventory allows to run what Match exec names
	final    bool // the second time through, which a Match final has asked for
	env      *environment
	decided  map[*guard]decision // a line of Host or Match is looked at when it is reached, and once
}

type decision struct {
	verdict verdict
	why     string
}

func (q *query) decide(g *guard) decision {
	d, known := q.decided[g]
	if !known {
		d.verdict, d.why = g.decide(q)
		q.decided[g] = d
	}
	return d
}

// A verdict says whether a section applies. Maybe comes with the reason why nobody can tell.
type verdict int

const (
	no verdict = iota
	maybe
	yes
)

// A guard decides whether a section applies.
type guard struct {
	decide func(*query) (verdict, string)
	// named is set where the guard is about particular hosts and not about all:
	// then a hit means that ssh_config knows the host.
	named    bool
	patterns []string // of a Host line, for completing and suggesting
	final    bool     // it asks for a second time through, whether it applies or not
}

// refusingGuard is for a line that ssh refuses to read, and the whole file with it.
func refusingGuard(l sshLine) *guard {
	return &guard{decide: func(*query) (verdict, string) { return maybe, fmt.Sprintf("%s %v", l.keyword, l.err) }}
}

func toVerdict(hit bool) verdict {
	if hit {
		return yes
	}
	return no
}

// hostGuard reads the patterns of a Host line. With several names to match, a
// negated pattern that meets any of them excludes the section.
func hostGuard(l sshLine) *guard {
	if l.err != nil {
		return refusingGuard(l)
	}
	return &guard{
		decide:   func(q *query) (verdict, string) { return toVerdict(matchAny(l.args, q.names)), "" },
		named:    strings.Trim(strings.Join(l.args, ""), "*?") != "",
		patterns: l.args,
	}
}

// A criterion is one condition of a Match line.
type criterion struct {
	name string
	not  bool
	arg  string
}

// matchGuard reads the criteria of a Match line, all of which must hold.
func matchGuard(l sshLine) *guard {
	list, err := criteria(l.text)
	if err != nil {
		l.err = err
		return refusingGuard(l)
	}
	named := slices.ContainsFunc(list, func(c criterion) bool { return c.name == "host" || c.name == "originalhost" })
	final := slices.ContainsFunc(list, func(c criterion) bool { return c.name == "final" })
	return &guard{named: named, final: final, decide: func(q *query) (verdict, string) {
		result, why := yes, ""
		for _, c := range list { // commands last, and only if everything else holds
			v, reason := c.decide(q)
			if v < result {
				result, why = v, reason
			}
		}
		for _, c := range list {
			if result == yes && c.name == "exec" {
				result, why = c.run(q)
			}
		}
		return result, why
	}}
}

func criteria(text string) (list []criterion, err error) {
	for text != "" && text[0] != '#' {
		var c criterion
		if c.name, text, err = sshField(text); err != nil {
			return nil, err
		}
		c.name, c.not = strings.CutPrefix(strings.ToLower(c.name), "!")
		switch c.name {
		case "all":
			if len(list) > 1 || text != "" && text[0] != '#' {
				return nil, fmt.Errorf("has %q beside other criteria", c.name)
			}
		case "canonical", "final":
		default:
			if c.arg, text, err = sshField(text); err != nil {
				return nil, err
			}
			if c.arg == "" || c.arg[0] == '#' {
				return nil, fmt.Errorf("has no value for %q", c.name)
			}
		}
		list = append(list, c)
	}
	if len(list) == 0 {
		return nil, errNoValue
	}
	return list, nil
}

// decide tells whether a criterion holds. That of exec is left to run.
func (c criterion) decide(q *query) (verdict, string) {
	hit := false
	switch c.name {
	case "all":
		hit = true
	case "host":
		hit = matchHostName(q.host(), c.arg)
	case "originalhost":
		hit = matchHostName(q.name, c.arg)
	case "user":
		hit = matchAny(strings.Split(c.arg, ","), []string{q.login()})
	case "localuser":
		hit = matchAny(strings.Split(c.arg, ","), []string{q.env.user})
	case "tagged":
		hit = matchAny(strings.Split(c.arg, ","), []string{q.tag})
	case "final", "canonical":
		hit = q.final
	case "exec":
		return yes, ""
	default:
		return maybe, fmt.Sprintf("Match %s cannot be decided here", c.name)
	}
	return toVerdict(hit != c.not), ""
}

// matchHostName holds a name against patterns, as the names of hosts: in small letters.
func matchHostName(name, patterns string) bool {
	return matchAny(strings.Split(strings.ToLower(patterns), ","), []string{strings.ToLower(name)})
}

// host is what Match host looks at: the HostName so far, else the name that
// ssh would have been given.
func (q *query) host() string {
	switch {
	case q.address != "":
		return q.address
	case q.hostName != "":
		return q.hostName
	}
	return q.name
}

func (q *query) login() string {
	if q.user != "" {
		return q.user
	}
	return q.env.user
}
