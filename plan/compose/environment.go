package compose

import (
	"slices"
	"strings"
)

// A Var is an environment variable.
type Var struct{ Key, Value string }

// SetEnvironment sees to it that a service sets variables. One that is there
// with the same value is left alone, one with another value is a [Conflict].
//
// Values are written as Compose reads them: $ begins a variable, $$ is a dollar.
type SetEnvironment struct {
	Service string
	Vars    []Var
}

// ReplaceEnvironment sets one variable whatever it was before. It is how a
// person's decision about a [Conflict] is carried out.
type ReplaceEnvironment struct{ Service, Key, Value string }

func (e SetEnvironment) scope() string { return "environment of " + e.Service }

func (e SetEnvironment) check() *RefusalError {
	for _, v := range e.Vars {
		if err := checkVar(v); err != nil {
			return err
		}
	}
	return nil
}

func checkVar(v Var) *RefusalError {
	if !keyPattern.MatchString(v.Key) || len(v.Key) > maxKey {
		return refuse(0, BadEdit, "", "%q is not the name of a variable", v.Key)
	}
	if err := checkText("the variable "+v.Key, v.Key+v.Value); err != nil {
		return err
	}
	return nil
}

func (e SetEnvironment) plan(f *File) (change, error) {
	t, err := f.target(e.Service)
	if err != nil {
		return change{}, err
	}
	var c change
	var missing []Var
	env := environmentOf(t.value.get("environment"))
	for _, v := range e.Vars {
		switch have := env.last(v.Key); {
		case have == nil:
			missing = append(missing, v)
			env = append(env, envEntry{key: v.Key, value: v.Value})
		case have.bare || have.value != v.Value:
			c.conflicts = append(c.conflicts, t.conflict(*have, v))
		}
	}
	c.splices, err = t.addVars(missing)
	return c, err
}

func (t *target) conflict(have envEntry, want Var) Conflict {
	c := Conflict{Service: t.name, Kind: EnvironmentConflict, Key: want.Key, Have: have.value, Want: want.Value}
	if have.bare {
		c.Kind = BareConflict
	}
	c.Line = t.key.Line
	if entry := t.envEntry(want.Key); entry != nil {
		c.Line = entry.Line
	}
	return c
}

// envEntry returns where the service sets a variable itself: the key of a
// mapping or the item of a list. The last one counts.
func (t *target) envEntry(key string) *node {
	_, env := t.own("environment")
	if env == nil {
		return nil
	}
	if env.Kind == mappingNode {
		k, _ := field(env, key)
		return k
	}
	for _, item := range slices.Backward(env.Content) {
		if name, _, _ := strings.Cut(item.Value, "="); item.Kind == scalarNode && name == key {
			return item
		}
	}
	return nil
}

// addVars plans variables that are not there yet.
func (t *target) addVars(vars []Var) ([]planned, error) {
	if len(vars) == 0 {
		return nil, nil
	}
	if t.merged("environment") && !t.value.get("environment").null() {
		return nil, t.fromMerge("environment")
	}
	if err := t.listOfTexts("environment"); err != nil {
		return nil, err
	}
	v := t.value.get("environment")
	list := v != nil && v.kind == listValue
	a := addition{list: list, reason: "environment of " + t.name}
	for _, v := range vars {
		a.flow = append(a.flow, v.inBrackets(list))
	}
	a.lines = func(column int) []string {
		lines := make([]string, 0, len(vars))
		for _, v := range vars {
			lines = append(lines, v.line(list))
		}
		return indented(column, lines)
	}
	return t.addEntries("environment", a)
}

func (v Var) line(list bool) string {
	if list {
		return "- " + scalarText(v.Key+"="+v.Value)
	}
	return scalarText(v.Key) + ": " + scalarText(v.Value)
}

func (v Var) inBrackets(list bool) string {
	if list {
		return quote(v.Key + "=" + v.Value)
	}
	return scalarText(v.Key) + ": " + quote(v.Value)
}

