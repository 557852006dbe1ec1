package compose

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCorpusCompose asks Compose itself, before and after the upgrade, and
// checks with CheckModels that it sees what the edits declare and nothing else.
// LIFTALOT_COMPOSE names the command, "docker compose" or the plugin's path.
func TestCorpusCompose(t *testing.T) {
	command := strings.Fields(os.Getenv("LIFTALOT_COMPOSE"))
	if len(command) == 0 {
		t.Skip("COMPOSE HAS NOT BEEN ASKED: set LIFTALOT_COMPOSE to \"docker compose\" or the path of the plugin")
	}
	equal, unreadable := 0, 0
	for _, path := range corpusFiles(t) {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Parse(filepath.Base(path), src)
		if err != nil {
			continue
		}
		edits := upgradeOf(mainService(f)).edits()
		r, err := f.Apply(edits...)
		if err != nil {
			continue
		}
		dir := t.TempDir()
		before, ok := merged(t, command, dir, r.Before)
		if !ok {
			unreadable++
			continue
		}
		after, ok := merged(t, command, dir, r.After)
		if !ok {
			t.Errorf("%s: Compose reads the file before and not the one after", f.name)
			continue
		}
		if diffs := CheckModels(before, after, Declare(edits...)); len(diffs) > 0 {
			t.Errorf("%s: %s", f.name, diffs)
			continue
		}
		equal++
	}
	t.Logf("%d as declared, %d Compose does not read before", equal, unreadable)
}

// merged asks Compose for the model of a file.
func merged(t *testing.T, command []string, dir string, src []byte) (*Model, bool) {
	t.Helper()
	path := filepath.Join(dir, "compose.yml")
	if err := os.WriteFile(path, src, 0o600); err != nil {
		t.Fatal(err)
	}
	args := slices.Concat(command[1:], []string{
		"-p", "corpus", "-f", path, "--profile", "*", "config", "--format", "json", "--no-interpolate",
	})
	cmd := exec.CommandContext(t.Context(), command[0], args...)
	var out bytes.Buffer
	cmd.Stdout = &out
	if cmd.Run() != nil {
		return nil, false
	}
	m, err := ParseModel(out.Bytes())
	return m, err == nil
}
