package remote

import "testing"

// A jump host is reached with what the host itself is, unless it says otherwise.
func TestHopsShareWhatTheyDoNotName(t *testing.T) {
	shared, own := new(PrivateKeyCache), new(PrivateKeyCache)
	cfg := Config{Address: "web1", Keys: shared, Known: new(KnownHostsCache), AgentSocket: "/run/agent"}
	cfg.Jumps = []Config{{Address: "gate"}, {Address: "inner", Keys: own, AgentSocket: "/run/other"}}
	hops := cfg.hops()
	if len(hops) != 3 {
		t.Fatalf("%d hops", len(hops))
	}
	for i, want := range []struct {
		keys  *PrivateKeyCache
		agent string
	}{{shared, "/run/agent"}, {own, "/run/other"}, {shared, "/run/agent"}} {
		if h := hops[i]; h.Keys != want.keys || h.AgentSocket != want.agent || h.Known != cfg.Known {
			t.Errorf("%s: got keys %p, agent %q, known hosts %p", h.Name, h.Keys, h.AgentSocket, h.Known)
		}
	}
}
