package compose

import (
	"slices"
	"strings"
)

// A Declared is a place in the merged model that may differ. Path is a JSON
// pointer (RFC 6901); what is below it may differ too.
type Declared struct {
	Path string
	// Change is the only way it may differ; "" allows any.
	Change Change
	// Want is the text it must have afterwards, for a change that another file
	// of the project could undo; "" asks for nothing.
	Want string
	// Gone says that it must not be there afterwards.
	Gone bool
}

// Declare returns what edits may change in the merged model.
func Declare(edits ...Edit) []Declared {
	var out []Declared
	for _, e := range edits {
		out = append(out, e.declare()...)
	}
	return out
}

func (e PinImage) declare() []Declared {
	return []Declared{
		{Path: pointer([]string{"services", e.Service, "image"}), Want: e.Image},
		{Path: pointer([]string{"services", e.Service, "build"}), Change: Removed, Gone: true},
	}
}

func (e SetEnvironment) declare() []Declared {
	var out []Declared
	for _, v := range e.Vars {
		d := declareVar(e.Service, v)
		d.Change = Added
		out = append(out, d)
	}
	return out
}

func (e ReplaceEnvironment) declare() []Declared {
	return []Declared{declareVar(e.Service, Var{e.Key, e.Value})}
}

// declareVar asks for the value too, unless Compose has variables to fill in.
func declareVar(service string, v Var) Declared {
	d := Declared{Path: pointer([]string{"services", service, "environment", v.Key})}
	if literal := strings.ReplaceAll(v.Value, "$$", ""); !strings.Contains(literal, "$") {
		d.Want = strings.ReplaceAll(v.Value, "$$", "$")
	}
	return d
}

func (e AddServiceSecret) declare() []Declared {
	return []Declared{
		{Path: pointer([]string{"services", e.Service, "secrets", e.Secret}), Change: Added},
		{Path: pointer([]string{"secrets", e.Secret}), Change: Added},
	}
}

func (e AddServiceNetworks) declare() []Declared {
	var out []Declared
	for _, n := range e.Networks {
		out = append(out,
			Declared{Path: pointer([]string{"services", e.Service, "networks", n}), Change: Added},
			Declared{Path: pointer([]string{"networks", n}), Change: Added})
	}
	return out
}

func (e AddService) declare() []Declared {
	out := []Declared{{Path: pointer([]string{"services", e.Name}), Change: Added}}
	b, err := parseBody(e.Name, e.Body)
	if err != nil {
		return out
	}
	// What no service used before comes into the model with this one.
	uses := map[string][]string{
		"networks": names(b.value.get("networks")),
		"secrets":  references(b.value.get("secrets"), "source"),
	}
	if b.value.get("networks").empty() && b.value.get("network_mode") == nil {
		uses["networks"] = []string{"default"}
	}
	for _, v := range volumes(b.value.get("volumes")) {
		source, _, _ := strings.Cut(v, ":")
		uses["volumes"] = append(uses["volumes"], source)
	}
	for _, section := range []string{"networks", "secrets", "volumes"} {
		for _, name := range uses[section] {
			out = append(out, Declared{Path: pointer([]string{section, name}), Change: Added})
		}
	}
	return out
}

func (e AddTopLevel) declare() []Declared {
	return []Declared{{Path: pointer([]string{e.Section, e.Name}), Change: Added}}
}

// CheckModels returns what speaks against a change of the merged model: each
// difference that is not declared, and each declared value that did not come
// about. Nothing means that Compose sees what was meant, and nothing else.
func CheckModels(before, after *Model, declared []Declared) []Difference {
	var out []Difference
	for _, d := range CompareModels(before, after) {
		if !slices.ContainsFunc(declared, func(a Declared) bool { return a.covers(d) }) {
			out = append(out, d)
		}
	}
	for _, a := range declared {
		if d, undone := a.undone(after); undone {
			out = append(out, d)
		}
	}
	return out
}

func (a Declared) covers(d Difference) bool {
	if d.Path == a.Path {
		return a.Change == "" || a.Change == d.Change
	}
	return a.Change == "" && strings.HasPrefix(d.Path, a.Path+"/")
}

func (a Declared) undone(after *Model) (Difference, bool) {
	var v any = after.root
	there := true
	for _, key := range splitPointer(a.Path) {
		m := mapping(v)
		if m == nil {
			there = false
			break
		}
		if v, there = m[key]; !there {
			break
		}
	}
	switch {
	case a.Gone && there:
		return Difference{a.Path, Undone, render(v), ""}, true
	case a.Want != "" && (!there || plain(v) != a.Want):
		d := Difference{Path: a.Path, Change: Undone, After: render(a.Want)}
		if there {
			d.Before = render(v)
		}
		return d, true
	}
	return Difference{}, false
}
