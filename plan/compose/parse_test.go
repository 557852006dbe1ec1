package compose

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseRefusesBytes(t *testing.T) {
	const tail = "services:\n  web:\n    image: a\n"
	for _, tt := range []struct {
		name, src string
		kind      Kind
		line      int
	}{
		{"not UTF-8", "# a\n# \xe4\n" + tail, NotText, 2},
		{"NUL", "# a\n# \x00\n" + tail, NotText, 2},
		{"UTF-16", "\xff\xfes\x00e\x00", NotText, 1},
		{"U+0085", "# a\u0085b\n" + tail, LineEnd, 1},
		{"U+2028", tail + "# a\u2028b\n", LineEnd, 4},
		{"U+2029", tail + "# a\u2029b\n", LineEnd, 4},
		{"lone CR", "# a\rb\n" + tail, LineEnd, 1},
		{"CR at the end", tail + "\r", LineEnd, 4},
		{"CR CR LF", "# a\r\r\n" + tail, LineEnd, 1},
		{"empty", "", Syntax, 0},
		{"comments only", "# a\n", Syntax, 0},
		{"unknown anchor", "x: *a\n" + tail, Syntax, 0},
		{"a list", "- a\n", Layout, 1},
		{"a word", "a\n", Layout, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("compose.yml", []byte(tt.src))
			var r *RefusalError
			if !errors.As(err, &r) {
				t.Fatalf("got %v", err)
			}
			if r.Kind != tt.kind || r.Line != tt.line || r.File != "compose.yml" {
				t.Errorf("got %s, line %d: %v", r.Kind, r.Line, r)
			}
		})
	}
}

// A file that has no place for an edit is read all the same; the edit says why it
// has none.
func TestFilesWithoutAPlaceForEdits(t *testing.T) {
	for _, tt := range []struct {
		src      string
		services []string
		line     int
	}{
		{"volumes: {a: {}}\n", nil, 1},
		{"# x\n{services: {web: {image: a}}}\n", []string{"web"}, 2},
		{"name: x\nservices: {web: {image: a}}\n", []string{"web"}, 2},
		{"services:\n", nil, 1},
		{"services: {}\n", nil, 1},
		{"services: [web]\n", nil, 1},
	} {
		f, err := Parse("compose.yml", []byte(tt.src))
		if err != nil {
			t.Errorf("%q: %v", tt.src, err)
			continue
		}
		if got := f.Services(); !slices.Equal(got, tt.services) {
			t.Errorf("%q: services %q", tt.src, got)
		}
		if web, ok := f.Service("web"); ok != (tt.services != nil) || ok && web.Image != "a" {
			t.Errorf("%q: service web is %+v", tt.src, web)
		}
		if _, err := f.Compare("web", "image: b\n"); (err == nil) != (tt.services != nil) {
			t.Errorf("%q: compare: %v", tt.src, err)
		}
		for _, e := range []Edit{PinImage{Service: "web", Image: "b"}, AddService{Name: "new", Body: "image: b\n"}, AddTopLevel{Section: "volumes", Name: "v"}} {
			var r *RefusalError
			if _, err := f.Apply(e); !errors.As(err, &r) || r.Kind != Layout || r.Line != tt.line {
				t.Errorf("%q: %T: %v", tt.src, e, err)
			} else if strings.Contains(tt.src, "services: {") != strings.Contains(r.Hint, "by hand") {
				t.Errorf("%q: %T: hint %q", tt.src, e, r.Hint)
			}
		}
		if res, err := f.Apply(); err != nil || string(res.After) != tt.src {
			t.Errorf("%q: no edit: %v", tt.src, err)
		}
	}
}

