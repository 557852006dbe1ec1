package cli

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"liftalot/inventory"
)

// The usual key files are taken where nothing else is named, in the order of ssh
// (01-default-identity).
func TestCase01DefaultIdentity(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	var there []string
	must(t, os.Mkdir(filepath.Join(home, ".ssh"), 0o700))
	for _, name := range []string{"id_rsa", "id_ed25519", "id_other"} {
		file := filepath.Join(home, ".ssh", name)
		must(t, os.WriteFile(file, nil, 0o600))
		there = append(there, file)
	}
	for from, want := range map[string][]string{"": there[:2], "~/.ssh/config:1": nil, "host, i.yml:3": {"/k"}} {
		h := inventory.Host{From: map[string]string{}}
		if from != "" {
			h.From["identity"] = from
		}
		if want != nil && from != "" {
			h.Identities = want
		}
		if got := identities(h); !slices.Equal(got, want) {
			t.Errorf("named by %q: got %q, want %q", from, got, want)
		}
	}
}
