package server

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"liftalot/testenv/fakes"
	"liftalot/testenv/fakes/pgtest"
)

// world is an environment in which a managed server starts.
func world(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return map[string]string{
		"DATABASE_URL":           "postgres://nobody@127.0.0.1:1/none",
		"JWT_PRIVATE_KEY_PATH":   put("private.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: privateDER})),
		"JWT_PUBLIC_KEY_PATH":    put("public.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER})),
		"TOTP_ENCRYPTION_KEY":    strings.Repeat("ab", 32),
		"LISTEN_ADDR":            "127.0.0.1:0",
		"FILE_STORAGE_PATH":      filepath.Join(dir, "files"),
		"UPDATER_API_URL":        "http://chatalot-updater:8081",
		"UPDATER_API_TOKEN_FILE": put("token", []byte(strings.Repeat("cd", 32)+"\n")),
		"UPDATE_CHANNEL":         "stable",
		"UPDATE_MANIFEST_HOST":   "https://updates.seglamater.app",
	}
}

func process(t *testing.T, version string, env map[string]string) fakes.Process {
	t.Helper()
	config, err := fakes.ForVersion(version)
	if err != nil {
		t.Fatal(err)
	}
	return fakes.Process{
		Config: config,
		UID:    fakes.ServerUID,
		Getenv: func(key string) string { return env[key] },
		Log:    slog.New(slog.DiscardHandler),
		Stdout: io.Discard,
	}
}

func TestRunRefusesOtherUsers(t *testing.T) {
	p := process(t, "0.24.6", world(t))
	p.UID = 0
	if err := Run(t.Context(), p); err == nil || !strings.Contains(err.Error(), "uid 999") {
		t.Errorf("got %v", err)
	}
}

// addrHandler sends the address of each "listening" line.
type addrHandler struct {
	slog.Handler
	addrs chan string
}

func (h addrHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h addrHandler) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "listening" {
		r.Attrs(func(a slog.Attr) bool { h.addrs <- a.Value.String(); return true })
	}
	return nil
}

// start runs a server and returns its address and how to end it.
func start(t *testing.T, p fakes.Process) (addr string, stop func() error) {
	t.Helper()
	addrs := make(chan string, 1)
	p.Log = slog.New(addrHandler{slog.DiscardHandler, addrs})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, p) }()
	select {
	case addr = <-addrs:
	case err := <-ended:
		cancel()
		t.Fatalf("the server ended: %v", err)
	}
	return addr, func() error { cancel(); return <-ended }
}

func TestOnARealDatabase(t *testing.T) {
	pg := pgtest.Start(t)
	t.Run("seed, upgrade, go back", func(t *testing.T) { testLife(t, pg) })
	t.Run("behaviours", func(t *testing.T) { testBehaviours(t, pg) })
}

// testLife seeds an old server's database and starts a newer server on it,
// then the old one again.
func testLife(t *testing.T, pg *pgtest.Server) {
	env := world(t)
	env["DATABASE_URL"] = pg.URL(t)
	count := func(what string) string { return pg.Text(t, env["DATABASE_URL"], "SELECT "+what) }

	seeding := process(t, "0.23.0", env)
	seeding.Args = []string{"seed"}
	const contents = `(SELECT md5(string_agg(x, '' ORDER BY x)) FROM
		(SELECT t::text AS x FROM users t UNION ALL SELECT t::text FROM messages t UNION ALL
		 SELECT t::text FROM files t UNION ALL SELECT t::text FROM totp t) all_rows)`
	var before string
	for range 2 {
		if err := Run(t.Context(), seeding); err != nil {
			t.Fatal(err)
		}
		if got := count(contents); before != "" && got != before {
			t.Error("seeding again changed the rows")
		}
		before = count(contents)
	}
	if got := count("(SELECT count(*)::text FROM messages)"); got != "500" {
		t.Errorf("%s messages, want 500", got)
	}
	if _, err := os.Stat(filepath.Join(env["FILE_STORAGE_PATH"], "avatars", "upload-04.txt")); err != nil {
		t.Error(err)
	}

	addr, stop := start(t, process(t, "0.24.7", env))
	res, err := http.Get("http://" + addr + "/api/health")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var h health
	if err := json.NewDecoder(res.Body).Decode(&h); err != nil {
		t.Fatal(err)
	}
	if h.Status != "ok" || !h.DBHealthy || h.Version != "0.24.7" {
		t.Errorf("got %+v", h)
	}
	if err := stop(); err != nil {
		t.Errorf("ended with %v", err)
	}
	if got := count(contents); got != before {
		t.Error("an upgrade changed users, messages, files or second factors")
	}

	if err := Run(t.Context(), process(t, "0.23.0", env)); err == nil ||
		!strings.Contains(err.Error(), "migration 52 was previously applied but is missing") {
		t.Errorf("an old server on a new schema: %v", err)
	}
	wrong := process(t, "0.24.7", map[string]string{})
	wrong.Getenv = func(key string) string {
		return strings.Replace(env[key], pgtest.Password, "wrong", 1)
	}
	if err := Run(t.Context(), wrong); err == nil || strings.Contains(err.Error(), "wrong@") {
		t.Errorf("a wrong password: %v", err)
	}
}

func testBehaviours(t *testing.T, pg *pgtest.Server) {
	run := func(t *testing.T, b fakes.Behaviour, extra map[string]string) (url string, p fakes.Process) {
		env := world(t)
		env["DATABASE_URL"] = pg.URL(t)
		p = process(t, "0.24.7", env)
		p.Config.Behaviour, p.Config.Extra = b, extra
		return env["DATABASE_URL"], p
	}
	newest := "SELECT max(version)::text FROM _sqlx_migrations"
	for _, b := range []fakes.Behaviour{fakes.Crash, fakes.BadMigration} {
		t.Run(string(b), func(t *testing.T) {
			url, p := run(t, b, nil)
			if err := Run(t.Context(), p); err == nil {
				t.Error("it ended well")
			}
			if got := pg.Text(t, url, newest); got != "55" {
				t.Errorf("newest migration %s: a bad release has migrated before it fails", got)
			}
		})
	}
	t.Run(string(fakes.DiesLater), func(t *testing.T) {
		_, p := run(t, fakes.DiesLater, map[string]string{"after": "10ms"})
		if err := Run(t.Context(), p); err == nil {
			t.Error("it ended well")
		}
	})
	t.Run(string(fakes.Slow), func(t *testing.T) {
		_, p := run(t, fakes.Slow, map[string]string{"delay": "10ms"})
		_, stop := start(t, p)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	t.Run(string(fakes.Hang), func(t *testing.T) {
		_, p := run(t, fakes.Hang, nil)
		addr, stop := start(t, p)
		client := &http.Client{Timeout: 100 * time.Millisecond}
		if res, err := client.Get("http://" + addr + "/api/health"); err == nil {
			res.Body.Close()
			t.Errorf("it answered %s", res.Status)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}
