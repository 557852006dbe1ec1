// Package socketproxy stands in for docker-socket-proxy: it hands requests to
// the engine's socket, and only those its environment allows.
//
// The access list is that of the public image. A group of paths is open when
// its variable is "1"; pings, the version and events are always open; methods
// that change something need POST as well. EXEC closes only the start of a
// prepared command: with CONTAINERS and POST one can still be prepared, which
// is the real list's weakness and is kept.
//
// With the behaviour [fakes.StrictV030] it also does what that version does
// at start: it writes its configuration and a pidfile outside /tmp. On a
// read-only root it therefore exits, and compose restarts it for ever.
package socketproxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"

	"liftalot/testenv/fakes"
)

// Where the proxy listens and what it listens for.
const (
	listenAddr = ":2375"
	socketPath = "/var/run/docker.sock"
)

// Run serves until the context ends.
func Run(ctx context.Context, p fakes.Process) error {
	if err := start(p, "/"); err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", listenAddr)
	if err != nil {
		return fmt.Errorf("cannot create listening socket: %w", err)
	}
	p.Log.Info("proxy started", "addr", listener.Addr().String())
	return fakes.Serve(ctx, listener, Handler(p.Getenv, socketPath, p.Log))
}

// start plays what can go wrong before the first request, below the folder
// root.
func start(p fakes.Process, root string) error {
	switch p.Config.Behaviour {
	case fakes.Crash:
		return errors.New("cannot parse the configuration")
	case fakes.StrictV030:
		for _, f := range []struct{ path, content string }{
			{"usr/local/etc/haproxy/haproxy.cfg", "# written at start\n"},
			{"run/haproxy.pid", strconv.Itoa(os.Getpid()) + "\n"},
		} {
			err := os.WriteFile(filepath.Join(root, f.path), []byte(f.content), 0o644)
			if errors.Is(err, syscall.EROFS) { // in the words of the image's shell
				return fmt.Errorf("can't create /%s: Read-only file system", f.path)
			}
			if err != nil {
				return fmt.Errorf("can't create /%s: %w", f.path, err)
			}
		}
	}
	return nil
}

// Handler forwards what the environment allows to the engine's socket and
// answers 403 to the rest.
func Handler(getenv func(string) string, socket string, log *slog.Logger) http.Handler {
	list := newAccessList(getenv)
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "docker"})
		},
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", socket)
			},
		},
		FlushInterval: -1, // logs and pulls are streams
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !list.allows(r.Method, r.URL.Path) {
			log.Warn("refused", "method", r.Method, "path", r.URL.Path)
			http.Error(w, "403 Forbidden: request forbidden by administrative rules", http.StatusForbidden)
			return
		}
		forward.ServeHTTP(w, r)
	})
}

// accessList is what the environment opened.
type accessList struct {
	group   *regexp.Regexp  // finds the first element of a path, without the version
	open    map[string]bool // by that element
	changes bool
}

func newAccessList(getenv func(string) string) accessList {
	on := func(key string, fallback bool) bool {
		switch getenv(key) {
		case "":
			return fallback
		case "0", "false":
			return false
		}
		return true
	}
	return accessList{
		group:   regexp.MustCompile(`^(?:/v[0-9.]+)?/([a-z_]+)(?:/.*)?$`),
		changes: on("POST", false),
		open: map[string]bool{
			"_ping":      on("PING", true),
			"version":    on("VERSION", true),
			"events":     on("EVENTS", true),
			"containers": on("CONTAINERS", false),
			"images":     on("IMAGES", false),
			"networks":   on("NETWORKS", false),
			"exec":       on("EXEC", false),
			"volumes":    on("VOLUMES", false),
			"system":     on("SYSTEM", false),
			"build":      on("BUILD", false),
			"info":       on("INFO", false),
			"auth":       on("AUTH", false),
		},
	}
}

// allows refuses a path that is not clean, so that no ".." leads around the
// list.
func (l accessList) allows(method, requested string) bool {
	if method != http.MethodGet && method != http.MethodHead && !l.changes {
		return false
	}
	if path.Clean(requested) != requested {
		return false
	}
	m := l.group.FindStringSubmatch(requested)
	return m != nil && l.open[m[1]]
}
