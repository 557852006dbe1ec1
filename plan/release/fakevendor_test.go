package release_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"liftalot/plan/release"
	"liftalot/testenv/fakevendor"
)

// vendor starts the vendor's side and returns it with a client and a source
// that lead to it.
func vendor(t *testing.T) (*fakevendor.Vendor, *release.Client, release.Source) {
	t.Helper()
	f, err := fakevendor.Start(t.Context(), fakevendor.Options{})
	if err != nil {
		t.Fatal(err)
	}
	transport := f.HTTPClient().Transport.(*http.Transport)
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		f.Close()
	})
	client := &release.Client{Transport: transport, Pause: time.Nanosecond}
	return f, client, release.Source{KeySHA256: f.KeyFingerprint()}
}

func publish(t *testing.T, f *fakevendor.Vendor, r fakevendor.Release) fakevendor.Published {
	t.Helper()
	p, err := f.SetRelease(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// kind names the type of an error, as an exit code would.
func kind(err error) string {
	var (
		auth        *release.AuthError
		unreachable *release.UnreachableError
		trust       *release.TrustError
		version     *release.VersionError
		absent      *release.NotFoundError
		source      *release.SourceError
	)
	switch {
	case err == nil:
		return "none"
	case errors.As(err, &auth):
		return "auth"
	case errors.As(err, &unreachable):
		return "unreachable"
	case errors.As(err, &trust):
		return "trust"
	case errors.As(err, &version):
		return "version"
	case errors.As(err, &absent):
		return "not found"
	case errors.As(err, &source):
		return "source"
	}
	return "other"
}

func wantError(t *testing.T, err error, want, text string) {
	t.Helper()
	if got := kind(err); got != want {
		t.Fatalf("got the error %q of kind %q, want %q", err, got, want)
	}
	if err != nil && !strings.Contains(err.Error(), text) {
		t.Errorf("the error %q does not say %q", err, text)
	}
	for _, foreign := range []string{"<", "Hotel", "authentication required"} {
		if err != nil && strings.Contains(err.Error(), foreign) {
			t.Errorf("the error %q repeats what a server said", err)
		}
	}
}

func TestAGoodRelease(t *testing.T) {
	f, client, src := vendor(t)
	published := publish(t, f, fakevendor.Release{Version: "0.24.7"})

	rel, err := client.Resolve(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	if rel.Version != "0.24.7" || rel.Channel != "stable" || string(rel.KeyPEM) != string(f.PublicKey()) || len(rel.ManifestSHA256) != 64 {
		t.Errorf("release: %+v", rel)
	}
	if rel.Manifest.State != release.Verified {
		t.Errorf("manifest: %+v", rel.Manifest)
	}
	if len(rel.Warnings) > 0 {
		t.Errorf("warnings: %q", rel.Warnings)
	}
	for what, i := range map[string]struct {
		image       release.Image
		ref         string
		tag         string
		onePlatform bool
	}{
		"server":  {rel.Server, published.Image + "@" + published.ImageDigest, "0.24.7", false},
		"updater": {rel.Updater, published.UpdaterImage + "@" + published.UpdaterDigest, "0.24.7", true},
		"proxy":   {rel.Proxy, published.ProxyImage + "@" + published.ProxyDigest, "0.3.0", true},
	} {
		if i.image.Ref() != i.ref || i.image.Tag != i.tag || i.image.Signature.State != release.Verified || i.image.Size == 0 {
			t.Errorf("%s: %+v, want %s", what, i.image, i.ref)
		}
		if (i.image.Digest == i.image.PlatformDigest) != i.onePlatform {
			t.Errorf("%s: digest %s, platform %s", what, i.image.Digest, i.image.PlatformDigest)
		}
	}
	if !rel.Server.Declared || rel.Proxy.Declared {
		t.Errorf("declared: server %v, proxy %v", rel.Server.Declared, rel.Proxy.Declared)
	}
}

// Rows F48, F50, F53 of the fault matrix, and the ends a channel can come to.
func TestReleases(t *testing.T) {
	none := "sha256:" + strings.Repeat("0", 64)
	strict := func(s *release.Source) { s.RequireSignature = true }
	for name, c := range map[string]struct {
		release fakevendor.Release
		source  func(*release.Source)
		kind    string
		text    string // in the error, or in a warning
	}{
		"manifest tampered with":   {fakevendor.Release{ManifestSignature: fakevendor.Tampered}, nil, "trust", "signature"},
		"manifest by another key":  {fakevendor.Release{ManifestSignature: fakevendor.OtherKey}, nil, "trust", "pinned key"},
		"signature of another":     {fakevendor.Release{ManifestSignature: fakevendor.Replayed}, nil, "trust", "over these bytes"},
		"signature malformed":      {fakevendor.Release{ManifestSignature: fakevendor.Malformed}, nil, "trust", "not base64"},
		"manifest not signed":      {fakevendor.Release{ManifestSignature: fakevendor.Missing}, nil, "none", "is not signed"},
		"not signed but must be":   {fakevendor.Release{ManifestSignature: fakevendor.Missing}, strict, "trust", "required"},
		"all signed as it must be": {fakevendor.Release{}, strict, "none", ""},
		"short manifest":           {fakevendor.Release{ShortManifest: true}, strict, "none", ""},
		"short, images not signed": {fakevendor.Release{ShortManifest: true, ImageSignature: fakevendor.Missing}, nil, "none", "names the updater image"},
		"short, must be signed":    {fakevendor.Release{ShortManifest: true, ImageSignature: fakevendor.Missing}, strict, "trust", "updater image"},
		"images not signed":        {fakevendor.Release{ImageSignature: fakevendor.Missing}, nil, "none", "names the socket proxy image"},
		"proxy not signed":         {fakevendor.Release{UnsignedProxy: true}, nil, "none", "names the socket proxy image"},
		"proxy must be signed":     {fakevendor.Release{UnsignedProxy: true}, strict, "trust", "name it in proxy_digests"},
		"proxy need not be": {fakevendor.Release{UnsignedProxy: true}, func(s *release.Source) { strict(s); s.Accepts.UnsignedProxy = true },
			"none", "allow: [unsigned-proxy] accepts"},
		"proxy need not be, but is bad": {fakevendor.Release{ImageSignature: fakevendor.OtherKey}, func(s *release.Source) { s.Accepts.UnsignedProxy = true }, "trust", "pinned key"},
		"image tampered with":           {fakevendor.Release{ImageSignature: fakevendor.Tampered}, nil, "trust", "signature of the"},
		"image by another key":          {fakevendor.Release{ImageSignature: fakevendor.OtherKey}, nil, "trust", "pinned key"},
		"image signature of another":    {fakevendor.Release{ImageSignature: fakevendor.Replayed}, nil, "trust", "another image"},
		"image signature malformed":     {fakevendor.Release{ImageSignature: fakevendor.Malformed}, nil, "trust", "not base64"},
		"tag moved":                     {fakevendor.Release{MovedTag: true}, nil, "trust", "tag was moved"},
		"digest that is not there":      {fakevendor.Release{ImageDigest: none}, nil, "trust", "tag was moved"},
		"digest that is none":           {fakevendor.Release{ImageDigest: "latest"}, nil, "trust", "not a digest"},
		"updater not published":         {fakevendor.Release{UpdaterVersion: "0.24.5"}, nil, "not found", "updater image"},
		"another product":               {fakevendor.Release{Product: "hivemind"}, nil, "trust", `product "hivemind"`},
		"another channel":               {fakevendor.Release{ManifestChannel: "canary"}, nil, "trust", `channel "canary"`},
		"before managed updates":        {fakevendor.Release{Version: "0.24.4"}, nil, "version", "at least 0.24.5"},
		"a server that is elsewhere":    {fakevendor.Release{Architectures: []string{"arm64"}}, nil, "not found", `only for "linux/arm64"`},
		"an updater that is not here":   {fakevendor.Release{}, func(s *release.Source) { s.Platform = "linux/arm64" }, "not found", `updater image`},
		"an old offer": {fakevendor.Release{ReleasedAt: time.Date(2025, 1, 2, 0, 0, 0, 0, time.UTC)}, nil,
			"none", "is from 2025-01-02"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, client, src := vendor(t)
			if c.release.Version == "" {
				c.release.Version = "0.24.7"
			}
			publish(t, f, c.release)
			if c.source != nil {
				c.source(&src)
			}
			rel, err := client.Resolve(t.Context(), src)
			wantError(t, err, c.kind, c.text)
			if err == nil && c.text != "" && !strings.Contains(strings.Join(rel.Warnings, "\n"), c.text) {
				t.Errorf("no warning says %q: %q", c.text, rel.Warnings)
			}
			if err == nil && c.text == "" && len(rel.Warnings) > 0 {
				t.Errorf("warnings: %q", rel.Warnings)
			}
		})
	}
}

// Where the vendor puts signatures is not public: each of their forms is
// believed when it is good, and stops when it is not.
func TestFormsOfSignatures(t *testing.T) {
	for _, form := range fakevendor.Forms() {
		for _, signed := range fakevendor.Signatures() {
			t.Run(string(form)+" "+string(signed), func(t *testing.T) {
				t.Parallel()
				f, client, src := vendor(t)
				publish(t, f, fakevendor.Release{Version: "0.24.7", SignatureForm: form, ImageSignature: signed})
				rel, err := client.Resolve(t.Context(), src)
				state, good := map[fakevendor.Signature]release.State{
					fakevendor.Good: release.Verified, fakevendor.Missing: release.NotSigned,
				}[signed]
				switch {
				case !good:
					wantError(t, err, "trust", "the signature of the server image")
				case err != nil || rel.Server.Signature.State != state:
					t.Errorf("got %+v, %v, want the server image %s", rel, err, state)
				}
				publish(t, f, fakevendor.Release{Version: "0.24.7", SignatureForm: form, ManifestSignature: signed})
				src.RequireSignature = true
				_, err = client.Resolve(t.Context(), src)
				if (signed == fakevendor.Good) != (err == nil) || err != nil && kind(err) != "trust" {
					t.Errorf("a manifest that is signed so: %v", err)
				}
			})
		}
	}
}

// Row F47: each way in which the two hosts can fail to answer is a sentence.
func TestHostsThatDoNotAnswer(t *testing.T) {
	const (
		registry  = "registry.seglamater.app"
		manifests = "updates.seglamater.app"
	)
	status := func(host string, code int) fakevendor.Fault {
		return fakevendor.Fault{Kind: fakevendor.FaultStatus, Host: host, Status: code}
	}
	for name, c := range map[string]struct {
		fault fakevendor.Fault
		kind  string
		text  string
	}{
		"manifests 401":      {status(manifests, 401), "auth", manifests},
		"manifests 404":      {status(manifests, 404), "not found", "key file"},
		"manifests 500":      {status(manifests, 500), "unreachable", "status 500"},
		"manifests 418":      {status(manifests, 418), "unreachable", "status 418"},
		"signature 500":      {fakevendor.Fault{Kind: fakevendor.FaultStatus, Host: manifests, PathPrefix: "/chatalot/channels/stable/latest.json.sig", Status: 503}, "unreachable", "status 503"},
		"registry 401":       {status(registry, 401), "auth", "none is configured"},
		"registry 403":       {status(registry, 403), "auth", "status 403"},
		"registry 404":       {status(registry, 404), "not found", registry},
		"registry 500":       {status(registry, 500), "unreachable", "status 500"},
		"no server image":    {fakevendor.Fault{Kind: fakevendor.FaultStatus, Host: registry, PathPrefix: "/v2/seglamater/chatalot/manifests/0.24.6", Status: 404}, "not found", "server image"},
		"a portal":           {fakevendor.Fault{Kind: fakevendor.FaultPortal}, "unreachable", "web page"},
		"a portal at last":   {fakevendor.Fault{Kind: fakevendor.FaultPortal, Host: registry}, "unreachable", "login page"},
		"sent elsewhere":     {fakevendor.Fault{Kind: fakevendor.FaultRedirect, Host: manifests, Location: "https://hotel.example/login"}, "unreachable", "another host"},
		"sent away from TLS": {fakevendor.Fault{Kind: fakevendor.FaultRedirect, Host: manifests, Location: "http://updates.seglamater.app/"}, "unreachable", "without TLS"},
		"registry elsewhere": {fakevendor.Fault{Kind: fakevendor.FaultRedirect, Host: registry, Location: "https://updates.seglamater.app/"}, "unreachable", "another host"},
		"cut off":            {fakevendor.Fault{Kind: fakevendor.FaultDrop, Host: manifests}, "unreachable", "connection"},
		"cut off later":      {fakevendor.Fault{Kind: fakevendor.FaultDrop, Host: registry, PathPrefix: "/v2/seglamater/chatalot/manifests"}, "unreachable", "connection"},
		"without end":        {fakevendor.Fault{Kind: fakevendor.FaultEndless, Host: manifests}, "unreachable", "longer than"},
		"registry endless":   {fakevendor.Fault{Kind: fakevendor.FaultEndless, Host: registry, PathPrefix: "/v2/seglamater/chatalot/manifests"}, "unreachable", "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, client, src := vendor(t)
			if err := f.SetFault(t.Context(), c.fault); err != nil {
				t.Fatal(err)
			}
			_, err := client.Resolve(t.Context(), src)
			wantError(t, err, c.kind, c.text)
		})
	}
}

func TestAHostThatNeverAnswers(t *testing.T) {
	f, client, src := vendor(t)
	if err := f.SetFault(t.Context(), fakevendor.Fault{Kind: fakevendor.FaultHang, Host: "registry.seglamater.app"}); err != nil {
		t.Fatal(err)
	}
	client.Timeout = 300 * time.Millisecond
	_, err := client.Resolve(t.Context(), src)
	wantError(t, err, "unreachable", "no answer in time")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error %v hides the deadline", err)
	}
}

