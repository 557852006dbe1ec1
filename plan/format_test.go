package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecodeReadsWhatEncodeWrote(t *testing.T) {
	for _, s := range shapes() {
		p, _, err := Build(s.in(t))
		if err != nil {
			continue
		}
		first := encode(t, p)
		back, err := Decode(first)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		if second := encode(t, back); !bytes.Equal(first, second) {
			t.Errorf("%s: written, read and written again (-first +second):\n%s", s.name, cmp.Diff(string(first), string(second)))
		}
	}
}

func TestDecodeRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, tt := range []struct{ name, file, want string }{
		{"newer", `{"format": 2, "whatever": true}`, "written by a newer liftalot"},
		{"older", `{"format": 0}`, "format 0 is not a plan's"},
		{"no plan at all", `[]`, "read the plan"},
		{"cut off", `{"format": 1, "id": "x"`, "read the plan"},
		{"unknown field", `{"format": 1, "drop_volumes": true}`, "drop_volumes"},
		{"unknown operation", `{"format": 1, "steps": [{"id": "a", "op": {"wipe": {}}}]}`, "wipe"},
		{"step without an operation", `{"format": 1, "steps": [{"id": "a", "op": {}}]}`, `step "a"`},
		{"step with two", `{"format": 1, "steps": [{"id": "a", "op": {"verify": {"version": ""}, "tag": {"image_id": "", "name": ""}}}]}`, `step "a"`},
		{"operation of nothing", `{"format": 1, "steps": [{"id": "a", "op": {"verify": null}}]}`, `step "a"`},
		{"unknown field of a step", `{"format": 1, "steps": [{"id": "a", "op": {"verify": {"version": ""}}, "always": true}]}`, "always"},
		{"unknown field of an operation", `{"format": 1, "steps": [{"id": "a", "op": {"tag": {"force": true}}}]}`, "force"},
		{"undo without an operation", `{"format": 1, "steps": [{"id": "a", "op": {"verify": {"version": ""}}, "undo": {}}]}`, `step "a"`},
		{"a name that leads elsewhere", `{"format": 1, "id": "../../x"}`, `"../../x"`},
		{"an undone run that leads elsewhere", `{"format": 1, "id": "a", "undoes": ".."}`, `".."`},
		{"a backup that leads elsewhere", `{"format": 1, "steps": [{"id": "a", "op": {"backup": {"id": "../x"}}}]}`, `"../x"`},
		{"a step that leads elsewhere", `{"format": 1, "steps": [{"id": "a/b", "op": {"verify": {"version": ""}}}]}`, `"a/b"`},
		{"two documents", `{"format": 1}{"format": 1}`, "read the plan"},
		{"text behind it", `{"format": 1} trailing`, "read the plan"},
	} {
		_, err := Decode([]byte(tt.file))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		}
		var newer *NewerError
		if errors.As(err, &newer) != (tt.name == "newer") {
			t.Errorf("%s: newer: %v", tt.name, err)
		}
	}
}

// Each operation is read back as what was written, by a name of its own.
func TestEveryOperationIsRead(t *testing.T) {
	kinds := map[string]bool{}
	for _, op := range Operations() {
		kind := op.Describe().Kind
		if kinds[kind] || kind == "" {
			t.Errorf("%T: the kind %q is none, or another's too", op, kind)
		}
		kinds[kind] = true
		p, err := Decode(encode(t, &Plan{Format: Format, Steps: []Step{{ID: "a", Op: op, Undo: op}}}))
		if err != nil || !reflect.DeepEqual(p.Steps[0].Op, op) || !reflect.DeepEqual(p.Steps[0].Undo, op) {
			t.Errorf("%s: %+v, %v", kind, p, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	p, _ := build(f, inputFor(f, recorded(f, "public")))
	f.Add(encode(f, p))
	f.Add([]byte(`{"format": 1, "steps": [{"id": "a", "op": {"verify": {"version": "1"}}}]}`))
	f.Add([]byte(`{"format": 99}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Decode(data)
		if err != nil {
			return
		}
		again, err := Decode(encode(t, p))
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		if !bytes.Equal(encode(t, p), encode(t, again)) {
			t.Fatal("what was read is written in two ways")
		}
	})
}

// Facts can be printed, saved and read again; contents of files stay out.
func TestFactsArePrintedWithoutContents(t *testing.T) {
	f := recorded(t, "public")
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, inside := range []string{"canary", "container_name: chatalot-server", "REGISTRATION_MODE="} {
		if bytes.Contains(text, []byte(inside)) {
			t.Errorf("the printed facts hold %q", inside)
		}
	}
}
