package updater

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"liftalot/testenv/fakes"
	"liftalot/testenv/fakes/pgtest"
	"liftalot/testenv/fakevendor/pki"
)

// hostname is the sidecar's own: the start of its container's ID.
const hostname = "0123456789ab"

// world is an environment in which the sidecar starts, but for the database.
func world(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	keys, err := pki.New()
	if err != nil {
		t.Fatal(err)
	}
	put := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return map[string]string{
		"DOCKER_HOST":                          "tcp://127.0.0.1:1",
		"CHATALOT_UPDATER_SQLITE_PATH":         filepath.Join(dir, "state.db"),
		"CHATALOT_UPDATER_SERVER_CONTAINER":    "chatalot-server",
		"DATABASE_URL":                         "postgres://chatalot:__DB_PASSWORD__@127.0.0.1:1/chatalot",
		"CHATALOT_SNAPSHOT_DIR":                dir,
		"CHATALOT_UPDATER_API_TOKEN_FILE":      put("token", strings.Repeat("ab", 32)),
		"CHATALOT_UPDATER_COSIGN_PUBKEY_PATH":  put("cosign.pub", string(keys.Release.Public)),
		"CHATALOT_UPDATER_REGISTRY_CREDS_FILE": put("creds", ""),
		"CHATALOT_UPDATER_LISTEN_ADDR":         "127.0.0.1:0",
		"password":                             put("password", pgtest.Password), // not of the fragment: the secret's file
	}
}

// engine plays the engine behind the socket proxy.
func engine(t *testing.T, containers string) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_ping", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "OK") })
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"ApiVersion":"1.45"}`) })
	mux.HandleFunc("GET /containers/json", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, containers) })
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv
}

// listed writes a container the way the engine lists it.
func listed(id, name, state, network, address string) string {
	return `{"Id":"` + id + `","Names":["/` + name + `"],"State":"` + state + `","NetworkSettings":{"Networks":{"` +
		network + `":{"NetworkID":"id-of-` + network + `","IPAddress":"` + address + `"}}}}`
}

func TestRunOnARealDatabase(t *testing.T) {
	pg := pgtest.Start(t)
	self := listed(hostname+"cdef", "chatalot-updater", "running", "internal", "10.0.0.3")
	server := listed("ffff", "chatalot-server", "running", "internal", "127.0.0.1")
	tests := []struct {
		name       string
		containers string
		change     func(map[string]string)
		want       string // part of the error; empty is none
	}{
		{"right", self + "," + server, func(map[string]string) {}, ""},
		{"server is stopped", self + "," + listed("ffff", "chatalot-server", "exited", "internal", ""), func(map[string]string) {}, ""},
		{"C5: the runbook's container name", self + "," + server,
			func(env map[string]string) { env["CHATALOT_UPDATER_SERVER_CONTAINER"] = "chatalot" },
			`server container "chatalot" not found; running: chatalot-server, chatalot-updater`},
		{"C1: no network in common", self + "," + listed("ffff", "chatalot-server", "running", "external", "10.1.0.2"),
			func(map[string]string) {},
			"no network in common with the server container (server: external; updater: internal)"},
		{"the proxy is not there", self + "," + server,
			func(env map[string]string) { env["DOCKER_HOST"] = "tcp://127.0.0.1:1" }, "connection refused"},
		{"a line end in the password", self + "," + server,
			func(env map[string]string) { env["password"] += ".newline" }, "failed to connect to database"},
		{"another password", self + "," + server,
			func(env map[string]string) { env["password"] += ".other" }, "password authentication failed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := world(t)
			for suffix, content := range map[string]string{".newline": pgtest.Password + "\n", ".other": "other"} {
				if err := os.WriteFile(env["password"]+suffix, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			env["DATABASE_URL"] = strings.Replace(pg.URL(t), pgtest.Password, placeholder, 1)
			env["DOCKER_HOST"] = "tcp://" + strings.TrimPrefix(engine(t, "["+tt.containers+"]").URL, "http://")
			tt.change(env)
			u, ready := newUpdater(env)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- u.run(ctx) }()
			if tt.want != "" {
				if err := <-ended; err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
				return
			}
			select {
			case addr := <-ready:
				checkHealth(t, "http://"+addr, u.s.token)
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			case err := <-ended:
				t.Fatal(err)
			}
		})
	}
}

// checkHealth holds a sidecar to what the runbook expects of it.
func checkHealth(t *testing.T, base string, token []byte) {
	t.Helper()
	res, err := http.Get(base + "/health")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || strings.TrimSpace(string(body)) != `{"status":"ok"}` {
		t.Errorf("health is %q, %v", body, err)
	}
	for want, with := range map[int][]byte{200: token, 401: []byte("other")} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+fakes.StatusPath, nil)
		if err != nil {
			t.Fatal(err)
		}
		fakes.SignRequest(req, with, time.Now())
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("status answered %d, want %d", res.StatusCode, want)
		}
	}
}

// newUpdater returns a sidecar and where its address is sent to.
func newUpdater(env map[string]string) (*updater, <-chan string) {
	ready := make(chan string, 1)
	return &updater{
		p: fakes.Process{
			Config: fakes.Config{
				Version: "0.24.6", Generation: fakes.Managed, Behaviour: fakes.Healthy,
				Extra: map[string]string{"manifest_host": "https://127.0.0.1:1"},
			},
			Getenv: func(key string) string { return env[key] },
			Log:    slog.New(boundHandler{slog.DiscardHandler, ready}),
		},
		hostname:     hostname,
		passwordFile: env["password"],
	}, ready
}

// boundHandler sends the address of the line the runbook looks for.
type boundHandler struct {
	slog.Handler
	addrs chan<- string
}

func (h boundHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h boundHandler) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "http listener bound" {
		r.Attrs(func(a slog.Attr) bool { h.addrs <- a.Value.String(); return true })
	}
	return nil
}

func TestRunRefusesOtherUsers(t *testing.T) {
	err := Run(t.Context(), fakes.Process{UID: fakes.ServerUID, Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "uid 1001") {
		t.Errorf("got %v", err)
	}
}
