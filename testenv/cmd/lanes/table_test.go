package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"liftalot/testenv/images"
)

func someResult(name, outcome string) result {
	r := result{lane: images.Lane{Name: name}, day: "2026-12-01", facts: make([]string, len(columns)), outcome: map[string]string{}}
	for _, s := range suites() {
		r.outcome[s.name] = outcome
	}
	return r
}

// A run of some lanes keeps what is known of the others.
func TestALineIsReplacedAndTheOthersStay(t *testing.T) {
	all := images.Lanes()
	file := filepath.Join(t.TempDir(), "hosts.md")
	if err := os.WriteFile(file, []byte("before\n"+begin+end+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, r := range []result{someResult(all[1].Name, "**failed**"), someResult(all[0].Name, passed), someResult(all[1].Name, passed)} {
		if err := replaceLine(file, r); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	want := "before\n" + begin + header() + someResult(all[0].Name, passed).line() + "\n" + someResult(all[1].Name, passed).line() + "\n" + end + "after\n"
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

func TestChosenLanes(t *testing.T) {
	if lanes, err := chosen(nil); err != nil || len(lanes) != len(images.Lanes()) {
		t.Errorf("without names: %v, %v", lanes, err)
	}
	if _, err := chosen([]string{"woody"}); err == nil || !strings.Contains(err.Error(), "want one of trixie, engine-29") {
		t.Errorf("%v", err)
	}
}
