package updater

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

func TestHealthTellsWhatWentAway(t *testing.T) {
	u := &updater{docker: newDocker("127.0.0.1:1")}
	get := func(path string) (int, map[string]any) {
		w := httptest.NewRecorder()
		u.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		var body map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		return w.Code, body
	}
	if code, _ := get("/health"); code != 200 {
		t.Errorf("before the first look: %d", code)
	}
	u.checks.set(checkManifest, io.ErrUnexpectedEOF)
	u.checks.set(checkServer, io.ErrUnexpectedEOF)
	if code, body := get("/health?verbose=1"); code != 200 || body["checks"].(map[string]any)[checkManifest] != "unexpected EOF" {
		t.Errorf("what is forgiven: %d %v", code, body)
	}
	u.checks.set(checkProxy, io.ErrUnexpectedEOF)
	if code, body := get("/health"); code != 503 || body["status"] != "degraded" {
		t.Errorf("without the proxy: %d %v", code, body)
	}
	u.checks.set(checkProxy, nil)
	if code, _ := get("/health"); code != 200 {
		t.Errorf("with the proxy again: %d", code)
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	u := &updater{
		s:      settings{databaseURL: "postgres://127.0.0.1:1/none"},
		docker: newDocker("127.0.0.1:1"),
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	u.watch(ctx)
	if got := u.checks.all()[checkDatabase]; got == "" || got == "ok" {
		t.Errorf("the database is %q", got)
	}
}

func TestAskServer(t *testing.T) {
	for name, tt := range map[string]struct {
		body string
		ok   bool
	}{
		"healthy":  {`{"status":"ok"}`, true},
		"the page": {"<html>", false},
		"other":    {`{"error":"x"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, tt.body)
			}))
			defer srv.Close()
			u, err := url.Parse(srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			if err := askServer(t.Context(), srv.Client(), u.Host); (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}
