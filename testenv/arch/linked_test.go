package arch

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// binary is the package a user installs.
const binary = "./cmd/liftalot"

// A platform is an operating system and an architecture, in Go's words.
type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "/" + p.arch }

func platforms() []platform {
	var list []platform
	for _, os := range []string{"linux", "darwin", "windows"} {
		for _, arch := range []string{"amd64", "arm64"} {
			list = append(list, platform{os, arch})
		}
	}
	return list
}

// command is the go command for a platform, at the root and without cgo.
func (p platform) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch)
	return cmd
}

// linkedModules are the modules whose packages reach the binary on any platform.
func linkedModules(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, p := range platforms() {
		cmd := p.command(t, "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", binary)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		all = append(all, strings.Fields(string(out))...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// dependencies is where each linked module is justified.
const dependencies = "docs/dependencies.md"

func listedModules(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, dependencies))
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		named = append(named, m[1])
	}
	return named
}

func TestEveryLinkedModuleIsJustified(t *testing.T) {
	linked := linkedModules(t)
	named := listedModules(t)
	for _, m := range linked {
		if !slices.Contains(named, m) {
			t.Errorf("%s is linked into the binary: say in %s what it is for, or do without it", m, dependencies)
		}
	}
	for _, m := range named {
		if !slices.Contains(linked, m) {
			t.Errorf("%s lists %s, which is not linked: take the line out", dependencies, m)
		}
	}
}

// chosen are the modules that the project was asked to be built with; what they
// bring with them is not for the project to choose either.
func chosen() []string {
	return []string{
		"golang.org/x/crypto", "github.com/pkg/sftp", "github.com/spf13/cobra", "gopkg.in/yaml.v3", "github.com/sigstore/sigstore",
	}
}

// maxModules bounds the modules beyond those.
const maxModules = 30

// The list is that of the document, which TestEveryLinkedModuleIsJustified holds
// against the binary.
func TestFewModulesAreLinked(t *testing.T) {
	beyond := slices.DeleteFunc(listedModules(t), func(m string) bool { return slices.Contains(chosen(), m) })
	if len(beyond) > maxModules {
		t.Errorf("%d modules are linked beyond the five that were asked for, at most %d may be: %q", len(beyond), maxModules, beyond)
	}
}

// What a tester needs, a user should not have to trust.
func TestTestModulesStayOut(t *testing.T) {
	linked := linkedModules(t)
	for _, m := range []string{
		"github.com/jackc/pgx/v5", "github.com/rogpeppe/go-internal", "github.com/google/go-cmp",
		"github.com/gofrs/flock", "github.com/Shopify/toxiproxy/v2", "mvdan.cc/sh/v3",
	} {
		if slices.Contains(linked, m) {
			t.Errorf("%s reaches the binary: it is for tests and testenv", m)
		}
	}
}

func TestBuildsForEveryPlatform(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT RUN: the first build for a platform takes half a minute")
	}
	// Each system and each architecture once; make dist builds every pair.
	for _, p := range []platform{{"linux", "arm64"}, {"darwin", "arm64"}, {"windows", "amd64"}} {
		t.Run(strings.ReplaceAll(p.String(), "/", "-"), func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "liftalot")
			if said, err := p.command(t, "build", "-trimpath", "-o", out, binary).CombinedOutput(); err != nil {
				t.Errorf("a consultant's laptop may be any of these, %s too: %v\n%s", p, err, said)
			}
		})
	}
}
