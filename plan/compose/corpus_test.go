package compose

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// corpusFiles returns the real compose files tests run over: those of the
// folder LIFTALOT_CORPUS, or of shared/corpus beside the project. They are not
// part of the project.
func corpusFiles(t testing.TB) []string {
	t.Helper()
	dir := os.Getenv("LIFTALOT_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yml"))
	if err != nil || len(files) == 0 {
		t.Skipf("THE CORPUS IS ABSENT: no *.yml in %s. Name a folder of compose files in LIFTALOT_CORPUS.", dir)
	}
	return files
}

// A corpusRow counts what became of one edit.
type corpusRow struct{ tried, done, nothing, refused, broken int }

// A corpusRun makes edits of real files and counts.
type corpusRun struct {
	t     *testing.T
	order []string
	rows  map[string]*corpusRow
	kinds map[Kind]int
}

func (c *corpusRun) row(name string) *corpusRow {
	if c.rows[name] == nil {
		c.rows[name] = &corpusRow{}
		c.order = append(c.order, name)
	}
	return c.rows[name]
}

// apply makes edits and counts them under a name. Apply checks the invariants
// A to F itself; what it must not do is find one broken.
func (c *corpusRun) apply(name string, f *File, edits ...Edit) (*Result, *RefusalError) {
	row := c.row(name)
	row.tried++
	r, err := f.Apply(edits...)
	var no *RefusalError
	switch {
	case errors.As(err, &no) && no.Kind == NotVerified:
		row.broken++
		c.t.Errorf("%s: %v", name, err)
	case errors.As(err, &no):
		row.refused++
		c.kinds[no.Kind]++
	case err != nil:
		c.t.Errorf("%s: %v", name, err)
	case r.Changed():
		row.done++
	default:
		row.nothing++
	}
	return r, no
}

// undoLater edits a file after us, above and below, and undoes our part.
func (c *corpusRun) undoLater(f *File, r *Result) {
	const above, below = "# above\n", "# below\n"
	later := func(src []byte) []byte {
		mark := []byte(nil)
		if bytes.HasPrefix(src, []byte(bom)) {
			mark, src = []byte(bom), src[len(bom):]
		}
		out := append(slices.Concat(mark, []byte(above)), src...)
		if bytes.HasSuffix(src, []byte("\n")) {
			out = append(out, below...)
		}
		return out
	}
	got, err := Undo(r.Before, r.After, later(r.After))
	if err != nil || !bytes.Equal(got.Content, later(r.Before)) {
		c.t.Errorf("%s: our part does not come out again: %v", f.name, err)
	}
}

// TestCorpus makes every edit on every service of every real file, and the
// whole upgrade on one service of each.
func TestCorpus(t *testing.T) {
	if raced {
		t.Skip("THE CORPUS IS NOT RUN under the race detector")
	}
	c := &corpusRun{t: t, rows: map[string]*corpusRow{}, kinds: map[Kind]int{}}
	var foreign bytes.Buffer
	enc := json.NewEncoder(&foreign)
	files := corpusFiles(t)
	parsed, refusedWhole, refusedByCompose := 0, 0, 0
	for _, path := range files {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Parse(filepath.Base(path), src)
		var no *RefusalError
		if errors.As(err, &no) {
			t.Log(err)
			if no.Kind == DuplicateKey {
				refusedByCompose++
			} else {
				refusedWhole++
			}
			continue
		}
		parsed++
		c.services(f)
		u := upgradeOf(mainService(f))
		whole, no := c.apply("whole upgrade, one service", f, u.edits()...)
		if whole == nil {
			t.Log(no)
			if no != nil && no.Kind == WrongForm { // an environment that lists mappings
				refusedByCompose++
			} else {
				refusedWhole++
			}
			continue
		}
		c.undoLater(f, whole)
		if err := enc.Encode(struct {
			upgrade
			Name   string `json:"name"`
			Before string `json:"before"`
			After  string `json:"after"`
		}{u, f.name, string(whole.Before), string(whole.After)}); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d files, %d parsed; refused: %d Compose refuses too, %d others", len(files), parsed, refusedByCompose, refusedWhole)
	for _, name := range c.order {
		r := c.rows[name]
		t.Logf("%-28s tried %5d  done %5d  nothing %4d  refused %4d  broken %d", name, r.tried, r.done, r.nothing, r.refused, r.broken)
	}
	t.Logf("refusals by kind: %v", c.kinds)
	if share := float64(refusedWhole) / float64(len(files)-refusedByCompose); share > 0.012 {
		t.Errorf("%.2f %% of the files Compose accepts are refused, 1.2 %% may be", 100*share)
	}
	foreignParser(t, &foreign)
}

// services makes each edit alone on each service, unless time is short.
func (c *corpusRun) services(f *File) {
	if testing.Short() {
		return
	}
	for _, s := range f.Services() {
		for _, e := range upgradeOf(s).edits()[:3] {
			if _, own := field(valueOf(f.services, s), "build"); own == nil && strings.HasPrefix(e.scope(), "image") {
				continue
			}
			c.apply(strings.TrimPrefix(fmt.Sprintf("%T", e), "compose.")+", every service", f, e)
		}
		c.apply("AddServiceNetworks, every service", f, AddServiceNetworks{Service: s, Networks: []string{"updater_internal"}})
	}
	for _, e := range upgradeOf("").edits()[3:] {
		name := fmt.Sprintf("%T", e)
		if top, ok := e.(AddTopLevel); ok {
			name += " " + top.Section
		}
		c.apply(strings.TrimPrefix(name, "compose."), f, e)
	}
}

func valueOf(m *node, key string) *node { _, v := field(m, key); return v }

// mainService returns the service to upgrade: the first with a build.
func mainService(f *File) string {
	for _, s := range f.Services() {
		if _, own := field(valueOf(f.services, s), "build"); own != nil {
			return s
		}
	}
	return f.Services()[0]
}

// foreignParser has PyYAML look at the upgraded files: it knows nothing of our
// parser and applies the upgrade to what it reads by itself.
func foreignParser(t *testing.T, jobs *bytes.Buffer) {
	t.Helper()
	if err := exec.Command("python3", "-c", "import yaml").Run(); err != nil {
		t.Logf("PYYAML IS ABSENT: no foreign parser has looked at the outcome: %v", err)
		return
	}
	cmd := exec.CommandContext(t.Context(), "python3", filepath.Join("testdata", "foreign.py"))
	cmd.Stdin = jobs
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), "disagrees") {
		t.Errorf("the foreign parser: %v\n%s", err, out)
	}
	t.Logf("foreign parser: %s", bytes.TrimSpace(out))
}
