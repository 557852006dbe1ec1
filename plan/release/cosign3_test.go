package release

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the code of cosign 3 wrote is verified as it stands: by the registry's account of
// referrers, and by the index at the tag where there is none. See testdata/cosign3.
func TestWhatCosign3Writes(t *testing.T) {
	file := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("testdata", "cosign3", name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	const own, empty = `\"artifactType\":\"` + bundleArtifact + `.v0.3+json\"}]`, `\"artifactType\":\"` + emptyType + `\"}]`
	for name, c := range map[string]struct {
		registry string
		change   func(string) string // of what the registry answers
		text     string              // of the error
	}{
		"with an account of referrers":   {"referrers.json", nil, ""},
		"with an index at the tag":       {"fallback-tag.json", nil, ""},
		"as cosign 3.0 wrote that index": {"fallback-tag.json", func(s string) string { return strings.ReplaceAll(s, own, empty) }, ""},
		"with no types in it":            {"fallback-tag.json", func(s string) string { return strings.ReplaceAll(s, `,`+own, `}]`) }, ""},
		"and neither account nor index":  {"referrers.json", func(s string) string { return strings.ReplaceAll(s, "/referrers/", "/gone/") }, "signatures are required"},
		"and the signatures changed":     {"referrers.json", func(s string) string { return strings.ReplaceAll(s, `\"sig\":\"ME`, `\"sig\":\"MF`) }, "is not understood"},
	} {
		t.Run(name, func(t *testing.T) {
			text := string(file(c.registry))
			if c.change != nil {
				changed := c.change(text)
				if changed == text {
					t.Fatal("nothing was changed")
				}
				text = changed
			}
			var said map[string]struct{ Type, Body string }
			if err := json.Unmarshal([]byte(text), &said); err != nil {
				t.Fatal(err)
			}
			files := map[string]string{
				keyPath: "cosign.pub", manifestPath: "latest.json", manifestPath + ".sigstore.json": "latest.json.sigstore.json",
			}
			client := Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
				if name, ok := files[req.URL.Path]; ok {
					return answer(req, 200, http.Header{}, strings.NewReader(string(file(name)))), nil
				}
				if found, ok := said[req.URL.Path]; ok {
					resp := answer(req, 200, http.Header{"Content-Type": {found.Type}}, strings.NewReader(found.Body))
					resp.ContentLength = int64(len(found.Body)) // the library reads no further
					return resp, nil
				}
				if req.URL.Path == "/v2/" {
					return answer(req, 200, http.Header{}, strings.NewReader("{}")), nil
				}
				return answer(req, 404, http.Header{}, strings.NewReader("")), nil
			})}
			rel, err := client.Resolve(t.Context(), Source{KeySHA256: sha256Hex(file("cosign.pub")), RequireSignature: true})
			if c.text != "" {
				if err == nil || !strings.Contains(err.Error(), c.text) {
					t.Errorf("got %v, want an error that says %q", err, c.text)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range rel.images() {
				if i.Signature.State != Verified {
					t.Errorf("%s: %+v", i.what, i.Signature)
				}
			}
			if rel.Manifest.State != Verified || len(rel.Warnings) > 0 {
				t.Errorf("manifest %+v, warnings %q", rel.Manifest, rel.Warnings)
			}
		})
	}
}
