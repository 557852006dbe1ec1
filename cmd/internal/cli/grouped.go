package cli

import (
	"errors"
	"regexp"
	"strings"
	"unicode/utf8"

	"liftalot/plan/journal"
)

// A groupedError is an error with its hint, told once for all hosts it holds for.
type groupedError struct {
	err     error
	hint    string
	failure *journal.Failure
}

// What stands for a host's name where several are told of at once: in a command, and in
// a sentence.
const (
	own     = "\x00"
	ownName = "\x01"
)

// grouped puts the errors together that say the same of several hosts and have the same
// hint, but for the host's name. Where a failure has last words these are one host's.
func grouped(hosts []*hostError) []groupedError {
	var order []string
	members := map[string][]*hostError{}
	for _, h := range hosts {
		key := sameText(h) + own + own + sameHint(h)
		if h.host == "" || h.failure != nil && len(h.failure.Containers) > 0 {
			key += own + h.host // by itself
		}
		if members[key] == nil {
			order = append(order, key)
		}
		members[key] = append(members[key], h)
	}
	var list []groupedError
	for _, key := range order {
		all := members[key]
		first := all[0]
		if len(all) == 1 {
			list = append(list, groupedError{first.err, first.hint, first.failure})
			continue
		}
		var names []string
		for _, h := range all {
			names = append(names, h.host)
		}
		fill := strings.NewReplacer(own, strings.Join(names, " "), ownName, strings.Join(names, ", "))
		list = append(list, groupedError{errors.New(strings.Join(names, ", ") + ": " + fill.Replace(sameText(first))), fill.Replace(sameHint(first)), nil})
	}
	return list
}

func sameText(h *hostError) string {
	return withoutHost(strings.TrimPrefix(h.err.Error(), h.host+": "), h.host)
}

func sameHint(h *hostError) string { return withoutHost(h.hint, h.host) }

// withoutHost takes the host's name out of a text. A word that only happens to be the name
// of one host does no harm: it makes the text unlike that of any other.
func withoutHost(text, host string) string {
	if host == "" || !utf8.ValidString(host) {
		return text
	}
	name := regexp.QuoteMeta(host)
	command := regexp.MustCompile(`(liftalot [a-z]+ )` + name + `(\W|$)`)
	text = command.ReplaceAllString(text, "${1}"+own+"${2}")
	return regexp.MustCompile(`(^|[\s"(])`+name+`([\s",;:.?)]|$)`).ReplaceAllString(text, "${1}"+ownName+"${2}")
}
