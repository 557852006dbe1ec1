package s3test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// A store that took anything from anybody would prove nothing about signatures, and
// one that ignored its line being cut nothing about breaks.
func TestTheStoreIsOne(t *testing.T) {
	s := Start(t, "clients")
	ask := func() (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL+"/clients/x", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		return http.DefaultClient.Do(req)
	}
	resp, err := ask()
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if _, err := os.Stat(filepath.Join(s.Dir, "clients", "x")); resp.StatusCode != http.StatusForbidden || err == nil {
		t.Errorf("without a signature: %s, %v", resp.Status, err)
	}
	s.Cut(0)
	if resp, err := ask(); err == nil {
		resp.Body.Close()
		t.Errorf("over a line that is cut: %s", resp.Status)
	}
	s.Mend()
	if resp, err = ask(); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}
