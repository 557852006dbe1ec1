package vps_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"liftalot/testenv/vps"
	"liftalot/testenv/vps/vpstest"
)

// health is how an operator asks a stack: through ssh, sudo and docker.
const health = "docker exec chatalot-server curl -sS http://127.0.0.1:8080/api/health"

// One server for all that is asked of it: starting one is what takes time.
func TestPublicIsLikeARealServer(t *testing.T) {
	host := vpstest.Boot(t, "public")
	t.Run("logins", func(t *testing.T) { checkLogins(t, host) })
	t.Run("disk", func(t *testing.T) { checkDisk(t, host) })
	t.Run("vendor", func(t *testing.T) { checkVendor(t, host) })
	t.Run("faults", func(t *testing.T) { checkFaults(t, host) })
	t.Run("forms", func(t *testing.T) { checkForms(t, host) })
}

func checkLogins(t *testing.T, host *vps.Host) {
	for _, login := range []struct{ user, sudo string }{
		{vps.UserRoot, ""},
		{vps.UserDeploy, "sudo -n "},
		{vps.UserOps, "sudo -S -p '' "},
	} {
		out, err := run(t, host, login.user, login.sudo+health, host.SudoPassword+"\n")
		if err != nil || !strings.Contains(out, `"db_healthy":true`) {
			t.Errorf("health as %s over ssh: %v\n%s", login.user, err, out)
		}
	}
	if out, err := run(t, host, vps.UserOps, "sudo -n true", ""); err == nil {
		t.Errorf("sudo asked %s for nothing: %s", vps.UserOps, out)
	}
}

// checkDisk looks for what was installed, and for traces of how.
func checkDisk(t *testing.T, host *vps.Host) {
	for script, want := range map[string]string{
		"docker exec chatalot-db psql -U chatalot -Atc 'select count(*) from messages'": "500",
		"docker images --format '{{.Repository}}:{{.Tag}}' | sort":                      "chatalot-chatalot:latest\npostgres:17",
		"grep -c golden /proc/mounts || true":                                           "0",
		"ls -d /testenv /srv/chatalot/install.sh 2>/dev/null || true":                   "",
		"stat -c '%a %U' /srv/chatalot/.env":                                            "600 root",
		"docker info --format '{{.Driver}}'":                                            "overlay2",
	} {
		out, err := host.Run(t.Context(), script)
		if err != nil || out != want {
			t.Errorf("%s (%v):\n%s\nwant\n%s", script, err, out, want)
		}
	}
}

// checkVendor sees the vendor's hosts from the server and from the
// workstation, and nothing behind them.
func checkVendor(t *testing.T, host *vps.Host) {
	const manifest = "https://updates.seglamater.app/chatalot/channels/stable/latest.json"
	out, err := host.Run(t.Context(), "curl -sSf "+manifest+" && docker pull -q registry.seglamater.app/seglamater/chatalot:0.24.6")
	if err != nil || !strings.Contains(out, `"version": "0.24.6"`) {
		t.Errorf("from the server: %v\n%s", err, out)
	}
	internal, err := exec.CommandContext(t.Context(), "docker", "network", "inspect", "--format", "{{.Internal}}",
		"liftalot-testenv-"+host.Env().Owner()).Output()
	if err != nil || strings.TrimSpace(string(internal)) != "true" {
		t.Errorf("the network has a way out: internal is %s (%v)", internal, err)
	}
	res, err := workstation(t, host.Env()).Get(manifest)
	if err != nil {
		t.Fatalf("from the workstation: %v", err)
	}
	do(t, res.Body.Close())
	if res.StatusCode != http.StatusOK {
		t.Errorf("from the workstation: %s", res.Status)
	}
	if res, err := workstation(t, host.Env()).Get("https://example.com/"); err == nil {
		t.Errorf("the proxy leads elsewhere: %s (%v)", res.Status, res.Body.Close())
	}
}

// workstation is a client with nothing but the environment's variables. They
// are applied by hand, since Go reads its own only once.
func workstation(t *testing.T, env *vps.Env) *http.Client {
	t.Helper()
	values := map[string]string{}
	for _, line := range env.Environ() {
		name, value, _ := strings.Cut(line, "=")
		values[name] = value
	}
	proxy, err := url.Parse(values["HTTPS_PROXY"])
	do(t, err)
	pem, err := os.ReadFile(values["SSL_CERT_FILE"])
	do(t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// checkFaults makes trouble and sees it come and go.
func checkFaults(t *testing.T, host *vps.Host) {
	ctx := t.Context()
	t.Run("cut", func(t *testing.T) {
		do(t, host.Cut(ctx))
		unreachable(t, host)
		if _, err := host.Run(ctx, health); err != nil {
			t.Errorf("the server stopped when its link was cut: %v", err)
		}
		do(t, host.Mend(ctx), host.WaitSSH(ctx))
		reachable(t, host)
	})
	t.Run("pause", func(t *testing.T) {
		do(t, host.Pause(ctx))
		unreachable(t, host)
		do(t, host.Unpause(ctx), host.WaitSSH(ctx))
		reachable(t, host)
	})
	for name, restart := range map[string]func(context.Context) error{"reboot": host.Reboot, "crash": host.Crash} {
		t.Run(name, func(t *testing.T) {
			do(t, host.WriteFile(ctx, "/run/mark", nil), host.WriteFile(ctx, "/srv/mark", nil))
			do(t, restart(ctx), host.WaitHealthy(ctx))
			reachable(t, host) // with the same host key
			if out, err := host.Run(ctx, "ls /run/mark /srv/mark 2>/dev/null; grep -c golden /proc/mounts || true"); out != "/srv/mark\n0" {
				t.Errorf("after the restart (%v):\n%s", err, out)
			}
		})
	}
	t.Run("full disk", func(t *testing.T) {
		do(t, host.WriteFile(ctx, "/var/backups/old", []byte("kept")), host.FillDisk(ctx, "/var/backups"))
		out, err := host.Run(ctx, "cat /var/backups/old; echo more >/var/backups/new || echo full")
		if err != nil || out != "keptfull" {
			t.Errorf("on a full disk (%v): %q", err, out)
		}
		do(t, host.FreeDisk(ctx, "/var/backups"))
		if _, err := host.Run(ctx, "echo more >/var/backups/new"); err != nil {
			t.Errorf("after it was freed: %v", err)
		}
	})
}
