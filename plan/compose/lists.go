package compose

import "slices"

// AddServiceSecret lets a service read a top-level secret, in the short form.
// A long form with that source is as good.
type AddServiceSecret struct{ Service, Secret string }

// AddServiceNetworks puts a service on networks.
//
// A service without networks of its own is on `default`, and would be taken
// off it by the first network named. So default is written too, unless
// Override says that the file only adds to another one, which has the service's
// other networks.
type AddServiceNetworks struct {
	Service  string
	Networks []string
	Override bool
}

func (e AddServiceSecret) scope() string { return "secrets of " + e.Service }

func (e AddServiceSecret) check() *RefusalError { return checkName("secret", e.Secret) }

func (e AddServiceSecret) plan(f *File) (change, error) {
	t, err := f.target(e.Service)
	if err != nil {
		return change{}, err
	}
	have := t.value.get("secrets")
	if slices.Contains(references(have, "source"), e.Secret) {
		return change{}, nil
	}
	if t.merged("secrets") && !have.null() {
		return change{}, t.fromMerge("secrets")
	}
	splices, err := t.addEntries("secrets", addition{
		list:   true,
		flow:   []string{quote(e.Secret)},
		reason: "secrets of " + e.Service,
		lines: func(column int) []string {
			return []string{spaces(column) + "- " + scalarText(e.Secret)}
		},
	})
	return change{splices: splices}, err
}

func (e AddServiceSecret) expect(root *value) *value {
	path := []string{"services", e.Service, "secrets"}
	have := root.get(path...)
	if slices.Contains(references(have, "source"), e.Secret) {
		return root
	}
	return root.with(have.and(textValue(e.Secret)), path...)
}

func (e AddServiceNetworks) scope() string { return "networks of " + e.Service }

func (e AddServiceNetworks) check() *RefusalError {
	for _, n := range e.Networks {
		if err := checkName("network", n); err != nil {
			return err
		}
	}
	return nil
}

// missing returns the networks to add to a service.
func (e AddServiceNetworks) missing(service *value) []string {
	have := service.get("networks")
	var out []string
	for _, n := range e.Networks {
		if !slices.Contains(names(have), n) && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	implicit := have.empty() && !e.Override
	if len(out) > 0 && implicit && !slices.Contains(out, "default") {
		out = append([]string{"default"}, out...)
	}
	return out
}

func (e AddServiceNetworks) plan(f *File) (change, error) {
	t, err := f.target(e.Service)
	if err != nil {
		return change{}, err
	}
	missing := e.missing(t.value)
	if len(missing) == 0 {
		return change{}, nil
	}
	if err := t.mayJoin(); err != nil {
		return change{}, err
	}
	have := t.value.get("networks")
	a := addition{list: have == nil || have.kind != mapValue, reason: "networks of " + e.Service}
	a.lines = func(column int) []string {
		var lines []string
		for _, n := range missing {
			if a.list {
				lines = append(lines, "- "+scalarText(n))
			} else {
				lines = append(lines, scalarText(n)+":")
			}
		}
		return indented(column, lines)
	}
	for _, n := range missing {
		if a.list {
			a.flow = append(a.flow, quote(n))
		} else {
			a.flow = append(a.flow, quote(n)+": null")
		}
	}
	splices, err := t.addEntries("networks", a)
	return change{splices: splices}, err
}

// mayJoin refuses a service whose networks are decided elsewhere.
func (t *target) mayJoin() error {
	have := t.value.get("networks")
	switch {
	case t.value.get("network_mode") != nil:
		return refuse(t.key.Line, Exclusive, "take `network_mode:` out first", "%q has a network_mode, which excludes networks", t.name)
	case t.merged("networks") && !have.null():
		return t.fromMerge("networks")
	case have.empty() && t.value.get("extends") != nil:
		return refuse(t.key.Line, Extended, "write `networks:` out in the service",
			"the networks of %q may come from the service it extends", t.name)
	}
	return nil
}

func (e AddServiceNetworks) expect(root *value) *value {
	path := []string{"services", e.Service, "networks"}
	for _, n := range e.missing(root.get("services", e.Service)) {
		have := root.get(path...)
		if have != nil && have.kind == mapValue {
			root = root.with(nullValue(), append(path, n)...)
		} else {
			root = root.with(have.and(textValue(n)), path...)
		}
	}
	return root
}
