package vps_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"liftalot/testenv/scenarios"
	"liftalot/testenv/vps"
	"liftalot/testenv/vps/vpstest"
)

// checkForms covers the scenarios that differ only in how the compose file is
// written, without a server for each: Compose itself says that they mean the
// same.
func checkForms(t *testing.T, host *vps.Host) {
	const hash = "cd /srv/chatalot && docker compose config --hash chatalot 2>/dev/null"
	want, err := host.Run(t.Context(), hash)
	do(t, err)
	path := host.ComposeDir + "/" + scenarios.ComposeFile
	for _, name := range []string{"crlf", "indent4", "env-list", "partial"} {
		s, err := scenarios.Find(name)
		do(t, err)
		do(t, host.WriteFile(t.Context(), path, s.Change.Edit(s.Layout.Compose)))
		if got, err := host.Run(t.Context(), hash); err != nil || got != want {
			t.Errorf("%s: Compose reads %q, want %q (%v)", name, got, want, err)
		}
	}
}

// Each scenario that no story boots is known by something that can be seen on the
// server.
func TestEveryScenarioBoots(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT RUN: -short, and it boots a server for each scenario")
	}
	booted := told(t)
	env := vpstest.Open(t)
	const inspect = "docker inspect -f "
	t.Run("all", func(t *testing.T) {
		for _, c := range []struct{ scenario, script, want string }{
			{"unpublished-port", "docker port chatalot-server", ""},
			{"other-port", "docker port chatalot-server", "8080/tcp -> 127.0.0.1:9090"},
			{"stopped", inspect + "'{{.State.Status}}' chatalot-server", "exited"},
			{"mode0640", "stat -c '%U %a' docker-compose.yml", "deploy 640"},
			{"symlink", "readlink docker-compose.yml", "../config/chatalot.yml"},
		} {
			booted[c.scenario] = true
			t.Run(c.scenario, func(t *testing.T) {
				t.Parallel()
				host := vpstest.BootIn(t, env, vps.BootOptions{Scenario: c.scenario})
				defer func() { do(t, host.Destroy(context.WithoutCancel(t.Context()))) }()
				script := "cd " + host.ComposeDir + " && docker compose config -q 2>/dev/null\n" + c.script
				if out, err := host.Run(t.Context(), script); err != nil || out != c.want {
					t.Errorf("%s: %q, want %q (%v)", c.script, out, c.want, err)
				}
			})
		}
	})
	all, err := scenarios.All()
	do(t, err)
	for _, s := range all {
		if !booted[s.Name] && s.Name != "crlf" { // see checkForms
			t.Errorf("nobody boots %s", s.Name)
		}
	}
}

// told are the scenarios that stories boot.
func told(t *testing.T) map[string]bool {
	t.Helper()
	stories, err := filepath.Glob(filepath.Join("..", "..", "cmd", "internal", "cli", "testdata", "server", "*.txtar"))
	do(t, err)
	host := regexp.MustCompile(`(?m)^host \S+ (\S+)`)
	names := map[string]bool{}
	for _, file := range stories {
		data, err := os.ReadFile(file)
		do(t, err)
		for _, m := range host.FindAllSubmatch(data, -1) {
			names[string(m[1])] = true
		}
	}
	return names
}
