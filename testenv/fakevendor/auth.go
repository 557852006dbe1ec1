package fakevendor

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"liftalot/testenv/fakevendor/pki"
)

// An AuthMode is how the registry asks who is there.
type AuthMode string

// A registry is open, or asks for a password on each request, or for a token
// that is fetched with a password first, from the same host, as Forgejo does.
const (
	Anonymous AuthMode = "anonymous"
	Basic     AuthMode = "basic"
	Bearer    AuthMode = "bearer"
)

// Auth is who may pull.
type Auth struct {
	Mode     AuthMode `json:"mode"`
	User     string   `json:"user,omitempty"`
	Password string   `json:"password,omitempty"`
	// Realm is where tokens are fetched in bearer mode, when it is not the registry
	// itself. The manifest host gives them out too, at /v2/token.
	Realm string `json:"realm,omitempty"`
}

func (a Auth) validate() error {
	switch a.Mode {
	case Anonymous:
		return nil
	case Basic, Bearer:
		if a.User == "" || a.Password == "" {
			return fmt.Errorf("registry auth %q needs a user and a password", a.Mode)
		}
		return nil
	}
	return fmt.Errorf("unknown registry auth %q", a.Mode)
}

// tokenPath is where tokens come from in bearer mode.
const tokenPath = "/v2/token"

// guard stands before the registry. The zero value lets everyone read.
type guard struct {
	mu     sync.Mutex
	auth   Auth
	tokens map[string]string // token to user
}

// set changes who may pull; tokens given before are void.
func (g *guard) set(a Auth) error {
	if err := a.validate(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.auth = a
	g.tokens = make(map[string]string)
	return nil
}

// wrap lets only readers through, and only those who may.
func (g *guard) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			refuse(w, http.StatusForbidden, "DENIED", "requested access to the resource is denied")
			return
		}
		mode, ok := g.check(r)
		switch {
		case mode == Bearer && r.URL.Path == tokenPath:
			g.giveToken(w, r)
		case !ok:
			w.Header().Set("WWW-Authenticate", g.challenge(mode))
			refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		default:
			w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
			next.ServeHTTP(w, r)
		}
	})
}

// challenge is what a client must do to get in.
func (g *guard) challenge(mode AuthMode) string {
	if mode == Bearer {
		return fmt.Sprintf(`Bearer realm="%s",service="container_registry",scope="*"`, g.realm())
	}
	return `Basic realm="container registry"`
}

// realm is where tokens come from.
func (g *guard) realm() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.auth.Realm != "" {
		return g.auth.Realm
	}
	return "https://" + pki.RegistryHost + tokenPath
}

func (g *guard) check(r *http.Request) (AuthMode, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch g.auth.Mode {
	case Basic:
		return Basic, g.knows(r)
	case Bearer:
		_, ok := g.tokens[bearerToken(r)]
		return Bearer, ok
	}
	return Anonymous, true
}

// knows compares user and password; g.mu is held.
func (g *guard) knows(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	return ok && equal(user, g.auth.User) && equal(password, g.auth.Password)
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func bearerToken(r *http.Request) string {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return token
}

// giveToken trades a password for a token.
func (g *guard) giveToken(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.knows(r) {
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		return
	}
	token := rand.Text()
	g.tokens[token] = g.auth.User
	writeJSON(w, http.StatusOK, map[string]any{"token": token, "expires_in": 300})
}

// userOf names who a request says it is from, for the journal. The name is
// cut short: it is the client's to choose.
func (g *guard) userOf(r *http.Request) string {
	user, _, ok := r.BasicAuth()
	if !ok {
		g.mu.Lock()
		defer g.mu.Unlock()
		user = g.tokens[bearerToken(r)]
	}
	return user[:min(len(user), 64)]
}

// refuse answers as registries do.
func refuse(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, map[string]any{
		"errors": []map[string]string{{"code": code, "message": message}},
	})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody to tell
}
