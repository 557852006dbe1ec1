//go:build unix

package probe

import (
	"slices"
	"strings"
	"testing"

	"liftalot/plan"
	"liftalot/plan/internal/shimhost"
)

// What compose files include is read in rounds, bounded, and only where there is such.
func TestLookReadsWhatIsIncluded(t *testing.T) {
	h := shimhost.New(t)
	f := &plan.Facts{}
	f.Project.WorkingDir = h.Path("srv")
	main := h.Path("srv", "compose.yml")
	f.Project.Files = []string{main}
	f.Files = []plan.File{{Path: main, Data: []byte("services: {}\n")}}
	if err := readIncluded(t.Context(), nil, f); err != nil || f.Included != nil {
		t.Fatalf("a command for nothing: %v", err)
	}
	h.Write("srv/a b.yml", "include: [c/c.yml]\nservices:\n  a: {env_file: a.env}")
	h.Write("srv/c/c.yml", "services:\n  c: {extends: {file: gone.yml, service: x}}\n")
	h.Write("srv/large.yml", strings.Repeat("#", 1<<20+1))
	h.Write("srv/empty.yml", "")
	f.Files[0].Data = []byte("include: ['a b.yml', large.yml, empty.yml]\nservices: {}\n")
	if err := readIncluded(t.Context(), h, f); err != nil {
		t.Fatal(err)
	}
	got := plan.FilesOf(f)
	want := []string{h.Path("srv/a b.yml"), h.Path("srv/c/c.yml"), h.Path("srv/c/gone.yml"), h.Path("srv/a.env"), h.Path("srv/large.yml"), h.Path("srv/empty.yml")}
	if !slices.Equal(got.Files, want) || len(got.Unread) > 0 {
		t.Errorf("%q, unread %q", got.Files, got.Unread)
	}
	if len(got.Outside) != 1 || got.Outside[0].Name != h.Path("srv/large.yml") {
		t.Errorf("%+v", got.Outside)
	}
}
