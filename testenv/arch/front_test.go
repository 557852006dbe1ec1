package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"liftalot/inventory"
	"liftalot/plan"
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

// pages are all that is written for readers, at the root and in docs.
func pages(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		list, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(list) == 0 {
			t.Fatalf("%s: %d pages, %v", pattern, len(list), err)
		}
		for _, path := range list {
			rel, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, filepath.ToSlash(rel))
		}
	}
	return found
}

var (
	link       = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	makeTarget = regexp.MustCompile("(?m)(?:^ *|`)make ([a-z]+)")
	goPackage  = regexp.MustCompile(`\bgo (?:run|test|build|vet)(?: -[^ ]+(?: '[^']*')?)* (\./[a-zA-Z/]+)`)
	ownPath    = regexp.MustCompile("`((?:cmd|docs|examples|inventory|plan|remote|testenv|\\.ci|\\.github)/[A-Za-z0-9_.*/-]+)`")
	heading    = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// A reader follows these links, types these commands and opens these files. What they
// name of liftalot's commands and flags is checked beside those, in cmd/internal/cli.
func TestPagesLeadSomewhere(t *testing.T) {
	makefile := read(t, "Makefile")
	for _, page := range pages(t) {
		text := read(t, page)
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(m[1], "://") {
				checkLink(t, page, m[1])
			}
		}
		for _, m := range makeTarget.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s names make %s, which the Makefile does not know", page, m[1])
			}
		}
		for _, m := range goPackage.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
				t.Errorf("%s names the package %s, which is not there", page, m[1])
			}
		}
		for _, m := range ownPath.FindAllStringSubmatch(text, -1) {
			if there, err := filepath.Glob(filepath.Join(root, m[1])); err != nil || len(there) == 0 {
				t.Errorf("%s names %s, which is not there", page, m[1])
			}
		}
	}
}

func checkLink(t *testing.T, page, target string) {
	t.Helper()
	file, anchor, _ := strings.Cut(target, "#")
	path := page
	if file != "" {
		path = filepath.ToSlash(filepath.Join(filepath.Dir(page), file))
	}
	if _, err := os.Stat(filepath.Join(root, path)); err != nil {
		t.Errorf("%s links to %s, which is not there", page, target)
		return
	}
	if anchor == "" {
		return
	}
	for _, m := range heading.FindAllStringSubmatch(read(t, path), -1) {
		if anchorOf(m[1]) == anchor {
			return
		}
	}
	t.Errorf("%s links to %s, and %s has no such heading", page, target, path)
}

// anchorOf is the name that a heading gets where pages are shown as HTML.
func anchorOf(heading string) string {
	kept := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading), "")
	return strings.ReplaceAll(kept, " ", "-")
}

// A reader who has never heard of chatalot finds what it takes to begin.
func TestReadmeAnswersAStranger(t *testing.T) {
	readme := read(t, "README.md")
	for what, want := range map[string]string{
		"what chatalot is":            "\n- **chatalot** is ",
		"what managed updates are":    "\n- **Managed updates** are ",
		"how far the project is":      "\n**Status:** ",
		"what a server must have":     "\n## What a server must have\n",
		"how to install without a Go": "\n## Install\n",
		"how to build":                "`make build`",
		"the archives of a release":   "liftalot-" + release(t) + "-linux-amd64.tar.gz",
		"the package for Debian":      "liftalot_" + release(t) + "-1_amd64.deb",
		"the package for RPM":         "liftalot-" + release(t) + "-1.x86_64.rpm",
		"where the exit codes are":    "`liftalot help exit-codes`",
		"what a server's states mean": "\n## Where a server can stand\n",
	} {
		if !strings.Contains(readme, want) {
			t.Errorf("README.md does not say %s: %q is not in it", what, want)
		}
	}
	for _, v := range []plan.Variant{plan.Unmanaged, plan.Staged, plan.Partial, plan.Incomplete, plan.Managed} {
		if n := strings.Count(readme, "\n| `"+string(v)+"` |"); n != 1 {
			t.Errorf("README.md explains the state %q %d times, want once", v, n)
		}
	}
}

// release is the newest release of the changelog.
func release(t *testing.T) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^## \[?([0-9]+\.[0-9]+\.[0-9]+)`).FindStringSubmatch(read(t, "CHANGELOG.md"))
	if m == nil {
		t.Fatal("CHANGELOG.md names no release")
	}
	return m[1]
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
