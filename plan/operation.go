package plan

// An operation is a type in operations.go that describes itself. A new one takes:
//
//   - its type with the method Describe, in operations.go;
//   - its name in Operations, below, by which plan files are read;
//   - a method of apply.Engine that carries it out, and its line in Engine.do;
//   - a step in one of the plans: see builder.plan, BuildRestore and BuildRollback.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Op is one operation of a step. All that decides about steps in general goes by its
// description; its type is asked for only by who needs what is in it.
type Op interface{ Describe() Description }

// Description is what the program knows of an operation without knowing its type.
type Description struct {
	Kind     string // its name in plan files
	ReadOnly bool   // it changes nothing of the client's and starts nothing that outlives the link
	Volatile bool   // that it was done says nothing about now, and looking again costs little
	Part     Part   // of the client's installation that it changes
	Path     string // the client's file or folder that it writes, makes or removes
	Backup   string // id of the backup that it makes or needs

	UndoFirst bool   // the old server starts from it: it is reverted before all others
	AsUndo    string // how it reverts another step, in words
}

// Part is a part of the client's installation. Drift in it is looked for again before
// the first step that changes it, and is the run's own after that.
type Part string

// The parts that a run changes.
const (
	PartSecrets Part = "secrets"
	PartFiles   Part = "files"
	PartSidecar Part = "sidecar"
	PartServer  Part = "server"
)

// Operations are all that a plan file may hold.
func Operations() []Op {
	return []Op{
		Backup{}, Record{}, Tag{}, Pull{}, Names{}, Mode{}, WriteSecret{}, RemoveSecret{}, Login{}, Edit{}, RevertEdit{},
		Up{}, Down{}, Gate{}, Swap{}, Fill{}, Restore{}, Send{}, UndoRestore{}, Start{}, Verify{},
	}
}

// Is reports whether an operation is of type T.
func Is[T Op](op Op) bool {
	_, ok := op.(T)
	return ok
}

// Find returns the first operation of type T that steps do.
func Find[T Op](steps []Step) (op T, ok bool) {
	for _, s := range steps {
		if op, ok = s.Op.(T); ok {
			break
		}
	}
	return op, ok
}

// stepFile is a step in a plan file. An operation is there as an object with one
// member, which is called as its kind.
type stepFile[T any] struct {
	ID     string       `json:"id"`
	Title  string       `json:"title"`
	Reason string       `json:"reason"`
	Op     map[string]T `json:"op"`
	Undo   map[string]T `json:"undo,omitempty"`
	NoUndo string       `json:"no_undo,omitempty"`
}

// MarshalJSON writes a step as it is in a plan file.
func (s Step) MarshalJSON() ([]byte, error) {
	member := func(op Op) map[string]Op {
		if op == nil {
			return map[string]Op{}
		}
		return map[string]Op{op.Describe().Kind: op}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(stepFile[Op]{ID: s.ID, Title: s.Title, Reason: s.Reason, Op: member(s.Op), Undo: member(s.Undo), NoUndo: s.NoUndo})
	return b.Bytes(), err
}

// UnmarshalJSON reads a step. It refuses what it does not know.
func (s *Step) UnmarshalJSON(data []byte) (err error) {
	var f stepFile[json.RawMessage]
	if err := decodeStrict(data, &f); err != nil {
		return err
	}
	*s = Step{ID: f.ID, Title: f.Title, Reason: f.Reason, NoUndo: f.NoUndo}
	if s.Op, err = readOp(f.ID, f.Op); err == nil && f.Undo != nil {
		s.Undo, err = readOp(f.ID, f.Undo)
	}
	return err
}

func readOp(step string, members map[string]json.RawMessage) (Op, error) {
	for _, op := range Operations() {
		if data, ok := members[op.Describe().Kind]; ok && len(members) == 1 && string(data) != "null" {
			v := reflect.New(reflect.TypeOf(op))
			err := decodeStrict(data, v.Interface())
			return v.Elem().Interface().(Op), err
		}
	}
	return nil, fmt.Errorf("step %q does not do exactly one thing that is known, but %q", step, slices.Sorted(maps.Keys(members)))
}

// decodeStrict reads JSON and refuses a field that it does not know.
func decodeStrict(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}
