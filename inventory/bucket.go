package inventory

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// A Bucket is a place in an S3-compatible store. The zero Bucket is none.
type Bucket struct {
	Name      string
	Prefix    string // before every key; "" or without slashes at its ends
	Endpoint  string // URL without a path
	Region    string
	PathStyle bool // ENDPOINT/NAME/KEY, not NAME.ENDPOINT/KEY
}

// String writes the bucket as it stands in an inventory, with nothing left out.
func (b Bucket) String() string {
	if b == (Bucket{}) {
		return ""
	}
	style := styleHost
	if b.PathStyle {
		style = stylePath
	}
	return b.URL("") + "?endpoint=" + b.Endpoint + "&region=" + b.Region + "&style=" + style
}

// URL is the address of a key as other programs write it, s3://NAME/KEY.
func (b Bucket) URL(key string) string {
	return strings.TrimSuffix("s3://"+strings.Join(slices.DeleteFunc([]string{b.Name, b.Prefix, key}, func(s string) bool { return s == "" }), "/"), "/")
}

// MarshalText is String, for JSON.
func (b Bucket) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// IsZero tells encoding/json that there is no bucket.
func (b Bucket) IsZero() bool { return b == (Bucket{}) }

const (
	stylePath = "path"
	styleHost = "host"

	// amazon is where a bucket is that names no endpoint.
	amazon        = "amazonaws.com"
	defaultRegion = "us-east-1"
)

// The forms of a bucket's parts. They are those of every store, and none of their
// letters means anything in a path, a URL or a signature.
var (
	bucketForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	prefixForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*$`)
	regionForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
)

// bucketHint shows a whole one.
const bucketHint = `as in "s3://backups/liftalot?endpoint=https://s3.example.com&region=eu-central-1"`

// parseBucket reads s3://NAME/PREFIX?endpoint=URL&region=REGION&style=path.
func parseBucket(env *environment, text string) (Bucket, error) {
	if _, err := parseText(env, text); err != nil {
		return Bucket{}, err
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "s3" || u.Opaque != "" || u.Fragment != "" {
		return Bucket{}, badHint(bucketHint, "must be a URL that starts with s3://")
	}
	if u.User != nil {
		return Bucket{}, badHint("that is bucket_login, a secret reference", "must not hold a login")
	}
	b := Bucket{Name: u.Host, Prefix: strings.Trim(u.Path, "/"), Region: defaultRegion}
	switch {
	case !bucketForm.MatchString(b.Name):
		return Bucket{}, badHint(bucketHint, "%q is not the name of a bucket", b.Name)
	case b.Prefix != "" && (len(b.Prefix) > 200 || !prefixForm.MatchString(b.Prefix)):
		return Bucket{}, fieldErrorf("the prefix may have letters, digits, dot, dash, underscore and slash, and no part may begin with a dot")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Bucket{}, badHint(bucketHint, "what stands behind the question mark cannot be read")
	}
	for key, values := range query {
		if known := []string{"endpoint", "region", "style"}; !slices.Contains(known, key) || len(values) != 1 {
			return Bucket{}, fieldErrorf("behind the question mark may stand endpoint, region and style, each once, and not %q", key)
		}
	}
	return b, b.place(env, query)
}

// place says where the bucket is, and how it is spoken to there.
func (b *Bucket) place(env *environment, query url.Values) (err error) {
	if query.Has("region") {
		b.Region = query.Get("region")
	}
	if !regionForm.MatchString(b.Region) {
		return badHint("as in eu-central-1", "%q is no region", b.Region)
	}
	b.Endpoint = "https://s3." + b.Region + "." + amazon
	if query.Has("endpoint") {
		if b.Endpoint, err = parseEndpoint(env, query.Get("endpoint")); err != nil {
			return err
		}
	}
	// A name with a dot fits no certificate, and an address has no names below it.
	u, _ := url.Parse(b.Endpoint)
	host := u.Hostname()
	b.PathStyle = !strings.HasSuffix(host, "."+amazon) || strings.Contains(b.Name, ".")
	if query.Has("style") {
		style, err := oneOf(query.Get("style"), stylePath, styleHost)
		if err != nil {
			return err
		}
		if b.PathStyle = style == stylePath; !b.PathStyle && isAddress(host) {
			return fieldErrorf("style=host wants an endpoint with a name")
		}
	}
	return nil
}

// parseEndpoint insists on TLS. A backup is encrypted without it, but not its
// manifest, nor who asks; only a store on this machine is reached without a network.
func parseEndpoint(env *environment, text string) (string, error) {
	s, err := parseURL(env, text, "https", "http")
	if err != nil {
		return "", err
	}
	u, _ := url.Parse(s)
	if u.Path != "" {
		return "", fieldErrorf("the endpoint must be a URL without a path")
	}
	if addr, err := netip.ParseAddr(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (err != nil || !addr.IsLoopback()) {
		return "", fieldErrorf("the endpoint must be https: http is for a store on this machine")
	}
	return s, nil
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
