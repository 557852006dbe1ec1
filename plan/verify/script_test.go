//go:build unix

package verify

import (
	"strings"
	"testing"

	"liftalot/plan"
	"liftalot/plan/internal/shimhost"
)

// The script asks inside the containers and stops at the first thing that is
// not so.
func TestTheScriptAsksInsideTheContainers(t *testing.T) {
	for bad, says := range map[string]string{
		"":                  "reach each other",
		":8081/health":      "does not reach the updater",
		"run/secrets":       "cannot read updater_token",
		"2375/_ping":        "does not reach the engine",
		"nothing like that": "reach each other",
	} {
		h := shimhost.New(t)
		h.Shim("docker", `echo "$*" >>"$SHIM/log"
bad=$(cat "$SHIM/bad")
case $* in *"${bad:-no such thing}"*) exit 22 ;; esac`)
		h.Write("bad", bad)
		p, f := upgraded(t)
		checks := Host(t.Context(), h, f, ExpectUpgrade(p))
		last := checks[len(checks)-1]
		if last.Name != "connections" || !strings.Contains(last.Detail, says) || (last.Level == plan.Stop) == (says == "reach each other") {
			t.Errorf("%q: %+v", bad, last)
		}
		for _, call := range h.Log() {
			if !strings.HasPrefix(call, "exec ") {
				t.Errorf("verify runs %q", call)
			}
		}
	}
}
