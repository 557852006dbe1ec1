package journal_test

import (
	"fmt"
	"log"
	"os"
	"time"

	"liftalot/plan/journal"
)

// A run that was cut off in the middle of a step, as the next start finds it.
func Example() {
	dir, err := os.MkdirTemp("", "journal")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	now := time.Date(2026, 11, 23, 21, 0, 0, 0, time.UTC)
	j, err := journal.Open(dir, journal.Options{Host: "web1", Purpose: "apply", Now: now})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range []journal.Record{
		{Kind: journal.RunBegun, Run: "r1", Action: journal.Apply, Time: now},
		{Kind: journal.Intent, Run: "r1", Step: "tag-image", Time: now},
		{Kind: journal.Done, Run: "r1", Step: "tag-image", Time: now},
		{Kind: journal.Intent, Run: "r1", Step: "swap", Time: now},
	} {
		if err := j.Append(r); err != nil {
			log.Fatal(err) // stop: nothing more may be done to the host
		}
	}
	j.Close()

	seen, err := journal.Load(dir, "web1")
	if err != nil {
		log.Fatal(err)
	}
	run := journal.LastRun(seen.Records)
	fmt.Println("interrupted:", run.Interrupted())
	for _, step := range run.Steps {
		fmt.Printf("%s: %s, in effect %v\n", step.Step, step.Do, step.InEffect())
	}
	// Output:
	// interrupted: true
	// tag-image: done, in effect true
	// swap: intent, in effect false
}
