package vps_test

import (
	"context"
	"os"
	"path/filepath"
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

// Each scenario is known by something that can be seen on the server.
func TestEveryScenarioBoots(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a server for each scenario")
	}
	env := vpstest.Open(t)
	const inspect = "docker inspect -f "
	t.Run("all", func(t *testing.T) {
		for _, c := range []struct{ scenario, script, want string }{
			{"chatalot-net", inspect + "'{{range $n, $_ := .NetworkSettings.Networks}}{{$n}}{{end}}' chatalot-db", "chatalot_chatalot-net"},
			{"staged", "docker ps --format '{{.Names}}' | sort; stat -c %s secrets/updater_token", "chatalot\nchatalot-db\n0"},
			{"traefik", inspect + `'{{index .Config.Labels "traefik.enable"}} {{.NetworkSettings.Networks.web.NetworkID | len}}' chatalot-server`, "true 64"},
			{"unpublished-port", "docker port chatalot-server", ""},
			{"other-port", "docker port chatalot-server", "8080/tcp -> 127.0.0.1:9090"},
			{"arm-override", inspect + "'{{.Config.Image}}' chatalot-server", "images.example.com/chatalot/chatalot:latest"},
			{"second-postgres", inspect + "'{{.State.Running}} {{.Config.Image}}' blog-postgres", "true postgres:17"},
			{"stopped", inspect + "'{{.State.Status}}' chatalot-server", "exited"},
			{"umask077", "su - deploy -c umask", "0077"},
			{"mode0640", "stat -c '%U %a' docker-compose.yml", "deploy 640"},
			{"symlink", "readlink docker-compose.yml", "../config/chatalot.yml"},
		} {
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
}

// The same servers from the real public files, where those are at hand.
func TestRealComposeFilesBoot(t *testing.T) {
	folder := corpus(t)
	env := vpstest.Open(t)
	t.Run("all", func(t *testing.T) {
		for _, file := range []struct{ name, scenario, release string }{
			{"0001.yml", "chatalot-net", "0.9.0"},
			{"0003.yml", "chatalot-net", "0.17.0"},
			{"0005.yml", "chatalot-net", "0.18.35"},
			{"0007.yml", "public", "0.18.50"},
			{"0009.yml", "public", "0.22.6"},
			{"0010.yml", "public", "0.23.0"},
		} {
			t.Run(file.name, func(t *testing.T) {
				t.Parallel()
				data, err := os.ReadFile(filepath.Join(folder, file.name))
				do(t, err)
				host := vpstest.BootIn(t, env, vps.BootOptions{
					Scenario: file.scenario, ComposeFile: data, Release: file.release,
				})
				defer func() { do(t, host.Destroy(context.WithoutCancel(t.Context()))) }()
				on, err := host.ReadFile(t.Context(), host.ComposeDir+"/"+scenarios.ComposeFile)
				if err != nil || string(on) != string(data) {
					t.Errorf("the file on the server is another (%v)", err)
				}
			})
		}
	})
}

// corpus finds the folder of public files: named, or beside the module.
func corpus(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("installs six stacks")
	}
	folder := os.Getenv("LIFTALOT_CORPUS")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	if _, err := os.Stat(filepath.Join(folder, "0010.yml")); err != nil {
		t.Skipf("NOT RUN: no public compose files: %v", err)
	}
	return folder
}
