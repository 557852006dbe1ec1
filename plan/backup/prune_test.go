package backup

import (
	"errors"
	"fmt"
	"math/bits"
	"testing"
	"time"
)

// nightly is a backup every night at 02:30 for so many nights, the oldest first.
func nightly(n int) []Entry {
	list := make([]Entry, n)
	last := time.Date(2026, 11, 23, 2, 30, 0, 0, time.UTC)
	for i := range list {
		at := last.AddDate(0, 0, i-n+1)
		list[i] = Entry{Manifest: &Manifest{ID: at.Format("0102"), Taken: at}}
	}
	return list
}

func kept(all []Choice) (ids []string) {
	for _, c := range all {
		if c.Keeps() {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func TestPolicyKeepsWhatResticWouldKeep(t *testing.T) {
	list := nightly(100)
	for _, tt := range []struct {
		policy Policy
		want   string
	}{
		{Policy{Daily: 3}, "[1121 1122 1123]"},
		// Sundays end a week; the 23rd is the newest of a week that goes on.
		{Policy{Weekly: 3}, "[1115 1122 1123]"},
		{Policy{Monthly: 3}, "[0930 1031 1123]"},
		{Policy{Daily: 2, Weekly: 2, Monthly: 2}, "[1031 1122 1123]"},
		// Nothing asked for: the newest stays all the same.
		{Policy{}, "[1123]"},
	} {
		if got := fmt.Sprint(kept(tt.policy.Choose(list, nil))); got != tt.want {
			t.Errorf("%+v keeps %s, want %s", tt.policy, got, tt.want)
		}
	}
}

func TestPolicyNeverDropsWhatIsNeeded(t *testing.T) {
	list := nightly(10)
	list[9].Err = errors.New("db.dump.age is not there")
	got := kept(Policy{}.Choose(list, map[string]string{"1116": "rollback needs it"}))
	// The newest sound one stays beside the damaged one, which counts for nothing.
	if fmt.Sprint(got) != "[1116 1122 1123]" {
		t.Errorf("keeps %v", got)
	}
}

func FuzzPolicyKeepsTheNewestSoundOne(f *testing.F) {
	f.Add(uint16(0b1011), 1, 0, 0)
	f.Fuzz(func(t *testing.T, damaged uint16, d, w, m int) {
		list := nightly(16)
		for i := range list {
			if damaged&(1<<i) != 0 {
				list[i].Err = errors.New("damaged")
			}
		}
		all := Policy{d, w, m}.Choose(list, nil)
		if sound := bits.LeadingZeros16(^damaged); sound < 16 && !all[15-sound].Keeps() {
			t.Errorf("the newest sound backup of %016b would go", damaged)
		}
	})
}
