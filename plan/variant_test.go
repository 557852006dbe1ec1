package plan

import (
	"encoding/json"
	"testing"
)

// TestFormerVariants reads the names that plans had before version 0.5.0.
func TestFormerVariants(t *testing.T) {
	for text, want := range map[string]Variant{
		"full": Unmanaged, "half-done": Incomplete, "done": Managed,
		"staged": Staged, "managed": Managed, "of a later version": "of a later version",
	} {
		var v Variant
		if err := json.Unmarshal([]byte(`"`+text+`"`), &v); err != nil || v != want {
			t.Errorf("%q: %q, %v; want %q", text, v, err, want)
		}
	}
}
