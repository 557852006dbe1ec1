package fakevendor

import (
	"net/http"
	"sync"
)

// An offer is what a channel serves; empty parts answer 404.
type offer struct {
	manifest  []byte
	signature []byte // at .sig
	bundle    []byte // at .sigstore.json
}

// channels holds the offers by channel.
type channels struct {
	publishing sync.Mutex // one release at a time: tags move

	mu     sync.Mutex
	offers map[string]offer
}

func (c *channels) set(channel string, o offer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.offers == nil {
		c.offers = make(map[string]offer)
	}
	c.offers[channel] = o
}

func (c *channels) get(channel string) offer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offers[channel]
}

func (c *channels) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offers = nil
}

// manifestHost answers for the vendor's manifest host.
func (f *Vendor) manifestHost() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /chatalot/channels/{channel}/latest.json", func(w http.ResponseWriter, r *http.Request) {
		serveBytes(w, "application/json", f.channels.get(r.PathValue("channel")).manifest)
	})
	mux.HandleFunc("GET /chatalot/channels/{channel}/latest.json.sig", func(w http.ResponseWriter, r *http.Request) {
		serveBytes(w, "text/plain", f.channels.get(r.PathValue("channel")).signature)
	})
	mux.HandleFunc("GET /chatalot/channels/{channel}/latest.json.sigstore.json", func(w http.ResponseWriter, r *http.Request) {
		serveBytes(w, "application/json", f.channels.get(r.PathValue("channel")).bundle)
	})
	mux.HandleFunc("GET "+tokenPath, f.auth.giveToken)
	mux.HandleFunc("GET /.well-known/keys/chatalot.pub", func(w http.ResponseWriter, _ *http.Request) {
		serveBytes(w, "application/x-pem-file", f.keys.Release.Public)
	})
	return mux
}

func serveBytes(w http.ResponseWriter, contentType string, data []byte) {
	if len(data) == 0 {
		http.Error(w, "404 page not found", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(data) // the client is gone: nobody to tell
}