// listOfTexts refuses a list with entries Compose does not take there.
func (t *target) listOfTexts(key string) error {
	v := t.value.get(key)
	if v == nil || v.kind != listValue {
		return nil
	}
	for _, item := range v.items {
		if item.kind != scalarValue {
			return refuse(t.key.Line, WrongForm, "write `KEY=value`", "%q of %q is a list of mappings, which Compose refuses", key, t.name)
		}
	}
	return nil
}

func (e SetEnvironment) expect(root *value) *value {
	path := []string{"services", e.Service, "environment"}
	for _, v := range e.Vars {
		have := root.get(path...)
		if environmentOf(have).last(v.Key) != nil {
			continue
		}
		if have != nil && have.kind == listValue {
			root = root.with(have.and(textValue(v.Key+"="+v.Value)), path...)
			continue
		}
		if have.null() {
			root = root.with(mapOf(nil), path...)
		}
		root = root.with(textValue(v.Value), append(path, v.Key)...)
	}
	return root
}

func (e ReplaceEnvironment) scope() string { return "environment of " + e.Service }

func (e ReplaceEnvironment) check() *RefusalError { return checkVar(Var{e.Key, e.Value}) }

func (e ReplaceEnvironment) plan(f *File) (change, error) {
	t, err := f.target(e.Service)
	if err != nil {
		return change{}, err
	}
	want := Var{e.Key, e.Value}
	have := environmentOf(t.value.get("environment")).last(e.Key)
	if have != nil && !have.bare && have.value == e.Value {
		return change{}, nil
	}
	entry := t.envEntry(e.Key)
	if entry == nil {
		splices, err := t.addVars([]Var{want})
		return change{splices: splices}, err
	}
	splices, err := t.replaceVar(entry, want)
	return change{splices: splices}, err
}

// replaceVar plans the value of a variable the service sets itself.
func (t *target) replaceVar(entry *node, want Var) ([]planned, error) {
	_, env := t.own("environment")
	write := scalarText
	column := 0
	if isFlow(env) {
		write = quote
	} else {
		var err error
		if column, err = t.file.column(env); err != nil {
			return nil, err
		}
	}
	old, text := entry, want.Key+"="+want.Value
	if env.Kind == mappingNode {
		_, old = field(env, want.Key)
		text = want.Value
	}
	if err := t.file.unshared(env, entry, old); err != nil {
		return nil, err
	}
	s := Splice{Offset: t.file.start(old), New: write(text), Reason: "environment of " + t.name}
	if t.file.absent(old) {
		at, colon, err := t.file.behindKey(entry, column)
		if err != nil {
			return nil, err
		}
		s.Offset, s.New = at, " "+s.New
		if !colon {
			s.New = ":" + s.New
		}
		return []planned{{Splice: s}}, nil
	}
	end, err := t.file.end(old, column)
	if err != nil {
		return nil, err
	}
	s.Old = string(t.file.src[s.Offset:end])
	return []planned{{Splice: s}}, nil
}

func (e ReplaceEnvironment) expect(root *value) *value {
	path := []string{"services", e.Service, "environment"}
	have := root.get(path...)
	if last := environmentOf(have).last(e.Key); last != nil && !last.bare && last.value == e.Value {
		return root
	}
	if have == nil || have.kind != listValue {
		if have.null() {
			root = root.with(mapOf(nil), path...)
		}
		return root.with(textValue(e.Value), append(path, e.Key)...)
	}
	set := textValue(e.Key + "=" + e.Value)
	for i, item := range slices.Backward(have.items) {
		if name, _, _ := strings.Cut(item.scalar(), "="); name == e.Key {
			out := have.and()
			out.items = slices.Clone(have.items)
			out.items[i] = set
			return root.with(out, path...)
		}
	}
	return root.with(have.and(set), path...)
}
