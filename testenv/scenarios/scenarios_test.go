package scenarios

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

func decode(t *testing.T, data []byte) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatalf("not YAML: %v\n%s", err, data)
	}
	return doc
}

func TestEveryScenarioIsComplete(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	seen := map[string]bool{}
	for _, s := range all {
		if seen[s.Name] || !name.MatchString(s.Name) || s.Summary == "" {
			t.Errorf("scenario %q: name used twice or unfit, or no summary", s.Name)
		}
		seen[s.Name] = true
		services := decode(t, s.Layout.Compose)["services"].(map[string]any)
		if got := services["chatalot"].(map[string]any)["container_name"]; got != s.Layout.Server {
			t.Errorf("%s: server is called %v in the compose file, %q in the table", s.Name, got, s.Layout.Server)
		}
		if s.Change.Edit != nil && bytes.Equal(s.Change.Edit(s.Layout.Compose), s.Layout.Compose) {
			t.Errorf("%s: the edit changes nothing", s.Name)
		}
		for path, data := range s.Change.Write {
			if strings.Contains(data, "!") {
				continue // Compose's own tags
			}
			if decode(t, []byte(data)) == nil {
				t.Errorf("%s: %s is empty", s.Name, path)
			}
		}
	}
}

// These edits change how the file looks, never what it means.
func TestEditsOfFormKeepTheMeaning(t *testing.T) {
	public, err := Find("public")
	if err != nil {
		t.Fatal(err)
	}
	want := decode(t, public.Layout.Compose)["services"]
	for name, edit := range map[string]func([]byte) []byte{"crlf": withCRLF, "indent4": withIndent4, "anchors": withAnchors} {
		if diff := cmp.Diff(want, decode(t, edit(public.Layout.Compose))["services"]); diff != "" {
			t.Errorf("%s changes the meaning (-before +after):\n%s", name, diff)
		}
	}
}

func TestEnvListHoldsTheSameEnvironment(t *testing.T) {
	public, err := Find("public")
	if err != nil {
		t.Fatal(err)
	}
	before := environment(t, public.Layout.Compose).(map[string]any)
	after := map[string]any{}
	for _, entry := range environment(t, withEnvList(public.Layout.Compose)).([]any) {
		key, value, _ := strings.Cut(entry.(string), "=")
		after[key] = value
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("environment differs (-map +list):\n%s", diff)
	}
}

func environment(t *testing.T, compose []byte) any {
	t.Helper()
	services := decode(t, compose)["services"].(map[string]any)
	return services["chatalot"].(map[string]any)["environment"]
}

func TestFindNamesWhatThereIs(t *testing.T) {
	_, err := Find("nothing")
	if err == nil || !strings.Contains(err.Error(), "chatalot-net") {
		t.Errorf("unknown scenario: %v; want the names there are", err)
	}
}
