package journal

import (
	"strings"
	"testing"
)

// P3: however much a host says, what is kept fits into a record, and reads back.
func TestP3AFailureFitsIntoARecord(t *testing.T) {
	wide := strings.Repeat("\x01", 400)
	for _, f := range []Failure{
		{Reason: "short"},
		{Reason: strings.Repeat(wide, 40)},
		{Reason: "r", Findings: many(wide, 100)},
		{Reason: "r", Containers: []LastContainer{{Name: "a", Log: many(wide, 20)}, {Name: "b", Log: append(many(wide, 20), "last")}}},
	} {
		data, err := f.Data()
		if err != nil || len(data) > MaxData {
			t.Fatalf("%d bytes, %v", len(data), err)
		}
		got := failureOf(Record{Kind: Failed, Data: data})
		if got == nil || !strings.HasPrefix(f.Reason, got.Reason) {
			t.Errorf("read back %+v", got)
		}
		if n := len(f.Containers); n > 0 && got.Containers[n-1].Log[len(got.Containers[n-1].Log)-1] != "last" {
			t.Error("the last line is gone")
		}
	}
}

func many(s string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = s
	}
	return list
}

// A journal of an older liftalot has failures of which nothing is kept.
func TestAFailureOfWhichNothingIsKept(t *testing.T) {
	runs := Runs([]Record{{Kind: RunBegun, Run: "r", Action: Apply}, {Kind: Intent, Run: "r", Step: "swap"}, {Kind: Failed, Run: "r", Step: "swap"}})
	if step, f := runs[0].Failure(); step != "swap" || f != nil {
		t.Errorf("%q, %+v", step, f)
	}
}
