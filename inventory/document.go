package inventory

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// formatVersion is the only version of the file there has been.
const formatVersion = "1"

// A document is an inventory file as written: known keys, right types, nothing
// looked up yet.
type document struct {
	defaults []setting
	groups   []entry
	hosts    []entry
}

// An entry is a group or a host.
type entry struct {
	name     string
	line     int
	settings []setting
	members  []member // of a group
}

type member struct {
	name string
	line int
}

// readDocument turns text into a document and collects everything wrong.
func readDocument(file string, data []byte, env *environment) (*document, Errors) {
	d := &decoder{file: file, env: env, keys: hostKeys()}
	if len(data) > maxFile {
		d.errorf(0, "", "is larger than %d MiB and not an inventory", maxFile>>20)
		return nil, d.errs
	}
	root := d.root(data)
	if root == nil {
		return nil, d.errs
	}
	doc := d.document(root)
	d.members(doc)
	slices.SortStableFunc(d.errs, func(a, b *Error) int { return a.Line - b.Line })
	return doc, d.errs
}

// root returns the one document in data, or nil after noting why there is none.
func (d *decoder) root(data []byte) *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		d.empty()
		return nil
	} else if err != nil {
		d.syntax(err, data)
		return nil
	}
	switch err := dec.Decode(&more); {
	case errors.Is(err, io.EOF):
	case err != nil:
		d.syntax(err, data)
		return nil
	default:
		d.errorf(more.Line, "", "a second YAML document; an inventory is one")
		return nil
	}
	if isNull(doc.Content[0]) {
		d.empty()
		return nil
	}
	return doc.Content[0]
}

func (d *decoder) empty() {
	d.errorHint(0, "", `"liftalot init" writes one to start from`, "is empty")
}

// syntax notes an error of the YAML library, which says its line in words:
// "yaml: line 14: did not find expected key".
func (d *decoder) syntax(err error, data []byte) {
	msg, line := strings.TrimPrefix(err.Error(), "yaml: "), 0
	if m := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(msg); m != nil {
		line, _ = strconv.Atoi(m[1])
		msg = msg[len(m[0]):]
	}
	if indentedByTab(data, line) {
		msg = "a tab character indents this line, and YAML takes spaces only"
	}
	d.errorf(line, "", "not YAML: %s", msg)
}

// indentedByTab reports whether there is a tab before the first word of a line.
func indentedByTab(data []byte, line int) bool {
	lines := bytes.Split(data, []byte("\n"))
	if line < 1 || line > len(lines) {
		return false
	}
	text := lines[line-1]
	indent := text[:len(text)-len(bytes.TrimLeft(text, " \t"))]
	return bytes.ContainsRune(indent, '\t')
}

func (d *decoder) document(root *yaml.Node) *document {
	doc := &document{}
	seen := map[string]bool{}
	for _, p := range d.mapping("", root) {
		seen[p.key] = true
		switch p.key {
		case "version":
			d.version(p)
		case "defaults":
			doc.defaults = d.settings(layer{name: "defaults", path: "defaults"}, p.value, "address")
		case "groups":
			doc.groups = d.groups(p.value)
		case "hosts":
			doc.hosts = d.hosts(p.value)
		default:
			d.unknown(p.line, p.key, []string{"version", "defaults", "groups", "hosts"})
		}
	}
	if !seen["version"] && root.Kind == yaml.MappingNode {
		d.errorHint(root.Line, "version", "write version: 1 at the top", "is missing")
	}
	if !seen["hosts"] && root.Kind == yaml.MappingNode {
		d.errorf(root.Line, "hosts", "is missing")
	}
	return doc
}

func (d *decoder) version(p pair) {
	v, ok := d.scalar("version", p.value)
	if ok && v != formatVersion {
		d.errorf(p.line, "version", "must be %s, the only version this program reads", formatVersion)
	}
}

