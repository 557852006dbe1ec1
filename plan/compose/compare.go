package compose

import "slices"

// Compare tells how a service that is there differs from a body, as [AddService]
// takes it: what it lacks and what it has otherwise. What it has beyond the body
// is its own business. Paths are those of [CompareModels], from the service on.
func (f *File) Compare(service, body string) ([]Difference, error) {
	b, err := parseBody(service, body)
	if err != nil {
		return nil, f.fail(err)
	}
	have := f.value.get("services", service)
	if have == nil {
		return nil, f.fail(refuse(f.services.Line, NoService, "", "the file has no service %q", service))
	}
	var out []Difference
	compareValues([]string{"services", service}, normalize(have), normalize(b.value), &out)
	return out, nil
}

func compareValues(path []string, have, want *value, out *[]Difference) {
	if want.kind == mapValue && have.kind == mapValue {
		for _, key := range want.keys() {
			at := append(slices.Clip(path), key)
			if item := have.get(key); item != nil {
				compareValues(at, item, want.get(key), out)
			} else {
				*out = append(*out, Difference{Path: pointer(at), Change: Added, After: want.get(key).String()})
			}
		}
		return
	}
	if !equalValues(have, want) {
		*out = append(*out, Difference{pointer(path), Changed, have.String(), want.String()})
	}
}

// normalize returns a value with what may be written in several ways written in
// one: lists of variables and of names as mappings, the long form of a secret
// by its source, and scalars as text.
func normalize(v *value) *value {
	switch {
	case v == nil || v.null():
		return nullValue()
	case v.kind == scalarValue:
		return textValue(v.text)
	case v.kind == listValue:
		return normalizeList(v)
	}
	out := mapOf(make(map[string]*value, len(v.fields)))
	for key, item := range v.fields {
		switch {
		case key == "environment" && item.kind == listValue:
			env := mapOf(map[string]*value{})
			for _, e := range environmentOf(item) {
				env.fields[e.key] = textValue(e.value)
			}
			out.fields[key] = env
		case key == "secrets" && item.kind == listValue:
			out.fields[key] = nameSet(references(item, "source"))
		case (key == "networks" || key == "depends_on" || key == "profiles") && item.kind == listValue:
			out.fields[key] = nameSet(item.strings())
		case (key == "networks" || key == "depends_on") && item.kind == mapValue:
			out.fields[key] = nameSet(item.keys())
		default:
			out.fields[key] = normalize(item)
		}
	}
	return out
}

func normalizeList(v *value) *value {
	out := listOf()
	for _, item := range v.items {
		out.items = append(out.items, normalize(item))
	}
	return out
}

func nameSet(names []string) *value {
	out := mapOf(map[string]*value{})
	for _, n := range names {
		out.fields[n] = nullValue()
	}
	return out
}
