package arch

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The bill of materials names the very modules that are in the binary.
func TestBillOfMaterials(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT RUN: -short, and it builds the binary")
	}
	if _, err := exec.LookPath("awk"); err != nil || runtime.GOOS == "windows" {
		t.Skip("NOT RUN: it needs a POSIX shell and awk")
	}
	here := platform{runtime.GOOS, runtime.GOARCH}
	out := filepath.Join(t.TempDir(), "liftalot")
	if said, err := here.command(t, "build", "-trimpath", "-o", out, binary).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, ".ci", "sbom"), out)
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var bill struct {
		BOMFormat  string `json:"bomFormat"`
		Components []struct{ Name, Version, PURL string }
	}
	if err := json.Unmarshal(text, &bill); err != nil || bill.BOMFormat != "CycloneDX" {
		t.Fatalf("%v: %.200s", err, text)
	}
	listed := listedModules(t)
	for _, c := range bill.Components {
		if !slices.Contains(listed, c.Name) && c.Name != "std" {
			t.Errorf("%s stands in the bill and not in %s", c.Name, dependencies)
		}
		if c.Version == "" || !strings.HasSuffix(c.PURL, c.Name+"@"+c.Version) {
			t.Errorf("%+v", c)
		}
	}
	if len(bill.Components) < len(listed)-2 { // some are linked on other systems only
		t.Errorf("%d components, %d modules are listed", len(bill.Components), len(listed))
	}
}