func (d *decoder) hosts(n *yaml.Node) []entry {
	pairs := d.mapping("hosts", n)
	if len(pairs) == 0 && len(d.errs) == 0 {
		d.errorf(n.Line, "hosts", "names no host")
	}
	var list []entry
	for _, p := range pairs {
		path := join("hosts", p.key)
		d.check(p.line, path, checkName(p.key))
		e := entry{name: p.key, line: p.line}
		if !isNull(p.value) {
			e.settings = d.settings(layer{name: "host", path: path}, p.value)
		}
		list = append(list, e)
	}
	return list
}

// groups reads both forms of a group: a list of hosts, or a mapping that has
// the list under hosts and settings beside it.
func (d *decoder) groups(n *yaml.Node) []entry {
	var list []entry
	for _, p := range d.mapping("groups", n) {
		path := join("groups", p.key)
		d.check(p.line, path, checkName(p.key))
		g := entry{name: p.key, line: p.line}
		if v := resolveAlias(p.value); v.Kind == yaml.SequenceNode {
			g.members = d.memberList(path, p.value)
		} else {
			g.members, g.settings = d.groupMapping(p.key, path, p.value)
		}
		list = append(list, g)
	}
	return list
}

func (d *decoder) groupMapping(name, path string, n *yaml.Node) ([]member, []setting) {
	var members []member
	found := false
	rest := &yaml.Node{Kind: yaml.MappingNode, Line: n.Line}
	for _, p := range d.mapping(path, n) {
		if p.key == "hosts" {
			found = true
			members = d.memberList(join(path, "hosts"), p.value)
			continue
		}
		rest.Content = append(rest.Content, p.node, p.value)
	}
	if !found && resolveAlias(n).Kind == yaml.MappingNode {
		d.errorHint(n.Line, path, "write hosts: [name, name]", "has no hosts")
	}
	return members, d.settings(layer{name: "group " + name, path: path}, rest, "address")
}

func (d *decoder) memberList(path string, n *yaml.Node) []member {
	var list []member
	for _, item := range d.sequence(path, n) {
		if name, ok := d.scalar(path, item); ok {
			list = append(list, member{name, item.Line})
		}
	}
	return list
}

// members checks that groups are made of hosts that exist, each once.
func (d *decoder) members(doc *document) {
	names := make([]string, len(doc.hosts))
	for i, h := range doc.hosts {
		names[i] = h.name
	}
	for _, g := range doc.groups {
		path := join("groups", g.name)
		seen := map[string]bool{}
		for _, m := range g.members {
			switch {
			case !slices.Contains(names, m.name):
				d.errorHint(m.line, path, didYouMean(m.name, names), "host %q is not under hosts", m.name)
			case seen[m.name]:
				d.errorf(m.line, path, "host %q is listed twice", m.name)
			}
			seen[m.name] = true
		}
	}
}

// A layer is one place that gives settings.
type layer struct {
	name string // as shown in Host.From
	path string // as shown in errors
}

// settings reads the keys of a host wherever they may stand; refused names
// those that may not stand here.
func (d *decoder) settings(at layer, n *yaml.Node, refused ...string) []setting {
	var list []setting
	lines := map[string]int{}
	for _, p := range d.mapping(at.path, n) {
		lines[p.key] = p.line
		read, ok := d.keys[p.key]
		switch {
		case !ok:
			d.unknownHostKey(p, at)
		case slices.Contains(refused, p.key):
			d.errorf(p.line, join(at.path, p.key), "belongs to a host; no two hosts share it")
		default:
			list = append(list, read(d, location{
				key:  p.key,
				path: join(at.path, p.key),
				from: at.name + ", " + d.at(p.line),
			}, p.value)...)
		}
	}
	if lines["channel"] > 0 && lines["version"] > 0 {
		d.errorf(max(lines["channel"], lines["version"]), at.path, "has both channel and version; they exclude each other")
	}
	return list
}

func (d *decoder) at(line int) string {
	return filepath.Base(d.file) + ":" + strconv.Itoa(line)
}
