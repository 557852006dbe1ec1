package cli

import (
	"strings"
	"testing"
	"time"

	"liftalot/plan"
)

func TestClockCheck(t *testing.T) {
	now := time.Date(2026, 11, 23, 21, 0, 0, 0, time.UTC)
	for there, want := range map[time.Time]string{
		{}:                         "",
		now.Add(4 * time.Minute):   "",
		now.Add(-4 * time.Minute):  "",
		now.Add(61 * time.Minute):  "1h01m ahead of",
		now.Add(-10 * time.Minute): "10m00s behind",
	} {
		c := clockCheck(there, now)
		if (c.Level == plan.Warn) != (want != "") || !strings.Contains(c.Detail, want) {
			t.Errorf("%s: %+v", there, c)
		}
	}
}
