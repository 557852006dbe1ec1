package cli

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A reverse proxy that still looks for the old container is no fault of the upgrade, and
// its operator hears of it.
func TestApplySaysThatThePublicAddressDoesNotAnswer(t *testing.T) {
	f := newSimFleet(t, simHost{name: "a"})
	status := http.StatusBadGateway
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"status":"healthy"}`))
	}))
	defer proxy.Close()
	f.labels["a"] = strings.TrimSuffix(f.labels["a"], "}") + ", public_url: " + proxy.URL + "}"
	f.writeInventory()
	f.does(exitDone, "plan")
	r := f.does(exitDone, "apply", "--yes")
	if !strings.Contains(r.out, "public address: "+proxy.URL+"/api/health answers 502") || !strings.Contains(r.out, "does the reverse proxy still know") {
		t.Errorf("%s", r.out)
	}
	status = http.StatusOK
	if r := f.does(exitDone, "rollback", "--yes"); strings.Contains(r.out, "public address") {
		t.Errorf("%s", r.out)
	}
}
