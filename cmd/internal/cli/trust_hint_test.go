package cli

import (
	"strings"
	"testing"

	"liftalot/plan/release"
)

// A hint names the setting that helps where one does, and never takes a key from whoever
// sent it.
func TestP8AHintNamesTheSettingThatHelps(t *testing.T) {
	_, plain := classify("acme", &release.TrustError{})
	if !strings.HasSuffix(plain, "ask the vendor") {
		t.Errorf("a bad signature: %q", plain)
	}
	for _, setting := range []string{"version: 0.24.6", "cosign_key_sha256: …"} {
		code, hint := classify("acme", &release.TrustError{Setting: setting})
		if want := plain + `, and where that is meant say "` + setting + `" of acme in the inventory`; code != exitTrust || hint != want {
			t.Errorf("%d, %q, want %q", code, hint, want)
		}
	}
}
