package release

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// A tokenRegistry wants a token that it sends its clients elsewhere for, and
// writes down which host saw the login.
type tokenRegistry struct {
	*fake
	challenge string

	mu   sync.Mutex
	told map[string]bool // hosts that the login was sent to
}

func (r *tokenRegistry) RoundTrip(req *http.Request) (*http.Response, error) {
	if _, password, ok := req.BasicAuth(); ok && password == "s3cret" {
		r.mu.Lock()
		r.told[req.URL.Host] = true
		r.mu.Unlock()
	}
	switch {
	case strings.HasSuffix(req.URL.Path, "/token"):
		return answer(req, 200, http.Header{"Content-Type": {"application/json"}}, strings.NewReader(`{"token":"t"}`)), nil
	case req.URL.Host == DefaultRegistry && req.Header.Get("Authorization") != "Bearer t":
		return answer(req, 401, http.Header{"Www-Authenticate": {r.challenge}}, strings.NewReader("")), nil
	}
	return r.fake.RoundTrip(req)
}

// The login goes to the registry and to the one host that the inventory names,
// wherever the registry wants to have it sent: what Gitea and Forgejo name is
// their ROOT_URL (go-gitea/gitea#29591, #28039, #26871, #22033).
func TestTheLoginGoesToTheRegistryOnly(t *testing.T) {
	const elsewhere = `Bearer realm="https://git.example.net/v2/token",service="container_registry",scope="*"`
	for name, c := range map[string]struct {
		challenge string
		tokenHost string
		anonymous bool
		told      string // the host that may see the login
		text      string // of the error
	}{
		"its own":                                {`Bearer realm="https://registry.seglamater.app/v2/token",service="r"`, "", false, DefaultRegistry, ""},
		"its own, in capitals and with its port": {`BEARER Realm="https://REGISTRY.seglamater.app:443/v2/token"`, "", false, "REGISTRY.seglamater.app:443", ""},
		"another host":                           {elsewhere, "", false, "", "ask registry.seglamater.app: the registry sends the login to another host, git.example.net, which gets it only where the inventory names it as registry.token_host"},
		"another, that is named":                 {elsewhere, "git.example.net", false, "git.example.net", ""},
		"another than is named":                  {elsewhere, "git.example.org", false, "", "git.example.net"},
		"another port":                           {`Bearer realm="https://registry.seglamater.app:8443/token"`, "", false, "", "another host, registry.seglamater.app:8443,"},
		"a name within":                          {`Bearer realm="https://registry.seglamater.app.example.net/token"`, "", false, "", "another host"},
		"a login before the name":                {`Bearer realm="https://registry.seglamater.app@git.example.net/token"`, "", false, "", "another host, git.example.net,"},
		"the second of two":                      {`Basic realm="r", Bearer realm="https://git.example.net/token"`, "", false, "", "another host"},
		"without TLS":                            {`Bearer realm="http://git.example.net/v2/token"`, "", false, "", "the registry sends the login to http://git.example.net, which is not done: its ROOT_URL is wrong"},
		"without TLS, its own":                   {`Bearer realm="http://registry.seglamater.app/v2/token"`, "", false, "", "sends the login to http://registry.seglamater.app, which is not done"},
		"without TLS, named":                     {`Bearer realm="http://git.example.net/v2/token"`, "git.example.net", false, "", "its ROOT_URL is wrong"},
		"without TLS, nobody's":                  {`Bearer realm="http://git.example.net/v2/token"`, "", true, "", "its ROOT_URL is wrong"},
		"no address":                             {`Bearer realm="/v2/token"`, "", false, "", "sends the login to a place that is no web address"},
		"no login, another host":                 {elsewhere, "", true, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := &tokenRegistry{fake: newFake(t), challenge: c.challenge, told: map[string]bool{}}
			src := r.source()
			src.TokenHost = c.tokenHost
			if !c.anonymous {
				src.Credentials = func(context.Context) (string, []byte, error) { return "client-7", []byte("s3cret"), nil }
			}
			client := Client{Transport: r}
			_, err := client.Resolve(t.Context(), src)
			var login *LoginError
			switch {
			case c.text == "" && err != nil:
				t.Errorf("got %v", err)
			case c.text != "" && (!errors.As(err, &login) || !strings.Contains(err.Error(), c.text)):
				t.Errorf("got %v, want a LoginError that says %q", err, c.text)
			}
			if _, err := client.Retagged(t.Context(), src, Image{Repo: fakeOrg + product, Tag: "0.24.6"}); (c.text == "") != (err == nil) {
				t.Errorf("asked for what moved: %v", err)
			}
			for host := range r.told {
				if host != c.told {
					t.Errorf("the login was sent to %s", host)
				}
			}
			if c.told != "" && !r.told[c.told] {
				t.Errorf("the login was sent to %v, and not to %s", r.told, c.told)
			}
		})
	}
}

// Whatever a challenge looks like, the request that would carry the login
// elsewhere is not sent.
func TestTheLoginStaysWhateverTheLibraryReads(t *testing.T) {
	g := loginGuard{registry: "one.example", next: roundTrip(func(req *http.Request) (*http.Response, error) {
		return answer(req, 200, http.Header{}, strings.NewReader("")), nil
	})}
	for target, ok := range map[string]bool{"https://one.example/x": true, "https://one.example:443/x": true, "https://two.example/x": false, "https://one.example:444/x": false} {
		req := request(t, target)
		req.SetBasicAuth("client-7", "s3cret")
		if _, err := g.RoundTrip(req); (err == nil) != ok {
			t.Errorf("%s: %v", target, err)
		}
	}
}
