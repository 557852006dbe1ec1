package journal_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"liftalot/plan/journal"
)

// when is the hour all tests live in.
func when(minute int) time.Time {
	return time.Date(2026, 11, 23, 21, minute, 0, 0, time.UTC)
}

func options() journal.Options {
	return journal.Options{Host: "web1", Purpose: "test", Now: when(0)}
}

func open(t *testing.T, dir string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(dir, options())
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// sample is the story of a run that was cut off in its second step.
func sample() []journal.Record {
	return []journal.Record{
		{Kind: journal.RunBegun, Run: "r1", Action: journal.Apply, Plan: "abc", Time: when(1)},
		{Kind: journal.Intent, Run: "r1", Step: "tag-image", Time: when(2)},
		{Kind: journal.Done, Run: "r1", Step: "tag-image", Time: when(3), Data: json.RawMessage(`{"image":"sha256:aa"}`)},
		{Kind: journal.Note, Run: "r1", Time: when(4), Data: json.RawMessage(`{"text":"link came back"}`)},
		{Kind: journal.Intent, Run: "r1", Step: "swap", Time: when(5)},
	}
}

func write(t *testing.T, dir string, records []journal.Record) {
	t.Helper()
	j := open(t, dir)
	for _, r := range records {
		if err := j.Append(r); err != nil {
			t.Fatalf("append: %v", err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

func TestWhatWasAppendedIsThereAfterwards(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hosts", "web1")
	write(t, dir, sample())

	j := open(t, dir)
	if diff := cmp.Diff(sample(), j.Records()); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if j.Cut() != 0 {
		t.Errorf("cut %d bytes of a whole journal", j.Cut())
	}
}

// What is remembered and what is read again are the same, whatever the caller's
// way to write JSON, text and time.
func TestRecordsAreWhatAReaderSees(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	r := journal.Record{
		Kind: journal.Done, Run: "r1", Step: "a\xffb<c>", Time: when(1).In(time.FixedZone("", 3600)),
		Data: json.RawMessage("{\n  \"x\": \"<&>\"\n}\n"),
	}
	if err := j.Append(r); err != nil {
		t.Fatal(err)
	}
	c, err := journal.Load(dir, "web1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c.Records, j.Records()); diff != "" {
		t.Errorf("records (-read +remembered):\n%s", diff)
	}
}

func TestAppendGoesOnWhereTheJournalEnded(t *testing.T) {
	dir := t.TempDir()
	for _, r := range sample() {
		write(t, dir, []journal.Record{r})
	}
	c, err := journal.Load(dir, "web1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), c.Records); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("NOT RUN: Windows has no modes")
	}
	dir := filepath.Join(t.TempDir(), "hosts", "web1")
	write(t, dir, sample())
	for name, want := range map[string]fs.FileMode{
		dir:                                  0o700 | fs.ModeDir,
		filepath.Join(dir, journal.FileName): 0o600,
		filepath.Join(dir, journal.LockName): 0o600,
	} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
}

func TestLoadChangesNothing(t *testing.T) {
	dir := t.TempDir()
	if _, err := journal.Load(dir, "web1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("load of nothing: %v", err)
	}
	write(t, dir, sample())
	path := filepath.Join(dir, journal.FileName)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	torn := data[:len(data)-5]
	if err := os.WriteFile(path, torn, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := journal.Load(dir, "web1")
	if err != nil || c.Cut == 0 || len(c.Records) != len(sample())-1 {
		t.Errorf("load of a torn journal = %d records, cut %d, %v", len(c.Records), c.Cut, err)
	}
	after, err := os.ReadFile(path)
	if err != nil || string(after) != string(torn) {
		t.Errorf("load changed the journal (%v)", err)
	}
}

func TestAppendRefuses(t *testing.T) {
	big := json.RawMessage(`{"x":"` + strings.Repeat("x", journal.MaxData) + `"}`)
	for name, r := range map[string]journal.Record{
		"no kind":        {Run: "r1", Time: when(1)},
		"internal kind":  {Kind: "opened", Run: "r1", Time: when(1)},
		"no run":         {Kind: journal.Done, Step: "s", Time: when(1)},
		"no step":        {Kind: journal.Intent, Run: "r1", Time: when(1)},
		"no action":      {Kind: journal.RunBegun, Run: "r1", Time: when(1)},
		"no outcome":     {Kind: journal.RunEnded, Run: "r1", Time: when(1)},
		"no time":        {Kind: journal.Note, Run: "r1"},
		"too much data":  {Kind: journal.Note, Run: "r1", Time: when(1), Data: big},
		"not an object":  {Kind: journal.Note, Run: "r1", Time: when(1), Data: json.RawMessage(`"output"`)},
		"not JSON":       {Kind: journal.Note, Run: "r1", Time: when(1), Data: json.RawMessage(`{`)},
		"an endless run": {Kind: journal.Note, Run: strings.Repeat("r", 600), Time: when(1)},
	} {
		t.Run(name, func(t *testing.T) {
			j := open(t, t.TempDir())
			if err := j.Append(r); err == nil {
				t.Fatal("accepted")
			}
			if err := j.Append(sample()[0]); err != nil {
				t.Errorf("a refused record spoiled the journal: %v", err)
			}
		})
	}
}

func TestAppendFromManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for range 5 {
				if err := j.Append(sample()[3]); err != nil {
					t.Errorf("append: %v", err)
				}
			}
		})
	}
	writers.Wait()
	if c, err := journal.Load(dir, "web1"); err != nil || len(c.Records) != 40 {
		t.Errorf("%d records, %v", len(c.Records), err)
	}
}

func TestCloseEndsIt(t *testing.T) {
	j := open(t, t.TempDir())
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if err := j.Append(sample()[0]); err == nil {
		t.Error("a closed journal took a record")
	}
}

func TestOpenNeedsAHostAndATime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x")
	if _, err := journal.Open(dir, journal.Options{}); err == nil {
		t.Error("opened without a host")
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a refused open left something behind (%v)", err)
	}
}
