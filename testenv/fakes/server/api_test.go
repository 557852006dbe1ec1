package server

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"liftalot/testenv/fakes"
)

// database is one that answers or does not.
type database struct{ err error }

func (d database) Ping(context.Context) error { return d.err }

func TestAPI(t *testing.T) {
	up, away := database{}, database{errors.New("away")}
	tests := []struct {
		name, version string
		behaviour     fakes.Behaviour
		db            database
		path          string
		status        int
		contentType   string
		body          string
	}{
		{"health", "0.24.6", fakes.Healthy, up, "/api/health", 200, "application/json", `"status":"ok","version":"0.24.6"`},
		{"H1: public builds report another version", "0.23.0", fakes.Healthy, up, "/api/health", 200, "application/json", `"version":"0.17.0"`},
		{"degraded is 200", "0.24.6", fakes.Healthy, away, "/api/health", 200, "application/json", `"status":"degraded"`},
		{"degraded on purpose", "0.24.6", fakes.Degraded, up, "/api/health", 200, "application/json", `"db_healthy":false`},
		{"an error is 200", "0.24.6", fakes.ErrorBody, up, "/api/health", 200, "application/json", `"error"`},
		{"managed has updates", "0.24.6", fakes.Healthy, up, "/api/admin/updates/status", 401, "application/json", `"error":"unauthorized"`},
		{"public has the page", "0.23.0", fakes.Healthy, up, "/api/admin/updates/status", 200, "text/html; charset=utf-8", "<html>"},
		{"H2: /health is the page", "0.24.6", fakes.Healthy, away, "/health", 200, "text/html; charset=utf-8", "<html>"},
		{"anything is the page", "0.24.6", fakes.Healthy, up, "/no/such/page", 200, "text/html; charset=utf-8", "<html>"},
		{"web version", "0.23.0", fakes.Healthy, up, "/version.json", 200, "application/json", `"version":"0.23.0"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := process(t, tt.version, nil)
			p.Config.Behaviour = tt.behaviour
			h := newAPI(p.Config, tt.db, nil).handler()
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", tt.path, nil))
			if w.Code != tt.status || w.Header().Get("Content-Type") != tt.contentType || !strings.Contains(w.Body.String(), tt.body) {
				t.Errorf("got %d %s %s", w.Code, w.Header().Get("Content-Type"), w.Body)
			}
		})
	}
}

func TestAPIIsLimitedByAddress(t *testing.T) {
	h := newAPI(process(t, "0.24.6", nil).Config, database{}, nil).handler()
	status := func(addr, path string) int {
		r := httptest.NewRequest("GET", path, nil)
		r.RemoteAddr = addr
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	limited := false
	for range 3 * requestBurst {
		limited = limited || status("10.0.0.1:1", "/api/health") == http.StatusTooManyRequests
	}
	if !limited {
		t.Error("a busy address was never refused")
	}
	if got := status("10.0.0.2:1", "/api/health"); got != 200 {
		t.Errorf("another address got %d", got)
	}
	if got := status("10.0.0.1:2", "/"); got != 200 {
		t.Errorf("the page got %d", got)
	}
}

func TestAdministratorSeesTheUpdater(t *testing.T) {
	token := []byte(strings.Repeat("ab", 32))
	sidecar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := fakes.CheckRequest(r, token, time.Now()); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer sidecar.Close()
	for name, tt := range map[string]struct {
		updater *updaterSettings
		status  int
	}{
		"same token":     {&updaterSettings{sidecar.URL, token}, 200},
		"other token":    {&updaterSettings{sidecar.URL, []byte("other")}, 502},
		"no sidecar":     {&updaterSettings{"http://127.0.0.1:1", token}, 502},
		"not configured": {nil, 503},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/api/admin/updates/status", nil)
			r.Header.Set("Authorization", "Bearer "+AdminToken)
			w := httptest.NewRecorder()
			newAPI(process(t, "0.24.6", nil).Config, database{}, tt.updater).handler().ServeHTTP(w, r)
			if w.Code != tt.status {
				t.Errorf("got %d %s, want %d", w.Code, w.Body, tt.status)
			}
		})
	}
}
