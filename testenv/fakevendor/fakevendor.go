// Package fakevendor plays the vendor's two hosts: the image registry and the
// manifest host, both behind TLS with a test authority, and a proxy that leads
// a client to them by their real names.
//
// It runs inside a test ([Start], on loopback) or as a container beside
// throw-away servers (the program in cmd/fakevendor). Either way it is steered by
// the same calls: on a [Vendor] directly, or through its admin API with a
// [Client].
//
// # What it serves
//
//	https://registry.seglamater.app/v2/…                the images of a release, their
//	                                                    signatures under sha256-<hex>.sig
//	                                                    or among the referrers ([Form])
//	https://registry.seglamater.app/v2/token            tokens, in bearer mode ([Auth])
//	https://updates.seglamater.app/chatalot/channels/CHANNEL/latest.json
//	https://updates.seglamater.app/chatalot/channels/CHANNEL/latest.json.sig
//	https://updates.seglamater.app/chatalot/channels/CHANNEL/latest.json.sigstore.json
//	https://updates.seglamater.app/.well-known/keys/chatalot.pub
//
// The registry can only be read; releases are put there with
// [Vendor.SetRelease]. After the start, stable offers 0.24.6, the registry
// holds 0.24.5 as well, and the other channels answer 404.
//
// # How a client gets there
//
// A process on the workstation needs no more than HTTPS_PROXY set to
// [Vendor.ProxyURL] and SSL_CERT_FILE set to a file with [Vendor.CA]. The
// proxy knows the vendor's two names and refuses everything else. Within a
// test, [Vendor.HTTPClient] does the same.
package fakevendor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"liftalot/testenv/fakevendor/image"
	"liftalot/testenv/fakevendor/pki"
)

// Options say where a fixture listens and what it is made of. The zero value
// is good for a test: loopback, keys of its own, images that nobody can run.
type Options struct {
	Keys   *pki.Keys      // nil: new ones
	Images *image.Builder // nil: placeholders in place of programs
	// Arch is what the images of the server's companions are for, which exist
	// for one architecture only; empty means amd64.
	Arch string

	TLSAddr   string // empty: a free port on loopback, as below
	ProxyAddr string
	AdminAddr string

	Log *slog.Logger     // nil: nothing is logged
	Now func() time.Time // nil: the clock
}

// A Vendor is the vendor's side of the world. Its methods may be called at
// the same time.
type Vendor struct {
	keys   *pki.Keys
	images *image.Builder
	arch   string
	log    *slog.Logger
	now    func() time.Time

	store    http.Handler // the registry without a guard
	journal  journal
	auth     guard
	unlisted unlisted
	faults   faultList
	channels channels

	tlsListener   net.Listener
	proxyListener net.Listener
	adminListener net.Listener

	proxy   *connectProxy
	servers []*http.Server
	serving sync.WaitGroup
	closed  context.Context
	cancel  context.CancelFunc
}

// Start makes a fixture that serves until it is closed. The context is for the
// start alone.
func Start(ctx context.Context, o Options) (*Vendor, error) {
	f, err := newFixture(o)
	if err != nil {
		return nil, fmt.Errorf("start the fixture: %w", err)
	}
	if err := f.publishDefaults(ctx); err != nil {
		f.cancel()
		return nil, fmt.Errorf("start the fixture: %w", err)
	}
	if err := f.listen(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("start the fixture: %w", err), f.Close())
	}
	f.serve()
	return f, nil
}

func newFixture(o Options) (*Vendor, error) {
	f := &Vendor{keys: o.Keys, images: o.Images, arch: o.Arch, log: o.Log, now: o.Now}
	if f.keys == nil {
		keys, err := pki.New()
		if err != nil {
			return nil, err
		}
		f.keys = keys
	}
	if f.images == nil {
		f.images = image.NewBuilder([]byte("stand-in"), []byte("busybox"), f.keys.CA)
	}
	if f.arch == "" {
		f.arch = "amd64"
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	if f.now == nil {
		f.now = time.Now
	}
	f.store = registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true))
	f.closed, f.cancel = context.WithCancel(context.Background())
	return f, nil
}

