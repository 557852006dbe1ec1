package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"liftalot/plan/backup"
)

// The key that lies on this machine is no second one, whoever names it in the inventory:
// with the machine it is lost as well.
func TestOneKeyIsNotTwo(t *testing.T) {
	f := newSimFleet(t, simHost{name: "acme"})
	var made struct{ Recipient string }
	must(t, json.Unmarshal([]byte(f.does(exitDone, "key", "--json").out), &made))
	recovery, err := backup.NewIdentity()
	must(t, err)
	line := strings.TrimSuffix(f.labels["acme"], "}")
	for recipients, want := range map[string]string{
		"":                            "with the machine they are lost",
		made.Recipient:                "with the machine they are lost",
		recovery.Recipient().String(): "this machine's key and 1 other",
		made.Recipient + ", " + recovery.Recipient().String(): "this machine's key and 1 other",
	} {
		f.labels["acme"] = fmt.Sprintf("%s, backup: {recipients: [%s]}}", line, recipients)
		f.writeInventory()
		if r := f.run("check"); !strings.Contains(r.out, want) {
			t.Errorf("%q: %d\n%s%s", recipients, r.code, r.out, r.stderr)
		}
	}
}
