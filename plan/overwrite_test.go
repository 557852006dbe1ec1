package plan

import (
	"errors"
	"strings"
	"testing"
)

// A decision by name replaces a value, but never one that may hold a password:
// the plan keeps what it takes out.
func TestC13APasswordIsNotReplacedByName(t *testing.T) {
	f := recorded(t, "staged", "postgres://chatalot:__DB_PASSWORD__@postgres:5432/chatalot", "postgres://chatalot:canary@postgres:5432/chatalot")
	in := inputFor(t, f)
	in.Settings.Allow = []string{AllowOverwrite + UpdaterService + ".DATABASE_URL"}
	_, _, err := Build(in)
	var refused *Refused
	if !errors.As(err, &refused) || strings.Contains(err.Error(), "canary") {
		t.Fatalf("got %v, want a refusal without the value", err)
	}
	if hint := refused.Checks[0].Hint; !strings.Contains(hint, "by hand") {
		t.Errorf("hint %q", hint)
	}
}
