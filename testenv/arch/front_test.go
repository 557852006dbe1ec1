package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"liftalot/inventory"
)

func TestExampleInventoryLoads(t *testing.T) {
	// Neither this machine's ssh_config nor its user is part of the example.
	inv, err := inventory.Load(filepath.Join(root, "examples", "inventory.yml"),
		inventory.WithSSHConfig(), inventory.WithHome(t.TempDir()), inventory.WithLocalUser("me"))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range inv.Warnings {
		t.Errorf("an example should raise no warning: %s", w)
	}
	got, err := inv.Select("@eu", "!globex")
	if err != nil || len(got) != 1 || got[0].Name != "acme" {
		t.Errorf("@eu !globex: got %v, %v, want acme alone", got, err)
	}
}

// A reader follows these links and types these targets.
func TestFrontDoorLeadsSomewhere(t *testing.T) {
	makefile := read(t, "Makefile")
	for _, page := range []string{"README.md", "CHANGELOG.md", "docs/dependencies.md"} {
		text := read(t, page)
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", page, m[1])
			}
		}
		for _, m := range regexp.MustCompile("(?m)(?:^ *|`)make ([a-z]+)").FindAllStringSubmatch(text, -1) {
			if !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s names make %s, which the Makefile does not know", page, m[1])
			}
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
