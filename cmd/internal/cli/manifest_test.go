package cli

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A manifest that was fetched before is as good as one from the manifest host,
// and held to the same signature.
func TestAManifestFromAFile(t *testing.T) {
	d := newDesk(t, "")
	file := filepath.Join(t.TempDir(), "latest.json")
	for _, suffix := range []string{"", ".sig"} {
		fetch(t, d.vendor.HTTPClient(), "https://updates.seglamater.app/chatalot/channels/stable/latest.json"+suffix, file+suffix)
	}
	d.session.app.flags.manifest = file
	rel, err := d.ask(t)
	if err != nil {
		t.Fatal(err)
	}
	if rel.Version != "0.24.6" || rel.Signature != "verified" {
		t.Errorf("release %s, manifest %s", rel.Version, rel.Signature)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(data, ' '), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = d.ask(t)
	if code, said := d.ends(err); code != exitTrust || !strings.Contains(said, "signature") {
		t.Errorf("a file that was changed: status %d, %s", code, said)
	}
}

func fetch(t *testing.T, client *http.Client, url, to string) {
	t.Helper()
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %v", url, res.StatusCode, err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
