package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/journal"
	"liftalot/plan/run"
	"liftalot/plan/statefile"
)

// A hostFolder is what this machine has of a host: its journal, plans and results, and what
// it was seen to run.
type hostFolder struct {
	host string
	dir  string
	now  func() time.Time
}

// history is what a run reads and writes of it.
func (f hostFolder) history() run.Folder { return run.Folder{Host: f.host, Dir: f.dir} }

// How a run ended is kept as runs/ID/result.json in the host's folder: one object
// as apply prints it, without the secrets of the run. A run that goes on writes it
// anew. It is for people; what may be done next is decided by the journal alone.

func (f hostFolder) resultFile(run string) string {
	return filepath.Join(f.dir, "runs", run, "result.json")
}

// keepResult writes the result, redacted.
func (f hostFolder) keepResult(done hostResult, redact func(string) string) error {
	data, err := json.MarshalIndent(done, "", " ")
	if err != nil {
		return fmt.Errorf("keep the result of run %s: %w", done.Run, err)
	}
	return statefile.WriteFile(f.resultFile(done.Run), []byte(redact(string(data))+"\n"), 0o600)
}

// result reads how a run ended. Nothing is known of one that was killed.
func (f hostFolder) result(run string) (hostResult, error) {
	data, err := os.ReadFile(f.resultFile(run))
	if errors.Is(err, fs.ErrNotExist) {
		return hostResult{}, nil
	}
	if err != nil {
		return hostResult{}, fmt.Errorf("read the result of run %s: %w", run, err)
	}
	var done hostResult
	if err := json.Unmarshal(data, &done); err != nil {
		return hostResult{}, &journal.DamagedError{Path: f.resultFile(run), Reason: "it is not JSON; the journal beside it has what was done"}
	}
	return done, nil
}

// downBefore is what is known of the server's downtime before a run, or an earlier start of
// it, is carried out: what that one left, or where nobody could write it down, that it had
// begun to replace the server.
func (f hostFolder) downBefore(p *plan.Plan, records []journal.Record) (*apply.Downtime, error) {
	runs := journal.Runs(records)
	if len(runs) == 0 {
		return nil, nil
	}
	return f.downAfter(runs[len(runs)-1], p.ID)
}

// downAfter is what is known of the server's downtime after a run; of one that is resumed
// what it has written down itself.
func (f hostFolder) downAfter(last journal.RunState, resumed string) (*apply.Downtime, error) {
	done, err := f.result(last.Run)
	if err != nil {
		return nil, err
	}
	if done.Downtime != nil || last.Run == resumed || !last.Interrupted() {
		return done.Downtime, nil
	}
	was, _, err := f.history().Plan(last.Run)
	var damaged *journal.DamagedError
	if errors.As(err, &damaged) {
		return nil, nil // such as on the machine that adopted a later run
	}
	if err != nil {
		return nil, err
	}
	return apply.OpenGap(last, was), nil
}
