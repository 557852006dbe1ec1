package updater

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"sync"
	"time"

	"liftalot/testenv/fakes"
)

// checks holds what was last found, by the name of the check; "ok" is good.
type checks struct {
	mu    sync.Mutex
	found map[string]string
}

func (c *checks) set(name string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.found == nil {
		c.found = make(map[string]string)
	}
	c.found[name] = "ok"
	if err != nil {
		c.found[name] = err.Error()
	}
}

func (c *checks) all() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.found)
}

// The checks by name. The sidecar is unhealthy without the first two.
const (
	checkDatabase = "database"
	checkProxy    = "docker"
	checkServer   = "server"
	checkManifest = "manifest_host"
)

// watch looks again and again until the context ends.
func (u *updater) watch(ctx context.Context) {
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	for {
		u.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// look makes every check once.
func (u *updater) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, checkInterval)
	defer cancel()
	u.checks.set(checkDatabase, u.login(ctx))
	u.checks.set(checkProxy, u.docker.ping(ctx))
	u.checks.set(checkServer, u.reachServer(ctx))
	u.checks.set(checkManifest, u.reachManifestHost(ctx))
}

func (u *updater) reachServer(ctx context.Context) error {
	address, err := u.serverAddress(ctx)
	if err != nil {
		return err
	}
	if address == "" {
		return errors.New("the server container is stopped")
	}
	return askServer(ctx, u.docker.client, address+":8080")
}

// reachManifestHost asks for anything at all: an answer is a way out.
func (u *updater) reachManifestHost(ctx context.Context) error {
	host := manifestHost
	if other, ok := u.p.Config.Extra["manifest_host"]; ok {
		host = other
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, host+"/", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

func (u *updater) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", u.health)
	mux.HandleFunc("GET "+fakes.StatusPath, u.status)
	return mux
}

// health answers exactly {"status":"ok"}, which is all that is promised.
func (u *updater) health(w http.ResponseWriter, r *http.Request) {
	found := u.checks.all()
	answer := map[string]any{"status": "ok"}
	status := http.StatusOK
	bad := func(name string) bool { return found[name] != "" && found[name] != "ok" }
	if bad(checkDatabase) || bad(checkProxy) || u.p.Config.Behaviour == fakes.Degraded {
		answer["status"] = "degraded"
		status = http.StatusServiceUnavailable
	}
	if r.URL.Query().Get("verbose") != "" {
		answer["checks"] = found
	}
	fakes.WriteJSON(w, status, answer)
}

// status answers the server, and nobody who does not hold the token.
func (u *updater) status(w http.ResponseWriter, r *http.Request) {
	if err := fakes.CheckRequest(r, u.s.token, time.Now()); err != nil {
		fakes.WriteJSON(w, http.StatusUnauthorized, map[string]any{"error": err.Error()})
		return
	}
	fakes.WriteJSON(w, http.StatusOK, map[string]any{"version": u.p.Config.Version})
}
