package inventory

import (
	"strings"
	"testing"
)

func TestBuckets(t *testing.T) {
	for text, want := range map[string]string{
		"s3://clients":                         "s3://clients?endpoint=https://s3.us-east-1.amazonaws.com&region=us-east-1&style=host",
		"s3://clients/a/b/?region=eu-1":        "s3://clients/a/b?endpoint=https://s3.eu-1.amazonaws.com&region=eu-1&style=host",
		"s3://my.clients":                      "s3://my.clients?endpoint=https://s3.us-east-1.amazonaws.com&region=us-east-1&style=path",
		"s3://clients?style=path":              "s3://clients?endpoint=https://s3.us-east-1.amazonaws.com&region=us-east-1&style=path",
		"s3://clients?endpoint=https://s3.x/":  "s3://clients?endpoint=https://s3.x&region=us-east-1&style=path",
		"s3://c-1?endpoint=http://[::1]:9000":  "s3://c-1?endpoint=http://[::1]:9000&region=us-east-1&style=path",
		"s3://c-1?endpoint=http://127.0.0.2:1": "s3://c-1?endpoint=http://127.0.0.2:1&region=us-east-1&style=path",
		"s3://c-1?endpoint=http://localhost":   "s3://c-1?endpoint=http://localhost&region=us-east-1&style=path",
	} {
		b, err := parseBucket(nil, text)
		if err != nil || b.String() != want {
			t.Errorf("%s: %s, %v; want %s", text, b, err, want)
		}
		if again, err := parseBucket(nil, b.String()); err != nil || again != b {
			t.Errorf("%s: again: %v, %v", text, again, err)
		}
	}
	for text, want := range map[string]string{
		"": "no value", "clients": "s3://", "https://clients": "s3://", "s3:clients": "s3://", "s3://": "not the name of a bucket", "s3://C": "not the name of a bucket",
		"s3://AK:secret@clients": "must not hold a login", "s3://clients/../x": "the prefix may have", "s3://clients/.x": "the prefix may have", "s3://clients/a//b": "the prefix may have",
		"s3://clients/a b": "the prefix may have", "s3://clients?key=x": `not "key"`, "s3://clients?region=a&region=b": `not "region"`, "s3://clients?region=A/B": "no region",
		"s3://clients?region=": "no region", "s3://clients?endpoint=": "has no value", "s3://clients?endpoint=https://a:b@c": "user or a password",
		"s3://clients?endpoint=https://s3.x/path": "without a path", "s3://clients?endpoint=http://s3.x": "must be https", "s3://clients?endpoint=http://192.168.1.5:9000": "must be https",
		"s3://clients?endpoint=http://localhost.evil.example": "must be https", "s3://clients?style=x": "must be one of", "s3://clients?endpoint=https://10.0.0.1&style=host": "wants an endpoint with a name",
		"s3://clients?%zz": "cannot be read", "s3://clients#x": "s3://",
	} {
		if b, err := parseBucket(nil, text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret@") {
			t.Errorf("%s: %v, %v; want %q", text, b, err, want)
		}
	}
}

func FuzzBucket(f *testing.F) {
	f.Add("s3://clients/a?endpoint=https://s3.x&region=r&style=path")
	f.Fuzz(func(t *testing.T, text string) {
		b, err := parseBucket(nil, text)
		if err != nil {
			return
		}
		if again, err := parseBucket(nil, b.String()); err != nil || again != b {
			t.Errorf("%q is %q, and that is %q: %v", text, b, again, err)
		}
		if strings.Contains(b.Prefix, "..") && strings.Contains("/"+b.Prefix+"/", "/../") {
			t.Errorf("%q climbs out", text)
		}
	})
}
