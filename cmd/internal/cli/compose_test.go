package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The edit of a local file shows no secret, and its outcome is as private as the file.
func TestComposeEditShowsNoSecret(t *testing.T) {
	const before = `services:
  chatalot:
    build:
      context: https://Kanarienvogel-1@git.example/chatalot.git
      args:
        NPM_TOKEN: Kanarienvogel-2
    environment:
      JWT_SECRET: Kanarienvogel-3
      DATABASE_URL: postgres://chatalot:Kanarienvogel-4@postgres/chatalot
`
	for _, mode := range []os.FileMode{0o600, 0o640} {
		f := newSimFleet(t)
		in, out := filepath.Join(f.dir, "compose.yml"), filepath.Join(f.dir, "edited.yml")
		must(t, os.WriteFile(in, []byte(before), mode))
		r := f.runEmpty("compose", "edit", in, "--json", "--output", out)
		if r.code != exitDone || strings.Contains(r.out+r.stderr, "Kanarienvogel") || !strings.Contains(r.out, `# Was: build:`) {
			t.Errorf("status %d:\n%s%s", r.code, r.out, r.stderr)
		}
		if err := fits(schema(t, "compose-edit"), r.out); err != nil {
			t.Error(err)
		}
		edited, err := os.ReadFile(out)
		must(t, err)
		if got := strings.Count(string(edited), "Kanarienvogel"); got != 4 {
			t.Errorf("%d of 4 secrets are in the outcome", got)
		}
		if info, err := os.Stat(out); err != nil || info.Mode().Perm() != mode {
			t.Errorf("mode of the outcome: %v, %v, want %04o", info.Mode(), err, mode)
		}
	}
}
