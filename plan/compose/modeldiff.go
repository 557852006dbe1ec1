package compose

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Change says how something differs.
type Change string

// The ways something differs.
const (
	Added   Change = "added"
	Removed Change = "removed"
	Changed Change = "changed"
	// Undone is something declared that did not come about, because another
	// file of the project wins, for one.
	Undone Change = "undone"
)

// A Difference is one place where two merged models differ. Path is a JSON
// pointer (RFC 6901); entries of lists go by what they are about: a secret by
// its source, a volume by its target, a port by what it publishes.
//
// Before and After are JSON, "" for nothing; they may hold secrets. String and
// MarshalJSON hide them where they may.
type Difference struct {
	Path          string
	Change        Change
	Before, After string
}

// CompareModels returns all differences of two models, sorted by path. Of
// something added or removed whole only its own path is told.
func CompareModels(before, after *Model) []Difference {
	var out []Difference
	compareAny(nil, before.root, after.root, &out)
	return out
}

func compareAny(path []string, before, after any, out *[]Difference) {
	a, b := entries(path, before), entries(path, after)
	if a == nil || b == nil { // one is to be compared whole
		if x, y := render(before), render(after); x != y {
			*out = append(*out, Difference{pointer(path), Changed, x, y})
		}
		return
	}
	keys := slices.Concat(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b)))
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		at := append(slices.Clip(path), key)
		va, inA := a[key]
		vb, inB := b[key]
		switch {
		case collection(at):
			// Its entries are told one by one, as if it had been there empty.
			compareAny(at, orEmpty(va), orEmpty(vb), out)
		case inA && inB:
			compareAny(at, va, vb, out)
		case inA:
			*out = append(*out, Difference{pointer(at), Removed, render(va), ""})
		default:
			*out = append(*out, Difference{pointer(at), Added, "", render(vb)})
		}
	}
}

// entries returns what v is made of, by name, or nil if v is to be compared
// whole: a scalar, or a list in which the order counts.
func entries(path []string, v any) map[string]any {
	switch v := v.(type) {
	case map[string]any:
		return v
	case []any:
		if len(path) == 0 || inOrder(path[len(path)-1]) {
			return nil
		}
		out := make(map[string]any, len(v))
		for _, item := range v {
			out[identity(path[len(path)-1], item)] = item
		}
		return out
	}
	return nil
}

// collection reports whether a path is that of a section, or of a part of a
// service, which is made of entries with names of their own.
func collection(path []string) bool {
	if len(path) == 1 {
		return slices.Contains([]string{"networks", "volumes", "secrets", "configs"}, path[0])
	}
	return len(path) == 3 && path[0] == "services" && slices.Contains([]string{
		"environment", "secrets", "configs", "networks", "volumes", "ports", "depends_on", "profiles", "labels",
	}, path[2])
}

func orEmpty(v any) any {
	if v == nil {
		return map[string]any{}
	}
	return v
}

func inOrder(key string) bool {
	return slices.Contains([]string{"command", "entrypoint", "test"}, key)
}

// identity returns what an entry of a list goes by.
func identity(key string, item any) string {
	o := mapping(item)
	if o == nil {
		return plain(item)
	}
	switch key {
	case "secrets", "configs":
		if o["target"] != nil {
			return str(o["source"]) + " as " + str(o["target"])
		}
		return str(o["source"])
	case "volumes":
		return str(o["target"])
	case "ports":
		return strings.TrimLeft(str(o["host_ip"])+":"+plain(o["published"])+":"+plain(o["target"])+"/"+str(o["protocol"]), ":")
	}
	return render(item)
}

func render(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

func pointer(path []string) string {
	var b strings.Builder
	for _, key := range path {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(key))
	}
	return b.String()
}

func splitPointer(p string) []string {
	parts := strings.Split(strings.TrimPrefix(p, "/"), "/")
	for i, part := range parts {
		parts[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
	}
	return parts
}

// open lists the parts of a service whose values are shown. Everything else
// may hold a secret: variables, labels, commands, build arguments.
func open(key string) bool {
	return slices.Contains([]string{
		"image", "container_name", "restart", "profiles", "networks", "secrets", "configs", "depends_on", "ports",
		"expose", "volumes", "read_only", "network_mode", "user", "tmpfs", "cap_add", "cap_drop", "security_opt",
		"pull_policy", "platform", "privileged", "hostname", "stop_grace_period", "init",
	}, key)
}

// isShown reports whether values at a path may be shown.
func isShown(path []string) bool {
	switch {
	case len(path) == 1:
		return path[0] == "name"
	case path[0] == "services":
		return len(path) > 2 && open(path[2])
	case path[0] == "configs":
		return false // a config's content
	}
	return len(path) > 2 && slices.Contains([]string{"name", "file", "external", "internal", "driver"}, path[2])
}

// redacted returns a difference's values as they may be shown.
func (d Difference) redacted() (before, after string) {
	hide := func(v string) string {
		switch {
		case v == "" || v == "null" || v == "{}":
			return v
		case isShown(splitPointer(d.Path)):
			return withoutLogins(v)
		}
		return hidden
	}
	return hide(d.Before), hide(d.After)
}

// String tells a difference in one line, without what may be a secret.
func (d Difference) String() string {
	before, after := d.redacted()
	at := strings.Join(splitPointer(d.Path), ".")
	switch d.Change {
	case Added:
		return fmt.Sprintf("%s: added %s", at, after)
	case Removed:
		return fmt.Sprintf("%s: removed, was %s", at, before)
	case Undone:
		return fmt.Sprintf("%s: stays %s and should be %s", at, orNothing(before), orNothing(after))
	}
	return fmt.Sprintf("%s: %s, was %s", at, after, before)
}

func orNothing(s string) string {
	if s == "" {
		return "absent"
	}
	return s
}

// MarshalJSON writes a difference without what may be a secret.
func (d Difference) MarshalJSON() ([]byte, error) {
	before, after := d.redacted()
	return json.Marshal(struct {
		Path   string `json:"path"`
		Change Change `json:"change"`
		Before string `json:"before,omitempty"`
		After  string `json:"after,omitempty"`
	}{d.Path, d.Change, before, after})
}
