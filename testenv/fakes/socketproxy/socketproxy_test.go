package socketproxy

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"liftalot/testenv/fakes"
)

// fragment is the environment of the vendor's compose fragment.
func fragment(key string) string {
	return map[string]string{
		"CONTAINERS": "1", "IMAGES": "1", "NETWORKS": "1", "POST": "1",
		"EXEC": "0", "VOLUMES": "0", "SYSTEM": "0", "BUILD": "0",
	}[key]
}

func TestAccessList(t *testing.T) {
	tests := []struct {
		method, path string
		want         bool
	}{
		{"GET", "/_ping", true},
		{"HEAD", "/_ping", true},
		{"GET", "/v1.44/version", true},
		{"GET", "/containers/json", true},
		{"POST", "/v1.44/containers/create", true},
		{"POST", "/images/create", true},
		{"GET", "/networks", true},
		{"POST", "/containers/abc/exec", true}, // F3: as on the real list
		{"POST", "/exec/abc/start", false},
		{"GET", "/volumes", false},
		{"POST", "/build", false},
		{"GET", "/system/df", false},
		{"GET", "/info", false},
		{"GET", "/", false},
		{"GET", "/containers/../volumes", false},
		{"GET", "/containers/./../exec/a/json", false},
		{"GET", "//volumes", false},
	}
	list := newAccessList(fragment)
	for _, tt := range tests {
		if got := list.allows(tt.method, tt.path); got != tt.want {
			t.Errorf("%s %s: %v, want %v", tt.method, tt.path, got, tt.want)
		}
	}
	closed := newAccessList(func(string) string { return "" })
	if closed.allows("GET", "/containers/json") || closed.allows("POST", "/_ping") || !closed.allows("GET", "/_ping") {
		t.Error("an empty environment opens pings for reading, and nothing else")
	}
}

func FuzzAccessListNeverOpensAClosedGroup(f *testing.F) {
	for _, path := range []string{"/volumes", "/v1.44/exec/a", "/containers/../build", "/%76olumes", "/containers/../../system/df"} {
		f.Add(path)
	}
	list := newAccessList(fragment)
	f.Fuzz(func(t *testing.T, path string) {
		if !list.allows("POST", path) {
			return
		}
		for _, group := range []string{"volumes", "exec", "build", "system", "info"} {
			if strings.HasPrefix(path, "/"+group) {
				t.Errorf("%q was let through", path)
			}
		}
		if strings.Contains(path, "/../") {
			t.Errorf("%q was let through", path)
		}
	})
}

func TestHandlerReachesTheSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "docker.sock")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	engine := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Method+" "+r.URL.String())
	})}
	ended := make(chan error, 1)
	go func() { ended <- engine.Serve(l) }()
	defer func() { engine.Close(); <-ended }()

	h := Handler(fragment, socket, slog.New(slog.DiscardHandler))
	get := func(method, target string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
		return w.Code, w.Body.String()
	}
	if code, body := get("POST", "/v1.44/containers/create?name=x"); code != 200 || body != "POST /v1.44/containers/create?name=x" {
		t.Errorf("got %d %q", code, body)
	}
	if code, _ := get("GET", "/volumes"); code != 403 {
		t.Errorf("got %d, want 403", code)
	}
}

// F1: the public image of that version cannot run with a read-only root.
func TestStrictImageWritesOutsideTmp(t *testing.T) {
	p := fakes.Process{Config: fakes.Config{Behaviour: fakes.StrictV030}}
	root := t.TempDir()
	if err := start(p, root); err == nil {
		t.Error("it started without a place to write to")
	}
	for _, dir := range []string{"usr/local/etc/haproxy", "run"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := start(p, root); err != nil {
		t.Error(err)
	}
	p.Config.Behaviour = fakes.Healthy
	if err := start(p, "/nowhere"); err != nil {
		t.Errorf("the vendor's own wrote something: %v", err)
	}
}
