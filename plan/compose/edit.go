package compose

import "strings"

// An Edit is one change of a compose file. The set is closed: [PinImage],
// [SetEnvironment], [ReplaceEnvironment], [AddServiceSecret],
// [AddServiceNetworks], [AddServiceVolume], [AddService] and [AddTopLevel].
type Edit interface {
	// check refuses an edit that makes no sense in any file.
	check() *RefusalError
	// scope names what the edit changes. Two edits of one scope are planned
	// one after the other.
	scope() string
	// plan says what to change in the bytes. It changes nothing.
	plan(*File) (change, error)
	// expect says what the file means afterwards. It looks at meanings only
	// and knows nothing of what plan does, so that one proves the other.
	expect(before *value) *value
	// declare says what may differ in the merged model.
	declare() []Declared
}

// A change is what one edit comes to in one file.
type change struct {
	splices   []planned
	conflicts []Conflict
}

// A Conflict is something an edit found already there and different. It is
// left as it is; a person decides.
type Conflict struct {
	Service string       `json:"service,omitempty"`
	Kind    ConflictKind `json:"kind"`
	Key     string       `json:"key"`
	Have    string       `json:"-"` // what stands in the file; may be a secret
	Want    string       `json:"want"`
	Line    int          `json:"line"`
}

// A ConflictKind says what is in conflict.
type ConflictKind string

const (
	// EnvironmentConflict is a variable with another value.
	EnvironmentConflict ConflictKind = "environment"
	// BareConflict is a variable listed without a value: it comes from the
	// shell or an env file.
	BareConflict ConflictKind = "environment without value"
	// TopLevelConflict is a network, secret or volume defined otherwise. Key
	// is its section and name, with a dot between.
	TopLevelConflict ConflictKind = "definition"
)

// String shows no values: they may be secrets.
func (c Conflict) String() string {
	text := string(c.Kind) + " " + c.Key + " is there and different"
	if c.Service != "" {
		text = c.Service + ": " + text
	}
	return text
}

// A target is a service in the file, ready to be edited.
type target struct {
	file  *File
	name  string
	key   *node
	node  *node
	names int    // the column of service names
	value *value // own and merged
}

// target finds a service and refuses one whose edit would reach further.
func (f *File) target(name string) (*target, error) {
	k, v := field(f.services, name)
	if k == nil {
		return nil, refuse(f.services.Line, NoService, "it has "+strings.Join(f.Services(), ", "), "the file has no service %q of its own", name)
	}
	if v.Kind == scalarNode && (v.Value != "" || v.Style&taggedStyle != 0) {
		return nil, refuse(v.Line, WrongForm, "", "the service %q is not a mapping", name)
	}
	if err := f.unshared(f.root, f.services, v); err != nil {
		return nil, err
	}
	column, err := f.column(f.services)
	if err != nil {
		return nil, err
	}
	if err := f.leading(k); err != nil {
		return nil, err
	}
	t := &target{f, name, k, v, column, f.value.get("services", name)}
	return t, t.unextended()
}

func (f *File) unshared(nodes ...*node) error {
	for _, n := range nodes {
		if f.uses[n] > 0 {
			return shared(n)
		}
	}
	return nil
}

// unextended refuses a service that another one of this file extends.
func (t *target) unextended() error {
	for _, other := range t.file.Services() {
		name, file := extends(t.file.value.get("services", other))
		if name == t.name && (file == "" || sameFile(file, t.file.name)) {
			return refuse(t.key.Line, Extended, "write out what the other service needs",
				"the service %q extends %q and would change with it", other, t.name)
		}
	}
	return nil
}

// sameFile reports whether a path in a compose file means the file itself.
func sameFile(path, name string) bool {
	base := func(s string) string { return s[strings.LastIndexAny(s, `/\`)+1:] }
	return strings.TrimPrefix(path, "./") == base(name)
}

// own returns a key and its value as the service itself writes them, without
// what it merges.
func (t *target) own(key string) (k, v *node) { return field(t.node, key) }

// merged reports whether the service has a key only by a merge key or alias.
func (t *target) merged(key string) bool {
	k, _ := t.own(key)
	return k == nil && t.value.get(key) != nil
}

// addKey plans a new key of the service, with all its lines.
func (t *target) addKey(a addition) ([]planned, error) {
	a.list = false
	return t.file.add(t.key, t.node, t.names, a)
}

// addEntries plans entries of a collection that hangs on one of the service's
// keys, and the key too if it is missing.
func (t *target) addEntries(key string, a addition) ([]planned, error) {
	if k, v := t.own(key); k != nil {
		return t.file.add(k, v, k.Column-1, a)
	}
	inner := a.lines
	step := t.file.step(a.list)
	a.lines = func(column int) []string {
		return append([]string{spaces(column) + key + ":"}, inner(column+step)...)
	}
	a.flow = nil
	return t.addKey(a)
}

// fromMerge refuses a key that comes by a merge: a key of the service's own
// would stand in the place of all of it.
func (t *target) fromMerge(key string) *RefusalError {
	return refuse(t.key.Line, FromMerge, "write `"+key+":` out in the service",
		"%q of %q comes by a merge key, and an entry of its own would replace it whole", key, t.name)
}
