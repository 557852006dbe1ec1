package drift_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"liftalot/plan/compose"
	"liftalot/plan/drift"
)

// recorded is what a real engine and a real Compose said of a project right after
// "docker compose up": the input of a comparison for each service.
func recorded(t *testing.T, name string) map[string]drift.Input {
	t.Helper()
	read := func(what string) []byte {
		data, err := os.ReadFile(filepath.Join("testdata", name+"."+what+".json"))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	model, err := compose.ParseModel(read("model"))
	if err != nil {
		t.Fatal(err)
	}
	var containers, images []json.RawMessage
	for data, into := range map[string]*[]json.RawMessage{"containers": &containers, "images": &images} {
		if err := json.Unmarshal(read(data), into); err != nil {
			t.Fatal(err)
		}
	}
	type head struct {
		ID, Name, Image string
		Config          struct{ Labels map[string]string }
	}
	of := func(data json.RawMessage) (h head) {
		if err := json.Unmarshal(data, &h); err != nil {
			t.Fatal(err)
		}
		return h
	}
	services, names := map[string]string{}, map[string]string{}
	for _, c := range containers {
		h := of(c)
		services[h.ID], names[h.Name[1:]] = h.Config.Labels["com.docker.compose.service"], h.ID
	}
	out := map[string]drift.Input{}
	for _, c := range containers {
		h := of(c)
		for _, i := range images {
			if of(i).ID == h.Image {
				out[services[h.ID]] = drift.Input{Model: model, Service: services[h.ID], Container: c, Image: i, Services: services, Names: names}
			}
		}
	}
	return out
}

func TestNoDriftRightAfterUp(t *testing.T) {
	files, err := filepath.Glob("testdata/*.model.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		name = name[:len(name)-len(".model.json")]
		t.Run(name, func(t *testing.T) {
			for service, in := range recorded(t, name) {
				report, err := drift.Compare(in)
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range report.Differences {
					t.Errorf("%s: %s: runs %s, compose would make %s", service, d.Field, d.Runs, d.Makes)
				}
				for _, u := range report.Unknown {
					t.Errorf("%s: %s", service, u)
				}
			}
		})
	}
}
