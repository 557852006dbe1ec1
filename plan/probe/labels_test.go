package probe

import (
	"testing"

	"liftalot/plan"
)

// TestAnImagesLabelsMakeNoService: compose gives an image that it builds the labels of the
// service, and a container that somebody runs from it by hand has them too.
func TestAnImagesLabelsMakeNoService(t *testing.T) {
	const told = `[
		{"Id": "a", "Name": "/server", "Config": {"Labels": {"com.docker.compose.service": "chatalot", "com.docker.compose.oneoff": "False", "com.docker.compose.config-hash": "1"}}},
		{"Id": "b", "Name": "/tunnel", "Config": {"Labels": {"com.docker.compose.service": "chatalot"}}},
		{"Id": "c", "Name": "/old", "Config": {"Labels": {"com.docker.compose.service": "postgres", "com.docker.compose.config-hash": "2"}}},
		{"Id": "d", "Name": "/once", "Config": {"Labels": {"com.docker.compose.service": "chatalot", "com.docker.compose.oneoff": "True", "com.docker.compose.config-hash": "1"}}}]`
	p := parser{facts: &plan.Facts{}, byName: map[string]part{}, from: map[string]noted{}}
	if err := p.containers([]byte(told)); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range p.facts.Services {
		names = append(names, c.Name)
	}
	if len(names) != 2 || names[0] != "old" || names[1] != "server" {
		t.Errorf("got %q", names)
	}
}
