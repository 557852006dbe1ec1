package cli

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/spf13/cobra"

	"liftalot/testenv/sim/engine"
)

const schemaFolder = "../../../docs/schema"

// A strictReader reads schemas so that they describe every field: what a schema
// does not name is no field, though a reader of documents must bear it.
type strictReader struct{}

func (strictReader) Load(url string) (any, error) {
	name := strings.TrimPrefix(url, "file://")
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		return nil, err
	}
	closeObjects(doc)
	return doc, nil
}

func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, named := v["properties"].(map[string]any); named && v["additionalProperties"] == nil {
			v["additionalProperties"] = false
		}
		for _, inner := range v {
			closeObjects(inner)
		}
	case []any:
		for _, inner := range v {
			closeObjects(inner)
		}
	}
}

func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	file, err := filepath.Abs(filepath.Join(schemaFolder, name+".json"))
	must(t, err)
	c := jsonschema.NewCompiler()
	c.UseLoader(strictReader{})
	c.AssertFormat()
	s, err := c.Compile("file://" + file)
	must(t, err)
	return s
}

// fits holds a document against a schema.
func fits(s *jsonschema.Schema, doc string) error {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(doc))
	if err != nil {
		return err
	}
	err = s.Validate(v)
	var wrong *jsonschema.ValidationError
	if errors.As(err, &wrong) {
		return errors.New(wrong.Error())
	}
	return err
}

// Every document that a command prints is described, with all its fields, after
// success, failure and a host that is away.
func TestDocumentsFitTheirSchemas(t *testing.T) {
	f := newSimFleet(t,
		simHost{name: "good", client: "acme"}, simHost{name: "bad", client: "acme", next: engine.App{Mode: engine.Crash}},
		simHost{name: "held"}, simHost{name: "away"},
	)
	seen := map[string]bool{}
	check := func(args ...string) {
		t.Helper()
		command := "liftalot"
		for _, a := range args {
			if next := command + " " + a; documents()[next] != "" || a == "compose" {
				command = next
			}
		}
		r := f.run(append(args, "--json")...)
		if err := fits(schema(t, documents()[command]), r.out); err != nil {
			t.Errorf("%s: %v\n%s%s", strings.Join(args, " "), err, r.out, r.stderr)
		}
		seen[command] = true
	}
	check("version")
	check("hosts")
	check("status")
	check("plan")
	f.servers["away"].Unplug(true)
	check("check")
	check("plan")
	notes, log := filepath.Join(f.dir, "notes"), filepath.Join(f.dir, "log")
	check("apply", "bad", "held", "--yes", "--notify", "tee -a "+notes, "--log-file", log)
	check("apply", "good", "away", "--yes")
	check("apply", "good", "--yes")
	check("verify")
	check("status", "--refresh", "--log-file", log)
	check("history")
	check("report", "last")
	check("report")
	check("report", "verify")
	check("backup", "held", "away")
	check("backups")
	check("backups", "verify")
	check("backups", "prune", "--keep-daily", "3")
	check("key")
	if r := f.does(exitDone, "rollback", "good", "--dry-run", "--json"); fits(schema(t, "plan"), r.out) != nil {
		t.Errorf("rollback --dry-run: %v\n%s", fits(schema(t, "plan"), r.out), r.out)
	}
	var kept struct{ Backups []backupRow }
	must(t, json.Unmarshal([]byte(f.does(exitDone, "backups", "good", "--json").out), &kept))
	f.drills = true
	check("restore", "good", kept.Backups[0].ID, "--drill")
	check("restore", "good", kept.Backups[0].ID, "--yes")
	check("history")
	check("report", "good")
	check("rollback", "good", "--yes")
	check("rollback", "held", "--yes")
	check("report", "good", "--all")
	compose := filepath.Join("..", "..", "..", "testenv", "scenarios", "public", "docker-compose.yml")
	check("compose", "edit", compose)
	check("compose", "edit", f.inventory())
	f.inBucket("good", "http://127.0.0.1:1", filepath.Join(f.dir, "no-login"))
	check("backups", "push")
	check("hosts")
	for command := range documents() {
		if !seen[command] {
			t.Errorf("%s was not tried", command)
		}
	}
	for name, file := range map[string]string{"notify": notes, "log": log} {
		s := schema(t, name)
		for _, line := range lines(t, file) {
			if err := fits(s, line); err != nil {
				t.Errorf("%s: %v\n%s", name, err, line)
			}
		}
	}
}

// A schema that fits anything would prove nothing.
func TestSchemasRefuseWhatIsNotDescribed(t *testing.T) {
	s := schema(t, "history")
	const run = `{"host":"a","run":"r","kind":"upgrade","outcome":"completed","begun":"2026-11-23T21:00:00Z"`
	if err := fits(s, `{"format":1,"runs":[`+run+`}]}`); err != nil {
		t.Error(err)
	}
	for _, doc := range []string{
		`{}`, `{"format":2,"runs":[]}`, `{"format":1,"runs":null}`, `{"format":1,"runs":[],"more":1}`,
		`{"format":1,"runs":[` + run + `,"more":1}]}`, `{"format":1,"runs":[` + strings.Replace(run, "21:00", "yesterday", 1) + `}]}`,
	} {
		if fits(s, doc) == nil {
			t.Errorf("%s passes", doc)
		}
	}
}

// Every command either has a schema or says that it has no document.
func TestCommandsWithoutADocumentSaySo(t *testing.T) {
	f := newSimFleet(t)
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			walk(sub)
		}
		if c.RunE == nil {
			return
		}
		if name := documents()[c.CommandPath()]; name != "" {
			schema(t, name)
			return
		}
		args := strings.Fields(strings.TrimPrefix(c.CommandPath(), "liftalot"))
		if c.Args != nil && c.Args(c, nil) != nil {
			args = append(args, "host")
		}
		if r := f.runEmpty(append(args, "--json")...); r.code != exitUsage || !strings.Contains(r.stderr, "has no JSON document") {
			t.Errorf("%s --json: %d %s%s", c.CommandPath(), r.code, r.out, r.stderr)
		}
	}
	walk(newApp(Env{Stdout: new(strings.Builder), Stderr: new(strings.Builder)}).root())
	files, err := filepath.Glob(filepath.Join(schemaFolder, "*.json"))
	must(t, err)
	used := append(slices.Collect(maps.Values(documents())), "common", "log", "notify")
	for _, file := range files {
		data, err := os.ReadFile(file)
		must(t, err)
		if name := strings.TrimSuffix(filepath.Base(file), ".json"); !slices.Contains(used, name) || !json.Valid(data) {
			t.Errorf("%s belongs to no command, or is not JSON", file)
		}
	}
}
