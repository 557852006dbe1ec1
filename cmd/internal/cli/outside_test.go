package cli

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"liftalot/plan/report"
)

// An outsider asks a site from this machine, as its users do, and keeps when it did not answer.
type outsider struct {
	stop context.CancelFunc
	done chan struct{}
	gaps []report.Gap
}

const askEvery = 100 * time.Millisecond

func newOutsider(tb testing.TB, url string) *outsider {
	ctx, cancel := context.WithCancel(tb.Context())
	o := &outsider{stop: cancel, done: make(chan struct{})}
	go o.ask(ctx, url)
	tb.Cleanup(func() { cancel(); <-o.done })
	return o
}

func (o *outsider) ask(ctx context.Context, url string) {
	defer close(o.done)
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	last, down := time.Now(), false
	for {
		if answers(ctx, client, url) {
			if down {
				o.gaps = append(o.gaps, report.Gap{From: last, Until: time.Now()})
			}
			last, down = time.Now(), false
		} else {
			down = true
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func answers(ctx context.Context, client *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// askOutside is: outside HOST, from which on its site is asked; and outside HOST FILE, where
// FILE is "report --json --all": the longest time without an answer is the same in both.
func askOutside(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: outside HOST [FILE]")
	}
	w := of(ts)
	h := w.host(ts, args[0])
	if len(args) == 1 {
		w.outside = newOutsider(w.tb, "http://"+net.JoinHostPort(h.Addr, "8080")+"/api/health")
		return
	}
	w.outside.stop()
	<-w.outside.done
	var doc struct{ Runs []report.Run }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &doc))
	var told []report.Gap
	for _, r := range doc.Runs {
		if r.Host == h.Name && r.Downtime != nil {
			told = append(told, r.Downtime.Gaps...)
		}
	}
	seen, said := longest(w.outside.gaps), longest(told)
	ts.Logf("from outside %s without an answer, the report says %s", seen, said)
	if (seen-said).Abs() > 2*time.Second || seen == 0 {
		ts.Fatalf("the report does not tell what was seen: %v, %v", told, w.outside.gaps)
	}
}

func longest(gaps []report.Gap) time.Duration {
	var most time.Duration
	for _, g := range gaps {
		most = max(most, g.Until.Sub(g.From))
	}
	return most
}
