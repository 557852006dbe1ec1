package release

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// The default transport meets the ways in which a network disappoints.
func TestNetworks(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
	})
	secure := httptest.NewUnstartedServer(page)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	plain := httptest.NewServer(page)
	defer plain.Close()
	gone := httptest.NewServer(page)
	gone.Close()
	trusting := secure.Client().Transport.(*http.Transport)
	late := trusting.Clone()
	late.TLSClientConfig.Time = func() time.Time { return time.Now().AddDate(100, 0, 0) }

	_, port, err := net.SplitHostPort(secure.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		host      string
		transport http.RoundTripper
		text      string
		cause     error
	}{
		"a page":              {secure.URL, trusting, "web page", nil},
		"an unknown issuer":   {secure.URL, nil, "authority that this machine does not know", nil},
		"another name":        {"https://localhost:" + port, trusting, "for another name", nil},
		"an expired one":      {secure.URL, late, "clock", nil},
		"no TLS":              {strings.Replace(plain.URL, "http:", "https:", 1), nil, "does not speak TLS", nil},
		"nobody":              {strings.Replace(gone.URL, "http:", "https:", 1), nil, "connection refused", syscall.ECONNREFUSED},
		"no such name":        {"https://x.example", failing(&net.DNSError{Name: "x.example", IsNotFound: true}), "name is not found", nil},
		"nobody, in time":     {"https://x.example", failing(&net.OpError{Op: "dial", Err: context.DeadlineExceeded}), "no answer in time", context.DeadlineExceeded},
		"a slow name":         {"https://x.example", failing(&net.OpError{Op: "dial", Err: &net.DNSError{IsTimeout: true}}), "name is not found", nil},
		"a slow host":         {"https://x.example", failing(&net.OpError{Op: "read", Err: slowError{}}), "no answer in time", nil},
		"an early end":        {"https://x.example", failing(net.ErrClosed), "not understood", nil},
		"something different": {"https://x.example", failing(errors.New("proxy says: <html>")), "not understood", nil},
	} {
		t.Run(name, func(t *testing.T) {
			client := Client{Transport: c.transport, Pause: time.Nanosecond}
			_, err := client.Resolve(t.Context(), Source{ManifestHost: c.host})
			var unreachable *UnreachableError
			if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("got %v, want an error that says %q", err, c.text)
			}
			if c.cause != nil && !errors.Is(err, c.cause) {
				t.Errorf("the error %v hides %v", err, c.cause)
			}
		})
	}
}

// failing is a transport that never gets anywhere.
func failing(err error) http.RoundTripper {
	return roundTrip(func(*http.Request) (*http.Response, error) { return nil, err })
}

// slowError is an error of the kind that a passed deadline gives.
type slowError struct{}

func (slowError) Error() string   { return "took too long" }
func (slowError) Timeout() bool   { return true }
func (slowError) Temporary() bool { return true }

func TestAnInterruptionIsOne(t *testing.T) {
	f := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	client := Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
		cancel()
		return nil, req.Context().Err()
	})}
	if _, err := client.Resolve(ctx, f.source()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A proxy that the environment names is used, and one that does not let us
// through is not mistaken for the vendor.
func TestTheEnvironmentsProxyIsAsked(t *testing.T) {
	request := request(t, "https://updates.seglamater.app/")
	got, want := newTransport().Proxy, http.ProxyFromEnvironment
	a, errA := got(request)
	b, errB := want(request)
	if errA != nil || errB != nil || (a == nil) != (b == nil) || a != nil && a.String() != b.String() {
		t.Errorf("proxy %v, %v, want %v, %v", a, errA, b, errB)
	}
	if c := newTransport().TLSClientConfig; c != nil && c.InsecureSkipVerify {
		t.Error("certificates are not checked")
	}
}

// A registry that answers with nonsense gets a sentence.
func TestARegistryThatTalksNonsense(t *testing.T) {
	const path = "/v2/seglamater/chatalot/"
	for name, c := range map[string]struct {
		say  func(f *fake)
		text string
	}{
		"an index of nothing": {func(f *fake) {
			f.said[path+"manifests/0.24.6"] = said{string(types.OCIImageIndex), "{"}
		}, "not understood"},
		"a manifest of nothing": {func(f *fake) {
			f.said[path+"manifests/0.24.6"] = said{string(types.OCIManifestSchema1), "{"}
			f.offer(map[string]any{"image_digest": "sha256:" + sha256Hex([]byte("{"))})
		}, "not understood"},
		"an empty index": {func(f *fake) {
			f.said[path+"manifests/0.24.6"] = said{string(types.OCIImageIndex), "{}"}
		}, "for linux/amd64, only for"},
		"another configuration": {func(f *fake) {
			f.said[path+"blobs/"+f.configOf(product).String()] = said{"application/octet-stream", "{}"}
		}, "not understood"},
		"a signature of nothing": {func(f *fake) {
			f.said[path+"manifests/sha256-"+f.images[product].Hex+".sig"] = said{string(types.OCIManifestSchema1), "{"}
		}, "not understood"},
		"a signature without content": {func(f *fake) {
			l := f.simple(product)
			f.tagSignature(product, l)
			f.said[path+"blobs/sha256:"+sha256Hex(l.body)] = said{"text/plain", strings.Repeat(" ", len(l.body))}
		}, "not understood"},
		"signatures without end": {func(f *fake) {
			layers := make([]layer, maxClaims+1)
			for i := range layers {
				layers[i] = f.simple(product)
			}
			f.tagSignature(product, layers...)
		}, "not understood"},
		"referrers without end": {func(f *fake) {
			for range maxClaims/8 + 1 {
				layers := make([]layer, 8)
				for i := range layers {
					layers[i] = f.badly(f.private)
					layers[i].signature = f.sign([]byte("something else"))
				}
				f.refer(product, signatureArtifact, nil, layers...)
			}
		}, "more than 32 signatures"},
		"a long signature": {func(f *fake) {
			f.tagSignature(product, f.signed(strings.Repeat(" ", maxPayload+1)))
		}, "longer than"},
		"a list of nothing": {func(f *fake) {
			f.said[path+"referrers/"+f.images[product].String()] = said{string(types.OCIImageIndex), "{"}
		}, "not understood"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.said = make(map[string]said)
			c.say(f)
			_, err := f.resolve(nil)
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want an error that says %q", err, c.text)
			}
		})
	}
}

// configOf finds the configuration of an image in the registry.
func (f *fake) configOf(repo string) v1.Hash {
	f.t.Helper()
	reg, err := (&Client{Transport: f}).session(Source{Registry: DefaultRegistry, Platform: DefaultPlatform}).registry(f.t.Context(), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	d, err := reg.get(f.t.Context(), mustDigest(f.t, fakeOrg+repo+"@"+f.images[repo].String()), "image")
	if err != nil {
		f.t.Fatal(err)
	}
	img, err := d.Image()
	if err != nil {
		f.t.Fatal(err)
	}
	hash, err := img.ConfigName()
	if err != nil {
		f.t.Fatal(err)
	}
	return hash
}
