package plan

import (
	"strings"
	"testing"
	"time"
)

// A database whose final dump the swap would give up is told of before, with what
// to set instead.
func TestTheFinalDumpMustFitIntoTheDowntime(t *testing.T) {
	for _, tt := range []struct {
		mb     int64
		limit  time.Duration
		allow  []string
		hint   string // "" for no warning
		detail string
	}{
		{mb: 1200, limit: 2 * time.Minute},
		{mb: 1300, limit: 2 * time.Minute, hint: "max_downtime: 3m", detail: "1.2 GiB may take 96 seconds"}, // with the stop
		{mb: 1700, limit: 2 * time.Minute, hint: "set max_downtime: 3m, or skip that dump: allow: [no-final-dump]",
			detail: "the server's stop and the final dump of 1.6 GiB may take 123 seconds; of the 120 that it may be away they get 90"},
		{mb: 1700, hint: "max_downtime: 3m"},
		{mb: 200, limit: 30 * time.Second, hint: "max_downtime: 1m,"},
		{mb: 200, limit: time.Minute},
		{mb: 60_000, limit: time.Hour, hint: "max_downtime: 68m"},
		{mb: 60_000, limit: time.Hour, allow: []string{AllowNoFinalDump}},
	} {
		f := recorded(t, "public")
		f.Database.Bytes = tt.mb * 1_000_000
		var warned Check
		for _, c := range Checks(f, Settings{MaxDowntime: tt.limit, Allow: tt.allow}, nil) {
			if c.Name == "downtime" {
				warned = c
			}
		}
		if (warned.Hint == "") != (tt.hint == "") || !strings.Contains(warned.Hint, tt.hint) || !strings.Contains(warned.Detail, tt.detail) || warned.Level == Stop {
			t.Errorf("%d MB within %s: %+v", tt.mb, tt.limit, warned)
		}
	}
}

// A host where nothing is left to do takes no dump, whatever the size of its database;
// as soon as there is something it does.
func TestNoWordOfADumpThatIsNotTaken(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(in *BuildInput)
		warns  int
	}{
		"nothing to do":   {func(*BuildInput) {}, 0},
		"another release": {func(in *BuildInput) { in.Release.Version = "0.25.0" }, 1},
		"a missing line": {func(in *BuildInput) {
			const line = "      UPDATE_CHANNEL: stable\n"
			file := &in.Facts.Files[0]
			file.setData(strings.Replace(string(file.Data), line, "", 1))
			remodel(t, in.Facts, "managed", nil, "services", "chatalot", "environment", "UPDATE_CHANNEL")
		}, 1},
	} {
		in := inputFor(t, recorded(t, "managed"))
		in.Facts.Database.Bytes = 8 << 30
		tt.change(&in)
		p, _ := build(t, in)
		warns := 0
		for _, w := range p.Warnings {
			if strings.HasPrefix(w, "downtime: ") {
				warns++
			}
		}
		if warns != tt.warns || p.Empty() != (tt.warns == 0) {
			t.Errorf("%s: %q, empty %v", name, p.Warnings, p.Empty())
		}
	}
}

// The warning and the job on the host go by the same number.
func TestDumpTime(t *testing.T) {
	for limit, want := range map[int]int{1: 1, 20: 10, 25: 13, 59: 30, 60: 30, 90: 60, 120: 90, 3600: 3570} {
		if got := DumpTime(limit); got != want {
			t.Errorf("of %d seconds the dump gets %d; want %d", limit, got, want)
		}
	}
}
