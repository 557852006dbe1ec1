package journal

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A copy holds a run and what rolls it back, is proven like a journal, and says
// of them what the journal says.
func TestACopyOfARun(t *testing.T) {
	at := time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)
	other := Record{Kind: RunBegun, Run: "r0", Action: Apply, Time: at}
	wanted := []Record{
		{Kind: Note, Run: "r1", Time: at},
		{Kind: RunBegun, Run: "r1", Action: Apply, Plan: "ff", Time: at},
		{Kind: Intent, Run: "r1", Step: "edit", Time: at},
		{Kind: Adopted, Run: "r1", Time: at, Data: []byte(`{"user":"bob"}`)},
		{Kind: RunBegun, Run: "r2", Action: Rollback, Undoes: "r1", Time: at},
		{Kind: Intent, Run: "r2", Step: "undo-edit", Time: at},
	}
	all := append([]Record{other}, wanted...)
	if diff := cmp.Diff(wanted, ForRun(all, "r1")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	data, err := Encode("web1", wanted)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Encode("web1", wanted)
	if err != nil || string(again) != string(data) {
		t.Errorf("the same records give other bytes: %v", err)
	}
	c, err := Parse(data, "web1", "the copy")
	if err != nil || c.Cut > 0 {
		t.Fatalf("%+v, %v", c, err)
	}
	if diff := cmp.Diff(wanted, c.Records); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	run := Runs(c.Records)[0]
	if run.Epoch != 1 || Epoch(c.Records, "r1") != 1 || Epoch(c.Records, "r2") != 0 || run.Last.Step != "edit" {
		t.Errorf("%+v", run)
	}
	var damaged *DamagedError
	if _, err := Parse(data, "web2", "the copy"); !errors.As(err, &damaged) || damaged.Path != "the copy" {
		t.Errorf("another host's: %v", err)
	}
	for i := range data {
		bad := append([]byte{}, data...)
		bad[i] ^= 1
		if c, err := Parse(bad, "web1", "the copy"); err == nil && c.Cut == 0 {
			t.Fatalf("a flip of byte %d was not seen", i)
		}
	}
	for _, none := range [][]Record{nil, {{Kind: Intent, Run: "r1", Time: at}}} {
		if _, err := Encode("web1", none); err == nil {
			t.Errorf("%v was written", none)
		}
	}
}