func TestATroubledHostIsAskedAgain(t *testing.T) {
	f, client, src := vendor(t)
	for _, host := range []string{"updates.seglamater.app", "registry.seglamater.app"} {
		fault := fakevendor.Fault{Kind: fakevendor.FaultStatus, Host: host, Status: 502, Times: 3}
		if err := f.SetFault(t.Context(), fault); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.Resolve(t.Context(), src); err != nil {
		t.Error(err)
	}
}

// Row F48: server and updater of two releases.
func TestAMixedRelease(t *testing.T) {
	f, client, src := vendor(t)
	publish(t, f, fakevendor.Release{Version: "0.24.7"})
	publish(t, f, fakevendor.Release{Version: "0.24.7", UpdaterVersion: "0.24.5"})
	_, err := client.Resolve(t.Context(), src)
	wantError(t, err, "trust", "updater image")
}

func TestAnEmptyChannel(t *testing.T) {
	_, client, src := vendor(t)
	src.Channel = "beta"
	_, err := client.Resolve(t.Context(), src)
	wantError(t, err, "not found", `release on channel "beta"`)
}

func TestLogins(t *testing.T) {
	login := func(user, password string) release.Credentials {
		return func(context.Context) (string, []byte, error) { return user, []byte(password), nil }
	}
	locked := errors.New("the keychain is locked")
	for _, mode := range []fakevendor.AuthMode{fakevendor.Basic, fakevendor.Bearer} {
		for name, c := range map[string]struct {
			login release.Credentials
			kind  string
			text  string
		}{
			"right":   {login("client-7", "s3cret"), "none", ""},
			"wrong":   {login("client-7", "old"), "auth", "does not accept the configured login"},
			"missing": {nil, "auth", "none is configured"},
			"locked": {func(context.Context) (string, []byte, error) { return "", nil, locked },
				"other", "the keychain is locked"},
		} {
			t.Run(string(mode)+" "+name, func(t *testing.T) {
				t.Parallel()
				f, client, src := vendor(t)
				if err := f.SetAuth(t.Context(), fakevendor.Auth{Mode: mode, User: "client-7", Password: "s3cret"}); err != nil {
					t.Fatal(err)
				}
				src.Credentials = c.login
				_, err := client.Resolve(t.Context(), src)
				wantError(t, err, c.kind, c.text)
			})
		}
	}
}

// Row F52.
func TestAChannelDoesNotGoBack(t *testing.T) {
	f, client, src := vendor(t)
	published := publish(t, f, fakevendor.Release{Version: "0.24.6"})
	other := "sha256:" + strings.Repeat("1", 64)
	signed := func(version, digest string) *release.Memory {
		return memory(release.KnownChannel{Signed: map[string]release.Mark{f.KeyFingerprint(): {Version: version, Digest: digest}}})
	}
	for name, c := range map[string]struct {
		memory  *release.Memory
		version string
		kind    string
		text    string
	}{
		"nothing seen":          {nil, "", "none", ""},
		"an older one":          {signed("0.24.5", other), "", "none", ""},
		"the same":              {signed("0.24.6", published.ImageDigest), "", "none", ""},
		"the same, changed":     {signed("0.24.6", other), "", "trust", "a release does not change"},
		"changed, on purpose":   {signed("0.24.6", other), "0.24.6", "trust", "a release does not change"},
		"a newer one":           {signed("0.25.0", other), "", "trust", "does not go back"},
		"a newer, by decimals":  {signed("0.24.10", other), "", "trust", "does not go back by itself; version: 0.24.6 asks for it by name"},
		"going back, by name":   {signed("0.25.0", other), "0.24.6", "none", ""},
		"installed, not signed": {memory(release.KnownChannel{Installed: release.Mark{Version: "999.0.0", Digest: other}}), "", "none", ""},
		"by a key of before":    {memory(release.KnownChannel{Signed: map[string]release.Mark{other: {Version: "999.0.0", Digest: other}}}), "", "none", ""},
	} {
		t.Run(name, func(t *testing.T) {
			src := src
			src.Memory, src.Version = c.memory, c.version
			rel, err := client.Resolve(t.Context(), src)
			wantError(t, err, c.kind, c.text)
			if err != nil {
				return
			}
			var learned release.Memory
			learned.Learn(rel, time.Now())
			got := learned.Channels[stable].Signed[f.KeyFingerprint()]
			if got != (release.Mark{Version: "0.24.6", Digest: published.ImageDigest}) {
				t.Errorf("to remember: %+v", got)
			}
		})
	}
}

const stable = release.DefaultManifestHost + " " + release.DefaultChannel

// memory knows nothing but the stable channel.
func memory(c release.KnownChannel) *release.Memory {
	return &release.Memory{Channels: map[string]release.KnownChannel{stable: c}}
}

func TestAnExactVersion(t *testing.T) {
	f, client, src := vendor(t)
	src.Version = "0.24.5"
	rel, err := client.Resolve(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	if rel.Version != "0.24.5" || rel.Server.Tag != "0.24.5" || rel.Server.Declared || rel.Manifest.State != release.NotSigned || rel.ManifestSHA256 != "" {
		t.Errorf("release: %+v", rel)
	}
	if len(rel.Warnings) != 1 || !strings.Contains(rel.Warnings[0], `offers "0.24.6"`) {
		t.Errorf("warnings: %q", rel.Warnings)
	}
	src.RequireSignature = true
	if _, err := client.Resolve(t.Context(), src); err != nil {
		t.Errorf("its images are signed, which must do: %v", err)
	}
	publish(t, f, fakevendor.Release{Version: "0.24.5", ImageSignature: fakevendor.Missing})
	publish(t, f, fakevendor.Release{Version: "0.24.6"})
	_, err = client.Resolve(t.Context(), src)
	wantError(t, err, "trust", "signatures are required")
	src.Version = "0.24.9"
	_, err = client.Resolve(t.Context(), src)
	wantError(t, err, "not found", "0.24.9")
}

// Row F54.
func TestKeys(t *testing.T) {
	f, client, src := vendor(t)
	key := string(f.PublicKey())
	for name, c := range map[string]struct {
		file   string // given, in place of the published one
		sha256 string
		kind   string
		text   string
	}{
		"as pinned":           {"", f.KeyFingerprint(), "none", ""},
		"pinned in capitals":  {"", "sha256:" + strings.ToUpper(f.KeyFingerprint()), "none", ""},
		"given":               {key, f.KeyFingerprint(), "none", ""},
		"not the vendor's":    {"", "", "trust", release.PinnedKeySHA256},
		"given, another":      {key + "\n", f.KeyFingerprint(), "trust", "is pinned"},
		"given, DOS lines":    {strings.ReplaceAll(key, "\n", "\r\n"), f.KeyFingerprint(), "trust", "is pinned"},
		"pin that is no hash": {"", "abc", "source", "not a SHA-256"},
	} {
		t.Run(name, func(t *testing.T) {
			src := src
			src.KeySHA256 = c.sha256
			if c.file != "" {
				src.KeyPEM = []byte(c.file)
			}
			_, err := client.Resolve(t.Context(), src)
			wantError(t, err, c.kind, c.text)
		})
	}
}
