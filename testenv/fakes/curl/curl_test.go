package curl

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

func TestRun(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Method+" "+r.Header.Get("X-Test"))
	})
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.Handle("/moved", http.RedirectHandler("/ok", http.StatusFound))
	plain := httptest.NewServer(mux)
	defer plain.Close()
	secure := httptest.NewTLSServer(mux)
	defer secure.Close()
	secure.Config.ErrorLog = nil
	file := filepath.Join(t.TempDir(), "body")

	tests := []struct {
		name   string
		args   []string
		status int
		out    string
	}{
		{"plain", []string{"-s", plain.URL + "/ok"}, 0, "GET "},
		{"no scheme", []string{"-s", plain.Listener.Addr().String() + "/ok"}, 0, "GET "},
		{"header", []string{"-sH", "X-Test: yes", plain.URL + "/ok"}, 0, "GET yes"},
		{"method", []string{"-s", "-X", "POST", plain.URL + "/ok"}, 0, "POST "},
		{"as in the health check", []string{"-fsS", plain.URL + "/ok"}, 0, "GET "},
		{"as in the runbook", []string{"-sS", "-o", "/dev/null", "-w", `HTTP=%{http_code}\n`, plain.URL + "/none"}, 0, "HTTP=404\n"},
		{"error page without -f", []string{"-s", plain.URL + "/none"}, 0, "404 page not found\n"},
		{"error page with -f", []string{"-sf", plain.URL + "/none"}, 22, ""},
		{"error page with -f and -w", []string{"-sf", "-w", "%{http_code}", plain.URL + "/none"}, 22, "404"},
		{"refused", []string{"-s", "-w", "%{http_code}", "http://127.0.0.1:1/"}, 7, "000"},
		{"does not resolve", []string{"-s", "http://name.invalid/"}, 6, ""},
		{"too slow", []string{"-s", "-m", "0.05", plain.URL + "/hang"}, 28, ""},
		{"unknown authority", []string{"-s", secure.URL + "/ok"}, 60, ""},
		{"redirect", []string{"-s", "-o", "/dev/null", "-w", "%{http_code}", plain.URL + "/moved"}, 0, "302"},
		{"followed redirect", []string{"-sL", plain.URL + "/moved"}, 0, "GET "},
		{"other protocol", []string{"-s", "ftp://127.0.0.1/"}, 1, ""},
		{"no host", []string{"-s", "http:///x"}, 3, ""},
		{"no URL", []string{"-s"}, 2, ""},
		{"unknown option", []string{"--cookie", "x", plain.URL}, 2, ""},
		{"to a file", []string{"-s", "-o", file, plain.URL + "/ok"}, 0, ""},
		{"to no file", []string{"-s", "-o", "/nowhere/x", plain.URL + "/ok"}, 23, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			status := Run(t.Context(), tt.args, &out, io.Discard)
			if status != tt.status || out.String() != tt.out {
				t.Errorf("got %d %q, want %d %q", status, out.String(), tt.status, tt.out)
			}
		})
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "GET " {
		t.Errorf("file holds %q, %v", got, err)
	}
}

func TestMessages(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		says bool
	}{
		"plain":                {[]string{"http://127.0.0.1:1/"}, true},
		"silent":               {[]string{"-s", "http://127.0.0.1:1/"}, false},
		"silent, shows errors": {[]string{"-sS", "http://127.0.0.1:1/"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			var messages bytes.Buffer
			Run(t.Context(), tt.args, io.Discard, &messages)
			if got := messages.Len() > 0; got != tt.says {
				t.Errorf("said %q", messages.String())
			}
		})
	}
}
