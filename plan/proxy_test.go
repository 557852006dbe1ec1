package plan

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestF1TheProxyGoesWithoutReadOnlyOnlyByName(t *testing.T) {
	in := inputFor(t, recorded(t, "public"))
	if at(editedFile(t, in), "services", ProxyService, "read_only") != true {
		t.Error("the vendor's read_only is missing without a decision")
	}
	in.Settings.Allow = []string{AllowWritableProxy}
	p, edited := build(t, in)
	proxy := at(yamlOf(t, edited[0].Result.After), "services", ProxyService)
	if at(proxy, "read_only") != nil || !slices.Equal(stringsOf(at(proxy, "cap_drop")), []string{"ALL"}) {
		t.Errorf("%v", proxy)
	}
	if !slices.ContainsFunc(p.Deviations, func(d string) bool { return strings.Contains(d, AllowWritableProxy) }) {
		t.Errorf("the deviation is not recorded: %q", p.Deviations)
	}
}

func TestF2WithoutIPv6TheProxyIsTold(t *testing.T) {
	for _, off := range []bool{false, true} {
		in := inputFor(t, recorded(t, "public"))
		in.Facts.Machine.IPv6Off = off
		if got := at(editedFile(t, in), "services", ProxyService, "environment", "DISABLE_IPV6"); (got == "1") != off {
			t.Errorf("IPv6 off %v: %v", off, got)
		}
	}
}

// Trap F1 where the proxy was defined before: the decision for a writable root is not
// claimed to be carried out where the file says otherwise.
func TestF1TheDecisionForAWritableProxyMeetsOneThatIsThere(t *testing.T) {
	readOnly := []string{"services", ProxyService, "read_only"}
	for _, tt := range []struct {
		name, host         string
		value              any
		restarts           int
		updater            string // its health, where it is there
		refused, deviation bool
	}{
		{"never started, read-only", "staged", true, 0, "", true, false},
		{"never started, writable", "staged", nil, 0, "", false, true},
		{"restarting, read-only", "incomplete", true, 4, "", true, false},
		{"runs well, read-only", "incomplete", true, 0, "", false, false},
		{"was restarted once, read-only", "managed", true, 1, "healthy", false, false},
		{"restarting beside an updater, read-only", "managed", true, 4, "unhealthy", true, false},
	} {
		in := inputFor(t, recorded(t, tt.host))
		in.Settings.Allow = []string{AllowWritableProxy}
		remodel(t, in.Facts, tt.host, tt.value, readOnly...)
		if tt.host != "staged" {
			service(in.Facts, ProxyService).Restarts = tt.restarts
		}
		if tt.updater != "" {
			service(in.Facts, UpdaterService).Health = tt.updater
		}
		p, _, err := Build(in)
		var refused *RefusedError
		if errors.As(err, &refused) != tt.refused || err != nil && !tt.refused {
			t.Errorf("%s: %v", tt.name, err)
		}
		if tt.refused && err != nil && (!strings.Contains(err.Error(), "has read_only") || !strings.Contains(refused.Checks[0].Hint, "take read_only out of "+ProxyService)) {
			t.Errorf("%s: %+v", tt.name, refused.Checks)
		}
		if p != nil && slices.ContainsFunc(p.Deviations, func(d string) bool { return strings.Contains(d, "without read_only") }) != tt.deviation {
			t.Errorf("%s: deviations %q", tt.name, p.Deviations)
		}
	}
}
