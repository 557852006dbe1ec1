package fakevendor

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"liftalot/testenv/fakevendor/pki"
)

// connectProxy leads CONNECT requests for the vendor's names to one address,
// and refuses every other: nothing a test does reaches a real host.
type connectProxy struct {
	target string

	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool
	wait   sync.WaitGroup
}

func newConnectProxy(target string) *connectProxy {
	return &connectProxy{target: target, conns: make(map[net.Conn]bool)}
}

func (p *connectProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		http.Error(w, "only CONNECT", http.StatusMethodNotAllowed)
		return
	}
	if r.Host != pki.RegistryHost+":443" && r.Host != pki.ManifestHost+":443" {
		http.Error(w, "not one of the vendor's hosts", http.StatusForbidden)
		return
	}
	dialer := net.Dialer{Timeout: 10 * time.Second}
	upstream, err := dialer.DialContext(r.Context(), "tcp", p.target)
	if err != nil {
		http.Error(w, "fixture is not listening", http.StatusBadGateway)
		return
	}
	client, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = upstream.Close()
		http.Error(w, "cannot take the connection", http.StatusInternalServerError)
		return
	}
	if !p.track(client, upstream) {
		return
	}
	// Bytes the client sent early are in the buffer, so read through it.
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		p.release(client, upstream)
		return
	}
	go p.splice(client, upstream, rw)
}

// splice copies both ways until one side ends, then ends the other.
func (p *connectProxy) splice(client, upstream net.Conn, fromClient io.Reader) {
	defer p.release(client, upstream)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(upstream, fromClient) // either side may end it at any time
		_ = upstream.Close()
	}()
	_, _ = io.Copy(client, upstream)
	_ = client.Close()
	<-done
}

// track notes a pair of connections, so that close can end them; it reports
// false, and closes them, when the proxy has ended already.
func (p *connectProxy) track(client, upstream net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = errors.Join(client.Close(), upstream.Close())
		return false
	}
	p.conns[client], p.conns[upstream] = true, true
	p.wait.Add(1)
	return true
}

func (p *connectProxy) release(client, upstream net.Conn) {
	_ = errors.Join(client.Close(), upstream.Close()) // most often closed already
	p.mu.Lock()
	delete(p.conns, client)
	delete(p.conns, upstream)
	p.mu.Unlock()
	p.wait.Done()
}

// close ends every connection and waits for the copying to stop.
func (p *connectProxy) close() {
	p.mu.Lock()
	p.closed = true
	for c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.wait.Wait()
}