// listen opens the three ports.
func (f *Vendor) listen(ctx context.Context, o Options) error {
	for _, l := range []struct {
		addr string
		to   *net.Listener
	}{
		{o.TLSAddr, &f.tlsListener},
		{o.ProxyAddr, &f.proxyListener},
		{o.AdminAddr, &f.adminListener},
	} {
		addr := l.addr
		if addr == "" {
			addr = "127.0.0.1:0"
		}
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		*l.to = listener
	}
	return nil
}

// serve starts the three servers. Close ends them.
func (f *Vendor) serve() {
	f.proxy = newConnectProxy(f.tlsListener.Addr().String())
	config := &tls.Config{
		Certificates: []tls.Certificate{f.keys.TLS},
		NextProtos:   []string{"h2", "http/1.1"},
		MinVersion:   tls.VersionTLS12,
	}
	f.serveOn(tls.NewListener(f.tlsListener, config), f.vendor(), config)
	f.serveOn(f.proxyListener, f.proxy, nil)
	f.serveOn(f.adminListener, f.admin(), nil)
}

func (f *Vendor) serveOn(l net.Listener, h http.Handler, config *tls.Config) {
	srv := &http.Server{
		Handler:           h,
		TLSConfig:         config,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return f.closed },
		// Clients that distrust the authority are part of the tests.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	f.servers = append(f.servers, srv)
	f.serving.Go(func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			f.log.Error("fixture ended", "addr", l.Addr().String(), "error", err)
		}
	})
}

// Close ends everything the fixture started, requests under way included.
func (f *Vendor) Close() error {
	f.cancel()
	var errs []error
	for _, srv := range f.servers {
		errs = append(errs, srv.Close())
	}
	if f.proxy == nil { // the start failed: the listeners are still ours
		for _, l := range []net.Listener{f.tlsListener, f.proxyListener, f.adminListener} {
			if l != nil {
				errs = append(errs, l.Close())
			}
		}
		return errors.Join(errs...)
	}
	f.proxy.close()
	f.serving.Wait()
	return errors.Join(errs...)
}

// vendor is what answers behind TLS, for both names.
func (f *Vendor) vendor() http.Handler {
	registry := f.auth.wrap(f.unlisted.wrap(f.store))
	manifests := f.manifestHost()
	byHost := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch hostOf(r) {
		case pki.RegistryHost:
			registry.ServeHTTP(w, r)
		case pki.ManifestHost:
			manifests.ServeHTTP(w, r)
		default:
			http.Error(w, "no such host here", http.StatusMisdirectedRequest)
		}
	})
	return f.journal.wrap(f.faults.wrap(byHost), f.now, f.auth.userOf)
}

// hostOf is the name a request was sent to, without the port.
func hostOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		return host
	}
	return r.Host
}

// CA is the authority's certificate in PEM.
func (f *Vendor) CA() []byte { return f.keys.CA }

// PublicKey is the file the manifest host publishes as its release key.
func (f *Vendor) PublicKey() []byte { return f.keys.Release.Public }

// KeyFingerprint is the SHA-256 of [Vendor.PublicKey], in hex: the pin that
// stands in for the vendor's.
func (f *Vendor) KeyFingerprint() string { return f.keys.Release.Fingerprint() }

// ProxyURL is for HTTPS_PROXY.
func (f *Vendor) ProxyURL() string { return "http://" + f.proxyListener.Addr().String() }

// AdminURL is where a [Client] finds the fixture.
func (f *Vendor) AdminURL() string { return "http://" + f.adminListener.Addr().String() }

// HTTPClient returns a client that goes through the proxy and trusts the
// authority, as a process on the workstation would. Each call makes a new one.
func (f *Vendor) HTTPClient() *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(f.keys.CA)
	proxy := &url.URL{Scheme: "http", Host: f.proxyListener.Addr().String()}
	return &http.Client{Transport: &http.Transport{
		Proxy:             http.ProxyURL(proxy),
		TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
	}}
}
