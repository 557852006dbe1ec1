package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/plan/statefile"
)

// A Record is a line of a journal.
type Record = journal.Record

// State is what is kept of a host: its journal, the plan to carry out next, and the plan
// of each run.
type State interface {
	// Runs tells the host's history, oldest first, without touching anything.
	Runs() ([]journal.RunState, error)
	// Open locks the journal and opens it for more; the purpose is for who finds it locked.
	Open(purpose string, now time.Time) (*journal.Journal, error)
	// Saved is the plan to carry out next, and its hash; without one the error is
	// [fs.ErrNotExist].
	Saved() (*plan.Plan, string, error)
	Save(p *plan.Plan) error
	// Plan is the plan of a run, and its hash. A journal that names a run has its plan
	// beside it: without it the error is a [*journal.DamagedError].
	Plan(run string) (*plan.Plan, string, error)
	// KeepPlan keeps the bytes of a run's plan.
	KeepPlan(run string, data []byte) error
}

// A Folder is the state of a host in a folder of this machine.
type Folder struct {
	Host string
	Dir  string
	FS   statefile.FS // nil is the machine's
}

func (f Folder) fs() statefile.FS {
	if f.FS == nil {
		return statefile.OS{}
	}
	return f.FS
}

func (f Folder) saved() string { return filepath.Join(f.Dir, "plan.json") }

// PlanFile is where the plan of a run is kept.
func (f Folder) PlanFile(run string) string { return filepath.Join(f.Dir, "runs", run, "plan.json") }

// Runs implements [State].
func (f Folder) Runs() ([]journal.RunState, error) {
	c, err := journal.Load(f.Dir, f.Host)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return journal.Runs(c.Records), nil
}

// Open implements [State].
func (f Folder) Open(purpose string, now time.Time) (*journal.Journal, error) {
	return journal.Open(f.Dir, journal.Options{Host: f.Host, Purpose: purpose, Now: now, FS: f.fs()})
}

// Saved implements [State].
func (f Folder) Saved() (*plan.Plan, string, error) {
	return readPlan(f.saved(), fmt.Sprintf("\"liftalot plan %s\" makes a new one", f.Host))
}

// Save implements [State].
func (f Folder) Save(p *plan.Plan) error {
	data, err := p.Encode()
	if err != nil {
		return err
	}
	return f.write(f.saved(), data)
}

// Plan implements [State].
func (f Folder) Plan(run string) (*plan.Plan, string, error) {
	const hint = "put it back from a copy of the state folder: the rollback of the run is in it"
	p, hash, err := readPlan(f.PlanFile(run), hint)
	if errors.Is(err, fs.ErrNotExist) {
		err = &journal.DamagedError{Path: f.PlanFile(run), Reason: "the plan of run " + run + " is gone; " + hint}
	}
	return p, hash, err
}

// KeepPlan implements [State].
func (f Folder) KeepPlan(run string, data []byte) error {
	return f.write(f.PlanFile(filepath.Base(run)), data)
}

func (f Folder) write(file string, data []byte) error {
	err := os.MkdirAll(filepath.Dir(file), 0o700)
	if err == nil {
		err = statefile.WriteFileTo(f.fs(), file, data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("save the plan: %w", err)
	}
	return nil
}

func readPlan(file, hint string) (*plan.Plan, string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, "", err
	}
	p, err := plan.Decode(data)
	var newer *plan.NewerError
	switch {
	case errors.As(err, &newer):
		return nil, "", fmt.Errorf("%s: %w", file, err)
	case err != nil:
		return nil, "", &journal.DamagedError{Path: file, Reason: err.Error() + "; " + hint}
	}
	return p, plan.Hash(data), nil
}
