package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"liftalot/plan/journal"
)

// How a run ended is kept as runs/ID/result.json in the host's folder: one object
// as apply prints it, without the secrets of the run. A run that goes on writes it
// anew. It is for people; what may be done next is decided by the journal alone.

func (t *target) resultFile(run string) string {
	return filepath.Join(t.folder(), "runs", run, "result.json")
}

// keepResult writes the result.
func (t *target) keepResult(done hostResult) error {
	data, err := json.MarshalIndent(done, "", " ")
	if err != nil {
		return fmt.Errorf("keep the result of run %s: %w", done.Run, err)
	}
	return journal.WriteFile(t.resultFile(done.Run), []byte(t.secret.String(string(data))+"\n"), 0o600)
}

// result reads how a run ended. Nothing is known of one that was killed.
func (t *target) result(run string) (hostResult, error) {
	data, err := os.ReadFile(t.resultFile(run))
	if errors.Is(err, fs.ErrNotExist) {
		return hostResult{}, nil
	}
	if err != nil {
		return hostResult{}, fmt.Errorf("read the result of run %s: %w", run, err)
	}
	var done hostResult
	if err := json.Unmarshal(data, &done); err != nil {
		return hostResult{}, &journal.DamagedError{Path: t.resultFile(run), Reason: "it is not JSON; the journal beside it has what was done"}
	}
	return done, nil
}
