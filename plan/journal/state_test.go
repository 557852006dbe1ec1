package journal_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"liftalot/plan/journal"
)

// story builds records from short lines: a kind and a step.
func story(run string, action journal.Action, lines ...[2]string) []journal.Record {
	records := []journal.Record{{Kind: journal.RunBegun, Run: run, Action: action, Plan: "p-" + run, Time: when(1)}}
	for i, l := range lines {
		records = append(records, journal.Record{Kind: journal.Kind(l[0]), Run: run, Step: l[1], Time: when(2 + i)})
	}
	return records
}

func ended(run string, o journal.Outcome) journal.Record {
	return journal.Record{Kind: journal.RunEnded, Run: run, Outcome: o, Time: when(50)}
}

func TestStepStates(t *testing.T) {
	type steps = [][2]string
	for _, c := range []struct {
		name     string
		story    steps
		do, undo journal.Kind
		inEffect bool
	}{
		{"never begun", nil, "", "", false},
		{"begun", steps{{"intent", "s"}}, journal.Intent, "", false},
		{"done", steps{{"intent", "s"}, {"done", "s"}}, journal.Done, "", true},
		{"failed", steps{{"intent", "s"}, {"failed", "s"}}, journal.Failed, "", false},
		{"nobody saw", steps{{"intent", "s"}, {"unknown", "s"}}, journal.Unknown, "", false},
		{"looked and done", steps{{"intent", "s"}, {"unknown", "s"}, {"done", "s"}}, journal.Done, "", true},
		{"undo begun", steps{{"intent", "s"}, {"done", "s"}, {"undo-intent", "s"}}, journal.Done, journal.UndoIntent, true},
		{"undo unseen", steps{{"intent", "s"}, {"done", "s"}, {"undo-intent", "s"}, {"undo-unknown", "s"}}, journal.Done, journal.UndoUnknown, true},
		{"undo failed", steps{{"intent", "s"}, {"done", "s"}, {"undo-intent", "s"}, {"undo-failed", "s"}}, journal.Done, journal.UndoFailed, true},
		{"undone", steps{{"intent", "s"}, {"done", "s"}, {"undo-intent", "s"}, {"undo-done", "s"}}, journal.Done, journal.UndoDone, false},
		{"unknown, then undone", steps{{"intent", "s"}, {"unknown", "s"}, {"undo-intent", "s"}, {"undo-done", "s"}}, journal.Unknown, journal.UndoDone, false},
		{"done again", steps{{"intent", "s"}, {"done", "s"}, {"undo-intent", "s"}, {"undo-done", "s"}, {"intent", "s"}}, journal.Intent, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := journal.LastRun(story("r1", journal.Apply, c.story...)).Step("s")
			if s.Do != c.do || s.Undo != c.undo {
				t.Errorf("state = %q, %q, want %q, %q", s.Do, s.Undo, c.do, c.undo)
			}
			if s.InEffect() != c.inEffect {
				t.Errorf("in effect %v", s.InEffect())
			}
		})
	}
}

func TestSummarise(t *testing.T) {
	first := append(story("r1", journal.Apply, [2]string{"intent", "a"}, [2]string{"done", "a"}), ended("r1", journal.Completed))
	rollback := story("r2", journal.Rollback, [2]string{"intent", "undo a"})
	rollback[0].Undoes = "r1"
	note := journal.Record{Kind: journal.Note, Time: when(55)}

	if got := journal.LastRun(nil); got.Run != "" || got.Interrupted() {
		t.Errorf("of nothing: %+v", got)
	}
	if got := journal.LastRun([]journal.Record{note}); got.Run != "" {
		t.Errorf("of a note: %+v", got)
	}
	got := journal.LastRun(append(first, note))
	if got.Run != "r1" || got.Outcome != journal.Completed || got.Interrupted() || got.Ended != when(50) || got.Last.Kind != journal.RunEnded {
		t.Errorf("of a whole run: %+v", got)
	}

	all := append(append(first, note), rollback...)
	want := journal.RunState{
		Run: "r2", Action: journal.Rollback, Undoes: "r1", Plan: "p-r2", Begun: when(1),
		Steps: []journal.StepState{{Step: "undo a", Do: journal.Intent, Tries: 1, Begun: when(2), Time: when(2)}},
		Last:  rollback[1],
	}
	got = journal.LastRun(all)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("of an interrupted rollback (-want +got):\n%s", diff)
	}
	if !got.Interrupted() {
		t.Error("the rollback has not ended")
	}
	if runs := journal.Runs(all); len(runs) != 2 || runs[0].Run != "r1" {
		t.Errorf("runs: %+v", runs)
	}
}

func TestARunThatEndedAndGoesOnIsOpenAgain(t *testing.T) {
	records := append(story("r1", journal.Apply, [2]string{"intent", "a"}), ended("r1", journal.NeedsPerson))
	if got := journal.LastRun(records); got.Interrupted() {
		t.Errorf("ended run: %+v", got)
	}
	records = append(records, story("r1", journal.Apply, [2]string{"intent", "a"}, [2]string{"done", "a"})...)
	got := journal.LastRun(records)
	if !got.Interrupted() || !got.Ended.IsZero() || got.Step("a").Tries != 2 || len(journal.Runs(records)) != 1 {
		t.Errorf("resumed run: %+v", got)
	}
}

// What a step has made is as old as its first try, not as its last; what was rolled back
// and done again is new.
func TestAStepKeepsTheTimeOfItsFirstTry(t *testing.T) {
	for _, c := range []struct {
		story [][2]string
		begun int
	}{
		{[][2]string{{"intent", "s"}, {"intent", "s"}, {"done", "s"}}, 2},
		{[][2]string{{"intent", "s"}, {"failed", "s"}, {"undo-intent", "s"}, {"undo-failed", "s"}}, 2},
		{[][2]string{{"intent", "s"}, {"done", "s"}, {"undo-intent", "s"}, {"undo-done", "s"}, {"intent", "s"}}, 6},
	} {
		if s := journal.LastRun(story("r1", journal.Apply, c.story...)).Step("s"); s.Begun != when(c.begun) {
			t.Errorf("%v: begun at %s, want %s", c.story, s.Begun, when(c.begun))
		}
	}
}
