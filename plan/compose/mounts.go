package compose

import (
	"slices"
	"strings"
)

// AddServiceVolume mounts a named volume into a service, in the short form.
// Whatever is mounted at that place already, from wherever, is as good.
type AddServiceVolume struct{ Service, Volume, Target string }

func (e AddServiceVolume) scope() string { return "volumes of " + e.Service }

func (e AddServiceVolume) check() *RefusalError {
	if !strings.HasPrefix(e.Target, "/") || strings.ContainsAny(e.Target, ":$\x00\r\n") {
		return refuse(0, BadEdit, "", "%q is not a place to mount a volume at", e.Target)
	}
	return checkName("volume", e.Volume)
}

func (e AddServiceVolume) mount() string { return e.Volume + ":" + e.Target }

// mounted reports whether something of a service's volumes is at the place. A
// short form is TARGET, SOURCE:TARGET or SOURCE:TARGET:OPTIONS.
func (e AddServiceVolume) mounted(have *value) bool {
	return slices.ContainsFunc(volumes(have), func(v string) bool {
		return v == e.Target || slices.Contains(strings.Split(v, ":")[1:], e.Target)
	})
}

func (e AddServiceVolume) plan(f *File) (change, error) {
	t, err := f.target(e.Service)
	if err != nil {
		return change{}, err
	}
	have := t.value.get("volumes")
	if e.mounted(have) {
		return change{}, nil
	}
	if t.merged("volumes") && !have.null() {
		return change{}, t.fromMerge("volumes")
	}
	splices, err := t.addEntries("volumes", addition{
		list:   true,
		flow:   []string{quote(e.mount())},
		reason: "volumes of " + e.Service,
		lines: func(column int) []string {
			return []string{spaces(column) + "- " + scalarText(e.mount())}
		},
	})
	return change{splices: splices}, err
}

func (e AddServiceVolume) expect(root *value) *value {
	path := []string{"services", e.Service, "volumes"}
	have := root.get(path...)
	if e.mounted(have) {
		return root
	}
	return root.with(have.and(textValue(e.mount())), path...)
}

func (e AddServiceVolume) declare() []Declared {
	return []Declared{
		{Path: pointer([]string{"services", e.Service, "volumes", e.Target}), Change: Added},
		{Path: pointer([]string{"volumes", e.Volume}), Change: Added},
	}
}
