package server

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/time/rate"

	"liftalot/testenv/fakes"
)

// page is what every path gets that is not of the API.
const page = `<!DOCTYPE html>
<html><head><title>chatalot</title></head><body><div id="app"></div></body></html>
`

// The API answers this many requests a second for one address, after a burst.
const (
	requestsPerSecond = 6
	requestBurst      = 12
)

// A pinger says whether the database answers. It is the server's subset of a
// [pgxpool.Pool].
type pinger interface {
	Ping(ctx context.Context) error
}

var _ pinger = (*pgxpool.Pool)(nil)

// api answers requests.
type api struct {
	config  fakes.Config
	db      pinger
	updater *updaterSettings
	started time.Time

	mu      sync.Mutex
	clients map[string]*rate.Limiter
}

func newAPI(config fakes.Config, db pinger, updater *updaterSettings) *api {
	return &api{
		config: config, db: db, updater: updater,
		started: time.Now(), clients: make(map[string]*rate.Limiter),
	}
}

func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /api/health", a.limited(a.health))
	if a.config.Generation == fakes.Managed {
		mux.Handle("GET /api/admin/updates/status", a.limited(a.updatesStatus))
	}
	mux.Handle("/api/", a.limited(serveSPA))
	mux.HandleFunc("GET /version.json", func(w http.ResponseWriter, _ *http.Request) {
		fakes.WriteJSON(w, http.StatusOK, map[string]string{"version": a.config.Version})
	})
	mux.HandleFunc("/", serveSPA)
	return mux
}

func serveSPA(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, page) // the client is gone: nobody to tell
}

// limited refuses an address that asks too often.
func (a *api) limited(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			host = r.RemoteAddr
		}
		if !a.limiter(host).Allow() {
			w.Header().Set("Retry-After", "1")
			fakes.WriteJSON(w, http.StatusTooManyRequests, map[string]string{"error": "rate limit exceeded"})
			return
		}
		next(w, r)
	})
}

func (a *api) limiter(host string) *rate.Limiter {
	a.mu.Lock()
	defer a.mu.Unlock()
	const most = 10_000 // addresses are the clients' to choose: forget them all
	if len(a.clients) >= most {
		clear(a.clients)
	}
	l, ok := a.clients[host]
	if !ok {
		l = rate.NewLimiter(requestsPerSecond, requestBurst)
		a.clients[host] = l
	}
	return l
}

// health is the answer to a health check.
type health struct {
	Status    string `json:"status"`
	Version   string `json:"version"`
	Uptime    int64  `json:"uptime_secs"`
	DBHealthy bool   `json:"db_healthy"`
}

// health answers with status 200 even when the database is away, as the real
// server does: only the body tells.
func (a *api) health(w http.ResponseWriter, r *http.Request) {
	if a.config.Behaviour == fakes.ErrorBody {
		fakes.WriteJSON(w, http.StatusOK, map[string]string{"error": "internal server error"})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	h := health{
		Status:    "ok",
		Version:   a.config.ReportedVersion(),
		Uptime:    int64(time.Since(a.started).Seconds()),
		DBHealthy: a.config.Behaviour != fakes.Degraded && a.db.Ping(ctx) == nil,
	}
	if !h.DBHealthy {
		h.Status = "degraded"
	}
	fakes.WriteJSON(w, http.StatusOK, h)
}

// updatesStatus is what the Updates tab asks for.
func (a *api) updatesStatus(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+AdminToken {
		fakes.WriteJSON(w, http.StatusUnauthorized, map[string]string{"error": "unauthorized"})
		return
	}
	if a.updater == nil {
		fakes.WriteJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "managed updates are not configured"})
		return
	}
	if err := a.askUpdater(r.Context()); err != nil {
		fakes.WriteJSON(w, http.StatusBadGateway, map[string]string{"error": err.Error()})
		return
	}
	fakes.WriteJSON(w, http.StatusOK, map[string]string{"running": a.config.Version, "updater": "ok"})
}

func (a *api) askUpdater(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.updater.url+fakes.StatusPath, nil)
	if err != nil {
		return err
	}
	fakes.SignRequest(req, a.updater.token, time.Now())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return &updaterStatusError{res.Status}
	}
	return nil
}

type updaterStatusError struct{ status string }

func (e *updaterStatusError) Error() string { return "chatalot-updater answered " + e.status }
