// Package apply carries a plan out on a host, and nothing else than the plan.
//
// An [Engine] goes through the steps in order. For each it writes down the
// intent, acts, looks, and writes down the outcome, so that whatever happens to
// this program the next start knows where things are. Running it again resumes:
// steps that are done stay done, and every operation looks at the host before it
// acts, so that a step whose fate nobody saw is not done twice.
//
// When a step fails, the steps that were begun are undone in reverse, each by the
// inverse that the plan fixed before the first change. When the operator
// interrupts, nothing is undone: the run can be resumed or rolled back.
//
// Rollback is a plan like any other and runs through the same engine.
//
// # How it ends
//
// [Engine.Run] returns a [Result], whose Outcome is the journal's word for it, and an
// error that names the step. What the error means in words and exit codes is
// decided in cmd.
package apply

import (
	"context"
	"fmt"
	"strings"
	"time"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/remote"
)

// A Host is what the engine needs of a machine, and no more; [remote.Client] is
// one.
type Host interface {
	Run(ctx context.Context, cmd remote.Command) (remote.Result, error)
	ReadFile(ctx context.Context, path string, limit int64) (remote.File, error)
	WriteFile(ctx context.Context, path string, data []byte, opt remote.WriteOptions) error
	Lstat(ctx context.Context, path string) (remote.FileInfo, error)
	Remove(ctx context.Context, path string) error
}

// Workstation is what the engine needs of the workstation: things only its caller can
// look up, prove or ask for.
type Workstation struct {
	// Look takes a fresh look at the host.
	Look func(ctx context.Context) (*plan.Facts, error)
	// Backup takes and proves a backup.
	Backup func(ctx context.Context, op plan.Backup) (BackupNote, error)
	// Send puts a backup's dump onto the host.
	Send func(ctx context.Context, op plan.Send) error
	// Original returns the proven bytes of a client's file as they were before.
	Original func(ctx context.Context, path string) ([]byte, error)
	// Credentials returns the registry login.
	Credentials func(ctx context.Context) (user string, password []byte, err error)
	// Verify looks at the finished host and says what is wrong with it.
	Verify func(ctx context.Context, op plan.Verify) error
	// Redact takes the secrets of the run out of a text that is to be kept; nil leaves it.
	Redact func(string) string
	// Tell is told what happens, for the screen. It must not block.
	Tell func(Event)
	// Now is the clock.
	Now func() time.Time
}

// BackupNote is what the journal keeps of a backup.
type BackupNote struct {
	ID     string `json:"id"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // of the dump
}

// Result is what is known after a run.
type Result struct {
	Outcome  journal.Outcome // as this start leaves it: Aborted where nothing was changed
	Changed  bool            // a step that changes the host was begun
	Swapped  bool            // the server was touched
	Downtime *Downtime
	Backup   *BackupNote
	Failed   string           // the step that failed
	Failure  *journal.Failure // what was seen of it, by this start
	Undo     error            // why not everything went back
}

// Event is something to show while a run is under way.
type Event struct {
	Step  string
	Title string
	Place int // of the step in its plan, from 1; 0: the event is of no step
	Steps int // of the plan
	Kind  EventKind
	Text  string // live output: foreign text
	Took  time.Duration
	Err   error
}

// EventKind says what an event is about.
type EventKind int

// The kinds of events.
const (
	StepBegun EventKind = iota
	StepDone
	StepSkipped // it was done by an earlier start of this run
	StepFailed
	UndoBegun
	UndoDone
	UndoFailed
	Output
)

// StaleError reports that the host has changed since it was planned.
type StaleError struct {
	Host  string
	Drift []string
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("%s: the plan is stale: %s", e.Host, strings.Join(e.Drift, "; "))
}

// StepError reports a step that failed.
type StepError struct {
	Host string
	Step plan.Step
	Err  error
}

func (e *StepError) Error() string {
	return fmt.Sprintf("%s: step %q: %v", e.Host, e.Step.Title, e.Err)
}

func (e *StepError) Unwrap() error { return e.Err }

// RefusedByHostError reports an operation that found the host in a state it must not
// touch. The sentence says what and what to do.
type RefusedByHostError struct{ Reason string }

func (e *RefusedByHostError) Error() string { return e.Reason }
