package release

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// A LoginError says that a registry sends its login to a place that does not
// get it. Nothing was sent there.
type LoginError struct {
	Registry string
	Place    string // a host, or scheme and host, as the registry has it
	Insecure bool   // it is not TLS that the place speaks
}

func (e *LoginError) Error() string {
	if e.Insecure {
		return fmt.Sprintf("ask %s: the registry sends the login to %s, which is not done: its ROOT_URL is wrong", e.Registry, e.Place)
	}
	return fmt.Sprintf("ask %s: the registry sends the login to another host, %s, which gets it only where the inventory names it as registry.token_host", e.Registry, e.Place)
}

var plainPlace = regexp.MustCompile(`^[A-Za-z0-9._:/\[\]-]{1,200}$`)

// printable returns a place that a registry names, or a description of one that is no plain address.
func printable(place string) string {
	if plainPlace.MatchString(place) {
		return place
	}
	return "a place that is no web address"
}

// A loginGuard lets the registry's login go to the registry, and to the one
// other host that the inventory names. Where a token comes from is the
// registry's word: anybody who can change one of its answers, or its
// configuration, could have the login sent to himself.
type loginGuard struct {
	next      http.RoundTripper
	registry  string
	tokenHost string
	anonymous bool
}

func (g loginGuard) RoundTrip(req *http.Request) (*http.Response, error) {
	if _, _, basic := req.BasicAuth(); basic && !g.allows(req.URL) {
		return nil, &LoginError{Registry: g.registry, Place: printable(req.URL.Host)}
	}
	resp, err := g.next.RoundTrip(req)
	if err != nil || !sameHost(req.URL.Host, g.registry) {
		return resp, err
	}
	if err := g.challenged(resp); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// challenged holds the place that tokens come from against what is allowed,
// before the library goes there. Without a login anybody may be asked, over TLS.
func (g loginGuard) challenged(resp *http.Response) error {
	if resp.StatusCode != http.StatusUnauthorized {
		return nil
	}
	for _, challenge := range resp.Header.Values("WWW-Authenticate") {
		for _, realm := range realms(challenge) {
			u, err := url.Parse(realm)
			switch {
			case err != nil || u.Host == "":
				return &LoginError{Registry: g.registry, Place: printable(""), Insecure: true}
			case u.Scheme != "https":
				return &LoginError{Registry: g.registry, Place: printable(u.Scheme + "://" + u.Host), Insecure: true}
			case !g.anonymous && !g.allows(u):
				return &LoginError{Registry: g.registry, Place: printable(u.Host)}
			}
		}
	}
	return nil
}

func (g loginGuard) allows(u *url.URL) bool {
	return sameHost(u.Host, g.registry) || g.tokenHost != "" && sameHost(u.Host, g.tokenHost)
}

var bearerRealm = regexp.MustCompile(`(?i)\brealm\s*=\s*(?:"([^"]*)"|([^\s,"]+))`)

// realms are the places that a challenge for a token names. What asks for
// nothing but a password names no place, only what the password is for.
func realms(challenge string) (list []string) {
	_, bearer, ok := cutFold(challenge, "bearer")
	if !ok {
		return nil
	}
	for _, m := range bearerRealm.FindAllStringSubmatch(bearer, -1) {
		list = append(list, m[1]+m[2])
	}
	return list
}

// cutFold is strings.Cut for a word in any case.
func cutFold(s, word string) (before, after string, found bool) {
	i := strings.Index(strings.ToLower(s), word)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(word):], true
}

// sameHost compares two hosts with their ports, of which 443 may be left out.
func sameHost(a, b string) bool {
	return strings.EqualFold(withPort(a), withPort(b))
}

func withPort(host string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), "443")
}
