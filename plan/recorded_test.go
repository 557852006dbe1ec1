package plan

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"liftalot/plan/compose"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const manifestHost = "https://updates.seglamater.app"

// recorded gives the facts of a server that was looked at for real; the
// recordings belong to plan/probe, which says where they come from.
//
// Pairs are texts to replace, everywhere at once: in the facts, in the merged
// model and in the client's files. Each must be found somewhere.
func recorded(t testing.TB, name string, pairs ...string) *Facts {
	t.Helper()
	facts, look := read(t, "probe", "testdata", name+".facts.json"), read(t, "probe", "testdata", name+".look")
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(facts+look, pairs[i]) {
			t.Fatalf("the recording %s holds no %q", name, pairs[i])
		}
		facts, look = strings.ReplaceAll(facts, pairs[i], pairs[i+1]), strings.ReplaceAll(look, pairs[i], pairs[i+1])
	}
	var f Facts
	if err := json.Unmarshal([]byte(facts), &f); err != nil {
		t.Fatal(err)
	}
	f.Model = model(t, recordedPart(t, look, "model"))
	for i := range f.Files {
		if !f.Files[i].Missing {
			f.Files[i].setData(recordedPart(t, look, "file."+strconv.Itoa(i)))
		}
	}
	inspected(t, &f, look)
	return &f
}

// inspected adds what the engine told of containers and images.
func inspected(t testing.TB, f *Facts, look string) {
	t.Helper()
	docs := func(part string) map[string]json.RawMessage {
		var all []json.RawMessage
		if err := json.Unmarshal([]byte(recordedPart(t, look, part)), &all); err != nil {
			t.Fatal(err)
		}
		out := map[string]json.RawMessage{}
		for _, doc := range all {
			var head struct{ ID string }
			if err := json.Unmarshal(doc, &head); err != nil {
				t.Fatal(err)
			}
			out[head.ID] = doc
		}
		return out
	}
	containers, images := docs("containers"), docs("images")
	for i := range f.Services {
		f.Services[i].Inspect = containers[f.Services[i].ID]
	}
	for i := range f.Images {
		f.Images[i].Inspect = images[f.Images[i].ID]
	}
}

func read(t testing.TB, elem ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// recordedPart is what one command of a look said.
func recordedPart(t testing.TB, look, part string) string {
	t.Helper()
	const marker = "@@0123456789abcdef0123456789abcdef"
	_, rest, ok := strings.Cut(look, marker+" begin "+part+"\n")
	body, _, ended := strings.Cut(rest, "\n"+marker+" end "+part+" ")
	if !ok || !ended {
		t.Fatalf("no part %q in the recording", part)
	}
	return body
}

func (f *File) setData(data string) {
	f.Data, f.Size, f.SHA256 = []byte(data), int64(len(data)), Hash([]byte(data))
}

func model(t testing.TB, text string) *compose.Model {
	t.Helper()
	m, err := compose.ParseModel([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// remodel changes the merged model as JSON: a value at a path, or nil to
// take it away.
func remodel(t testing.TB, f *Facts, name string, value any, path ...string) {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal([]byte(recordedPart(t, read(t, "probe", "testdata", name+".look"), "model")), &root); err != nil {
		t.Fatal(err)
	}
	at := root
	for _, key := range path[:len(path)-1] {
		next, ok := at[key].(map[string]any)
		if !ok {
			t.Fatalf("the model of %s has nothing at %q", name, key)
		}
		at = next
	}
	last := path[len(path)-1]
	if value == nil {
		delete(at, last)
	} else {
		at[last] = value
	}
	text, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	f.Model = model(t, string(text))
}

func release(t testing.TB) Release {
	t.Helper()
	var r Release
	if err := json.Unmarshal([]byte(read(t, "testdata", "release.json")), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// inputFor is what a plan of these facts is made from, all else as usual.
func inputFor(t testing.TB, f *Facts) BuildInput {
	t.Helper()
	return BuildInput{
		Facts: f, Release: release(t), ID: "20261123T203000Z-c4f1aa", Now: time.Date(2026, 11, 23, 20, 30, 0, 0, time.UTC),
		Settings: Settings{Host: "web1", Channel: "stable", ManifestHost: manifestHost, Pin: PinDigest, MaxDowntime: 90 * time.Second, PublicURL: "https://chat.example.com"},
	}
}

// build builds a plan that must come about.
func build(t testing.TB, in BuildInput) (*Plan, []EditedFile) {
	t.Helper()
	p, edited, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	return p, edited
}

func encode(t testing.TB, p *Plan) []byte {
	t.Helper()
	data, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "build", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s (-want +got; -update rewrites it):\n%s", path, cmp.Diff(string(want), string(got)))
	}
}
