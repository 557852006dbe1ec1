package fakevendor

import (
	"strings"
	"testing"
)

func TestClientSteersAFixture(t *testing.T) {
	f := start(t)
	c := NewClient(f.AdminURL())
	ctx := t.Context()
	if err := c.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	if got, err := c.KeyFingerprint(ctx); err != nil || got != f.KeyFingerprint() {
		t.Errorf("fingerprint %q, %v", got, err)
	}
	p, err := c.SetRelease(ctx, Release{Version: "0.24.7", Channel: "beta"})
	if err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, f.HTTPClient(), beta); status != 200 || !strings.Contains(string(body), p.ImageDigest) {
		t.Errorf("beta answers %d %s", status, body)
	}
	if err := c.RemoveRelease(ctx, "beta"); err != nil {
		t.Fatal(err)
	}
	if status, _ := get(t, f.HTTPClient(), beta); status != 404 {
		t.Errorf("beta answers %d after its removal", status)
	}
	if err := c.SetFault(ctx, Fault{Kind: FaultStatus, Status: 503}); err != nil {
		t.Fatal(err)
	}
	if err := c.SetAuth(ctx, Auth{Mode: Basic, User: "u", Password: "p"}); err != nil {
		t.Fatal(err)
	}
	if status, _ := get(t, f.HTTPClient(), stable); status != 503 {
		t.Errorf("with a fault: %d", status)
	}
	for name, err := range map[string]error{
		"release": second(c.SetRelease(ctx, Release{Version: "x"})),
		"fault":   c.SetFault(ctx, Fault{Kind: "odd"}),
		"auth":    c.SetAuth(ctx, Auth{Mode: Basic}),
	} {
		if err == nil || strings.Contains(err.Error(), "answered") {
			t.Errorf("%s: the reason is lost: %v", name, err)
		}
	}
	if err := c.Reset(ctx); err != nil {
		t.Fatal(err)
	}
	if list, err := c.Requests(ctx); err != nil || len(list) != 0 {
		t.Errorf("after a reset: %v, %v", list, err)
	}
	if status, _ := get(t, f.HTTPClient(), "https://registry.seglamater.app/v2/"); status != 200 {
		t.Errorf("after a reset the registry answers %d", status)
	}
}

func second[T any](_ T, err error) error { return err }
