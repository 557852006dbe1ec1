package inventory

import (
	"fmt"
	"strings"

	sshconf "github.com/kevinburke/ssh_config"
)

// A query is what guards look at.
type query struct {
	names    []string // the host's name, and its address where the inventory has one
	hostName string   // the HostName found so far
}

// A guard decides whether a section applies.
type guard struct {
	hit func(query) bool

	// named is set where the guard is about particular hosts and not about all:
	// then a hit means that ssh_config knows the host.
	named    bool
	patterns []string // of a Host line, for completing and suggesting

	// mayHit is set where a section is left out because it cannot be decided, and
	// tells whether the rest of its line holds.
	mayHit func(query) bool
}

// never is the guard of a section that is left out for every host.
func never() guard {
	return guard{hit: func(query) bool { return false }}
}

// hostGuard reads the patterns of a Host line. With several names to match, a
// negated pattern that meets any of them excludes the section.
func (r *sshReader) hostGuard(args string) guard {
	words := sshWords(args)
	match, ok := patternList(words)
	if !ok {
		return never()
	}
	return guard{
		hit:      func(q query) bool { return match(q.names...) },
		named:    strings.Trim(strings.Join(words, ""), "*?") != "",
		patterns: words,
	}
}

// matchGuard reads the criteria of a Match line, all of which must hold. One
// that would need a command, a login or a second pass leaves the section out.
func (r *sshReader) matchGuard(args, where string) guard {
	words := sshWords(args)
	var hits []func(query) bool
	named := false
	for len(words) > 0 {
		criterion := strings.ToLower(words[0])
		words = words[1:]
		if criterion == "all" {
			hits = append(hits, func(query) bool { return true })
			continue
		}
		if criterion != "host" && criterion != "originalhost" || len(words) == 0 {
			r.conf.warnings = append(r.conf.warnings,
				fmt.Sprintf("%s: Match %s is not supported; its lines are left out, but for RevokedHostKeys", where, criterion))
			undecided := never()
			undecided.mayHit = allOf(hits)
			return undecided
		}
		match, ok := patternList(strings.Split(words[0], ","))
		words = words[1:]
		if !ok {
			return never()
		}
		named = true
		if criterion == "host" {
			hits = append(hits, func(q query) bool { return match(q.host()) })
		} else {
			hits = append(hits, func(q query) bool { return match(q.names[0]) })
		}
	}
	if len(hits) == 0 {
		return never()
	}
	return guard{named: named, hit: allOf(hits)}
}

func allOf(hits []func(query) bool) func(query) bool {
	return func(q query) bool {
		for _, hit := range hits {
			if !hit(q) {
				return false
			}
		}
		return true
	}
}

// host is what Match host looks at: the HostName so far, else the name that
// ssh would have been given.
func (q query) host() string {
	if q.hostName != "" {
		return q.hostName
	}
	return q.names[len(q.names)-1]
}

// patternList returns a function that tells whether any name matches, and
// false where a pattern is malformed.
func patternList(words []string) (func(names ...string) bool, bool) {
	var positive, negative sshconf.Host
	for _, w := range words {
		bare, not := strings.CutPrefix(strings.ToLower(w), "!")
		p, err := sshconf.NewPattern(bare)
		if err != nil {
			return nil, false
		}
		if not {
			negative.Patterns = append(negative.Patterns, p)
		} else {
			positive.Patterns = append(positive.Patterns, p)
		}
	}
	return func(names ...string) bool {
		found := false
		for _, n := range names {
			n = strings.ToLower(n)
			if negative.Matches(n) {
				return false
			}
			found = found || positive.Matches(n)
		}
		return found
	}, true
}
