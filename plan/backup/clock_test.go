package backup

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// T1: a host's clock, however wrong, in which direction and wherever it is set anew, moves
// no backup out of the time in which this machine took it.
func TestTakenIsThisMachinesTime(t *testing.T) {
	begun := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	now := begun.Add(10 * time.Minute)
	for name, tt := range map[string]struct {
		at, hostNow time.Time
		want        time.Duration // after begun
	}{
		"right":               {begun.Add(time.Minute), now, time.Minute},
		"ten years slow":      {begun.AddDate(-10, 0, 1), begun.AddDate(-10, 0, 1).Add(4 * time.Minute), 6 * time.Minute},
		"ten years fast":      {begun.AddDate(10, 0, 1), begun.AddDate(10, 0, 1).Add(4 * time.Minute), 6 * time.Minute},
		"set forward between": {begun.AddDate(-10, 0, 0), now, 0},
		"set back between":    {begun.AddDate(10, 0, 0), now, 10 * time.Minute},
	} {
		if got := dumpTime(begun, now, tt.at, tt.hostNow); !got.Equal(begun.Add(tt.want)) {
			t.Errorf("%s: %v, want %v later than %v", name, got, tt.want, begun)
		}
	}
}

// T1: seven nights on hosts whose clocks are years off cost none of the honest backups that
// the policy keeps, and each counts for its own night.
func TestNoClockOfAHostPrunesAnHonestBackup(t *testing.T) {
	for name, off := range map[string]func(night int) time.Duration{
		"years slow": func(int) time.Duration { return -9 * 365 * 24 * time.Hour },
		"years fast": func(int) time.Duration { return 9 * 365 * 24 * time.Hour },
		"a false date each night": func(night int) time.Duration {
			return time.Duration(night*night*400-3000) * 24 * time.Hour
		},
	} {
		folder := t.TempDir()
		first := time.Date(2026, 11, 2, 2, 0, 0, 0, time.UTC)
		for night := range 14 {
			now := first.AddDate(0, 0, night)
			h := newHost(t)
			if night >= 7 {
				at := now.Add(off(night)).Unix()
				h.list = strings.NewReplacer("now 1795465860", fmt.Sprintf("now %d", max(0, at+60)), "at 1795465800", fmt.Sprintf("at %d", max(0, at))).Replace(h.list)
			}
			k := creator(h)
			k.Now = func() time.Time { return now.Add(2 * time.Minute) }
			b := op
			b.ID = now.Format("20060102T150405Z") + "-abcdef"
			if _, err := k.Create(t.Context(), Request{Backup: b}, filepath.Join(folder, b.ID)); err != nil {
				t.Fatal(err)
			}
		}
		list, err := List(folder)
		if err != nil || len(list) != 14 {
			t.Fatalf("%s: %d backups, %v", name, len(list), err)
		}
		kept := 0
		for i, c := range (Policy{Daily: 14}).Choose(list, nil) {
			if want := first.AddDate(0, 0, i).Add(time.Minute); !c.Taken.Equal(want) {
				t.Errorf("%s: night %d counts as %v", name, i, c.Taken)
			}
			if c.Keeps() {
				kept++
			}
		}
		if kept != 14 {
			t.Errorf("%s: %d of 14 stay", name, kept)
		}
	}
}

// A backup of before has the host's time, and counts by its id, which has this machine's.
func TestAnOldManifestCountsByItsID(t *testing.T) {
	host := time.Date(2035, 1, 1, 0, 0, 0, 0, time.UTC)
	m := &Manifest{Format: formatHostClock, ID: "20261123T080855Z-42daf1", Host: "web1", HostClock: host, Rows: map[string]int64{}}
	dir := t.TempDir()
	if err := m.save(dir); err != nil {
		t.Fatal(err)
	}
	was, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err != nil || !strings.Contains(string(was), `"taken": "2035-01-01T00:00:00Z"`) || strings.Contains(string(was), "host_clock") {
		t.Fatalf("%s, %v", was, err)
	}
	got, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2026, 11, 23, 8, 8, 55, 0, time.UTC); !got.Taken.Equal(want) || !got.HostClock.Equal(host) {
		t.Errorf("taken %v, by the host's clock %v", got.Taken, got.HostClock)
	}
	if again, err := got.encode(); err != nil || string(again) != string(was) {
		t.Errorf("it would be written anew as %s, %v", again, err)
	}
}
