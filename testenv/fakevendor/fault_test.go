package fakevendor

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"
)

func TestFaults(t *testing.T) {
	f := start(t)
	tests := []struct {
		name   string
		fault  Fault
		status int // 0: no whole answer
		body   string
	}{
		{"unauthorized", Fault{Kind: FaultStatus, Status: 401}, 401, ""},
		{"too many", Fault{Kind: FaultStatus, Status: 429}, 429, ""},
		{"portal", Fault{Kind: FaultPortal}, 200, "Hotel"},
		{"hang", Fault{Kind: FaultHang}, 0, ""},
		{"slow", Fault{Kind: FaultSlow, Delay: time.Millisecond}, 200, "0.24.6"},
		{"drop", Fault{Kind: FaultDrop}, 0, ""},
		{"redirect", Fault{Kind: FaultRedirect, Location: publicKey}, 200, "PUBLIC KEY"},
		{"endless", Fault{Kind: FaultEndless}, 200, "    "},
		{"of another host", Fault{Kind: FaultHang, Host: "registry.seglamater.app"}, 200, "0.24.6"},
		{"of another path", Fault{Kind: FaultHang, PathPrefix: "/v2/"}, 200, "0.24.6"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.fault.Times = 1
			if err := f.SetFault(t.Context(), tt.fault); err != nil {
				t.Fatal(err)
			}
			client := f.HTTPClient()
			if tt.fault.Kind == FaultHang && tt.status == 0 {
				client.Timeout = 100 * time.Millisecond
			}
			status, body := get(t, client, stable)
			if status != tt.status || !strings.Contains(string(body), tt.body) {
				t.Errorf("got %d %.200s", status, body)
			}
			if err := f.ClearFaults(t.Context()); err != nil {
				t.Fatal(err)
			}
			if status, _ := get(t, f.HTTPClient(), stable); status != 200 {
				t.Errorf("afterwards: %d", status)
			}
		})
	}
}

func TestFaultIsOverAfterItsTimes(t *testing.T) {
	f := start(t)
	if err := f.SetFault(t.Context(), Fault{Kind: FaultStatus, Status: 500, Times: 2}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{500, 500, 200} {
		if got, _ := get(t, f.HTTPClient(), stable); got != want {
			t.Errorf("request %d: %d, want %d", i+1, got, want)
		}
	}
}

// Close ends what hangs: a test that is over leaves nothing behind.
func TestCloseEndsRequestsUnderWay(t *testing.T) {
	f, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.SetFault(context.Background(), Fault{Kind: FaultHang}); err != nil {
		t.Fatal(err)
	}
	sent := make(chan struct{})
	trace := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { close(sent) }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodGet, stable, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := f.HTTPClient()
	client.Transport.(*http.Transport).ForceAttemptHTTP2 = false // one attempt, never repeated
	ended := make(chan error, 1)
	go func() {
		res, err := client.Do(req)
		if err == nil {
			res.Body.Close()
		}
		ended <- err
	}()
	<-sent
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("it answered")
	}
}
