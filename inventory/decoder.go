package inventory

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// A decoder walks YAML nodes and keeps going after an error, so that one run
// shows all of them. The library's own decoding into structs stops at the
// first, lets repeated keys through an alias pass, and quotes values in its
// errors, which a misplaced password must not be.
type decoder struct {
	file string
	env  *environment
	keys map[string]reader
	errs Errors
}

func (d *decoder) errorf(line int, key, format string, args ...any) {
	d.errorHint(line, key, "", format, args...)
}

func (d *decoder) errorHint(line int, key, hint, format string, args ...any) {
	d.errs = append(d.errs, &Error{
		File: d.file, Line: line, Key: key, Msg: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// check notes err, which may be nil, and reports whether it was.
func (d *decoder) check(line int, key string, err error) bool {
	if err == nil {
		return true
	}
	e := &Error{File: d.file, Line: line, Key: key, Msg: err.Error()}
	var p *fieldError
	if errors.As(err, &p) {
		e.Hint = p.hint
	}
	d.errs = append(d.errs, e)
	return false
}

func (d *decoder) unknown(line int, key string, known []string) {
	hint := didYouMean(key, known)
	if hint == "" {
		hint = "known are " + strings.Join(known, ", ")
	}
	d.errorHint(line, "", hint, "unknown key %q", key)
}

// unknownHostKey treats a key that sounds like a secret as the mistake it most
// likely is.
func (d *decoder) unknownHostKey(p pair, at layer) {
	known := slices.Sorted(maps.Keys(d.keys))
	hint := didYouMean(p.key, known)
	switch {
	case strings.Contains(p.key, "pass"), strings.Contains(p.key, "token"):
		hint = "secrets stand under password, sudo and registry.password, as env:NAME, file:PATH, command:…, keychain:SERVICE/ACCOUNT or prompt"
	case hint == "":
		hint = "known are " + strings.Join(known, ", ")
	}
	d.errorHint(p.line, at.path, hint, "unknown key %q", p.key)
}

// A pair is one key of a mapping with its value.
type pair struct {
	key   string
	line  int
	node  *yaml.Node // the key itself
	value *yaml.Node
}

// mapping returns the pairs of n. Keys that cannot be told apart, or that are
// no plain words, are noted and left out.
func (d *decoder) mapping(path string, n *yaml.Node) []pair {
	n = resolveAlias(n)
	if isNull(n) {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		d.errorf(n.Line, path, "must be a mapping of keys to values")
		return nil
	}
	var pairs []pair
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case k.ShortTag() == "!!merge":
			d.errorHint(k.Line, path, "give the hosts a group and the group the settings", "merge keys are not read")
		case k.Kind != yaml.ScalarNode || isNull(k):
			d.errorf(k.Line, path, "a key must be a plain word")
		case first[k.Value] > 0:
			d.errorf(k.Line, join(path, k.Value), "is written twice, first in line %d", first[k.Value])
		default:
			first[k.Value] = k.Line
			pairs = append(pairs, pair{key: k.Value, line: k.Line, node: k, value: v})
		}
	}
	return pairs
}

// sequence returns the items of n, which must be a list.
func (d *decoder) sequence(path string, n *yaml.Node) []*yaml.Node {
	n = resolveAlias(n)
	if n.Kind != yaml.SequenceNode {
		d.errorf(n.Line, path, "must be a list")
		return nil
	}
	return n.Content
}

// scalar returns the text of n as it is written, whatever type YAML would give
// it: 0.24 and 007 are not numbers to us.
func (d *decoder) scalar(path string, n *yaml.Node) (string, bool) {
	n = resolveAlias(n)
	switch {
	case isNull(n):
		d.errorf(n.Line, path, "has no value")
	case n.Kind != yaml.ScalarNode:
		d.errorf(n.Line, path, "must be a single value")
	case n.ShortTag() == "!!binary" || strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!"):
		d.errorf(n.Line, path, "must be plain text without a tag")
	default:
		return n.Value, true
	}
	return "", false
}

// resolveAlias goes through an alias to what it stands for. An anchor cannot stand
// for another alias, so one step is enough.
func resolveAlias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	n = resolveAlias(n)
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