func TestServiceView(t *testing.T) {
	f, err := Parse("compose.yml", []byte(`x-base: &base
  image: base/web
  environment: {A: a}
services:
  web:
    <<: *base
    build: .
    container_name: web-1
    secrets: [one, {source: two, target: t}]
    networks: {inner: null, outer: {aliases: [w]}}
    profiles: [live]
    depends_on: {db: {condition: service_healthy}}
    env_file: [a.env, {path: b.env}]
    volumes: [data:/d, {type: bind, source: ./x, target: /x}]
    extends: {file: base.yml, service: web}
  db:
    image: postgres:17
    build: !reset null
    environment: ["P=x=y", "Q"]
    depends_on: [web]
    network_mode: host
volumes:
  data:
  more: {}
`))
	if err != nil {
		t.Fatal(err)
	}
	web, _ := f.Service("web")
	want := ServiceView{
		Name: "web", Line: 5, Image: "base/web", HasBuild: true, ContainerName: "web-1",
		Extends: "web", ExtendsFile: "base.yml", Environment: map[string]string{"A": "a"},
		Secrets: []string{"one", "two"}, Networks: []string{"inner", "outer"}, Profiles: []string{"live"},
		Volumes: []string{"data:/d", "./x:/x"}, DependsOn: []string{"db"}, EnvFiles: []string{"a.env", "b.env"},
		Keys: []string{"build", "container_name", "depends_on", "env_file", "environment", "extends", "image", "networks", "profiles", "secrets", "volumes"},
	}
	if diff := cmp.Diff(want, web); diff != "" {
		t.Error(diff)
	}
	db, _ := f.Service("db")
	if db.HasBuild || db.Environment["P"] != "x=y" || !cmp.Equal(db.EnvironmentBare, []string{"Q"}) || db.NetworkMode != "host" {
		t.Errorf("%+v", db)
	}
	if _, ok := f.Service("nobody"); ok {
		t.Error("a service that is not there")
	}
	if got := strings.Join(f.Services(), " ") + "; " + strings.Join(f.TopLevel("volumes"), " "); got != "web db; data more" {
		t.Error(got)
	}
	if f.TopLevel("secrets") != nil {
		t.Error("a section that is not there")
	}
}

func TestApplyLeavesNothingHalfDone(t *testing.T) {
	f, err := Parse("compose.yml", []byte("services:\n  web:\n    build: .\n"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.Apply(PinImage{"web", "a"}, AddServiceSecret{"nobody", "token"})
	var no *RefusalError
	if r != nil || !errors.As(err, &no) || no.Kind != NoService || no.File != "compose.yml" {
		t.Errorf("got %v, %v", r, err)
	}
}

// An outcome that is not what the edits mean is refused, whatever made it.
func TestVerifyCatches(t *testing.T) {
	const src = "services:\n  web:\n    image: a # c\n    environment:\n      A: a\n"
	parsed := func(s string) *File {
		f, err := Parse("compose.yml", []byte(s))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	before := parsed(src)
	edits := []Edit{SetEnvironment{"web", []Var{{"B", "b"}}}}
	add := func(at int, text string) []Splice { return []Splice{{Offset: at, New: text}} }
	for _, tt := range []struct {
		invariant string
		after     string
		splices   []Splice
	}{
		{"", src + "      B: b\n", add(len(src), "      B: b\n")},
		{"B", src + "      B: b\n", add(len(src), "      B: c\n")},
		{"B", strings.Replace(src, " # c", "", 1) + "      B: b\n", []Splice{{Offset: 30, Old: " # c"}, {Offset: len(src), New: "      B: b\n"}}},
		{"C", src + "      B: c\n", add(len(src), "      B: c\n")},
		{"C", src + "    B: b\n", add(len(src), "    B: b\n")},
		{"F", src + "      B: b\r\n", add(len(src), "      B: b\r\n")},
		{"F", src + "      B: b", add(len(src), "      B: b")},
	} {
		err := verify(before, parsed(tt.after), edits, tt.splices)
		if tt.invariant == "" && err != nil || tt.invariant != "" && (err == nil || !strings.Contains(err.Error(), "invariant "+tt.invariant+":")) {
			t.Errorf("%s: got %v", tt.invariant, err)
		}
	}
	// D: what is done is not done.
	if err := verify(before, before, edits, nil); err == nil || !strings.Contains(err.Error(), "invariant C:") {
		t.Errorf("got %v", err)
	}
}
