package compose

import "slices"

// AddService appends a service. One of that name which is there already is
// left as it is; [File.Compare] tells how it differs.
//
// Body is the service's YAML, from column 0 in steps of two. It is indented
// anew, in the way the file is.
type AddService struct{ Name, Body string }

// AddTopLevel adds an entry to a top-level section: networks, secrets, volumes
// or configs. Body is as in [AddService]; an empty one writes `name:` alone.
// An entry that is there already is left as it is, and is a [Conflict] if it
// is not what Body says.
type AddTopLevel struct{ Section, Name, Body string }

func (e AddService) scope() string { return "service " + e.Name }

func (e AddService) check() *RefusalError {
	if err := checkName("service", e.Name); err != nil {
		return err
	}
	_, err := parseBody(e.Name, e.Body)
	return err
}

func (e AddService) plan(f *File) (change, error) {
	if f.value.get("services", e.Name) != nil {
		return change{}, nil
	}
	b, err := parseBody(e.Name, e.Body)
	if err != nil {
		return change{}, err
	}
	if err := f.unshared(f.root, f.services); err != nil {
		return change{}, err
	}
	k, v := field(f.root, "services")
	splices, rerr := f.add(k, v, k.Column-1, addition{
		blank:  true,
		lines:  func(column int) []string { return b.lines(e.Name, column, f.style) },
		reason: "service " + e.Name,
	})
	return change{splices: splices}, rerr
}

func (e AddService) expect(root *value) *value {
	return addExpected(root, "services", e.Name, e.Body)
}

func addExpected(root *value, section, name, body string) *value {
	if root.get(section, name) != nil {
		return root
	}
	b, err := parseBody(name, body)
	if err != nil {
		return root
	}
	if root.get(section).null() {
		root = root.with(mapOf(nil), section)
	}
	return root.with(b.value, section, name)
}

func (e AddTopLevel) scope() string { return e.Section + " " + e.Name }

func (e AddTopLevel) check() *RefusalError {
	if !slices.Contains([]string{"networks", "secrets", "volumes", "configs"}, e.Section) {
		return refuse(0, BadEdit, "", "%q is not a section entries are added to", e.Section)
	}
	if err := checkName(e.Section, e.Name); err != nil {
		return err
	}
	_, err := parseBody(e.Name, e.Body)
	return err
}

func (e AddTopLevel) plan(f *File) (change, error) {
	b, berr := parseBody(e.Name, e.Body)
	if berr != nil {
		return change{}, berr
	}
	k, v := field(f.root, e.Section)
	if have := f.value.get(e.Section, e.Name); have != nil {
		return change{conflicts: e.conflicts(f, have, b.value)}, nil
	}
	if err := f.unshared(f.root); err != nil {
		return change{}, err
	}
	a := addition{reason: e.scope()}
	a.lines = func(column int) []string { return b.lines(e.Name, column, f.style) }
	if k == nil {
		splices, err := f.appendSection(e.Section, a)
		return change{splices: splices}, err
	}
	if v.Kind == aliasNode {
		return change{}, refuse(v.Line, Shared, "write it out", "%q is an alias", e.Section)
	}
	splices, err := f.add(k, v, k.Column-1, a)
	return change{splices: splices}, err
}

func (e AddTopLevel) conflicts(f *File, have, want *value) []Conflict {
	if e.Body == "" || equalValues(normalize(have), normalize(want)) {
		return nil
	}
	c := Conflict{Kind: TopLevelConflict, Key: e.Section + "." + e.Name, Have: have.String(), Want: want.String()}
	_, section := field(f.root, e.Section)
	if k, _ := field(section, e.Name); k != nil {
		c.Line = k.Line
	}
	return []Conflict{c}
}

func (e AddTopLevel) expect(root *value) *value {
	return addExpected(root, e.Section, e.Name, e.Body)
}

// appendSection plans a new top-level block at the end of the file.
func (f *File) appendSection(section string, a addition) ([]planned, error) {
	column := f.root.Content[0].Column - 1
	for i := 0; i < len(f.root.Content); i += 2 {
		if err := f.leading(f.root.Content[i]); err != nil {
			return nil, err
		}
	}
	entry := a.lines
	a.lines = func(int) []string {
		return append([]string{spaces(column) + section + ":"}, entry(column+f.style.mapping)...)
	}
	line := f.lastLine()
	if f.open(f.root, column, line) {
		a.blank = true
		above := f.aboveLast(f.root, column, a)
		above[0].into = nil
		return above, nil
	}
	a.blank = !f.blank(line)
	return f.below(line, f.root, nil, column, a)
}

// lastLine returns the last line that is part of the document, the one above
// `...` if that is there.
func (f *File) lastLine() int {
	end, err := f.end(f.root, 0)
	if err != nil {
		return f.lines()
	}
	for l := f.lineOf(end) + 1; l <= f.lines(); l++ {
		if line := string(f.line(l)); len(line) >= 3 && line[:3] == "..." {
			return l - 1
		}
	}
	return f.lines()
}
